"""The lists of models that the hub of these tests gives."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

COLLECTIONS = "/api/collections/"
MODELS = "/api/models"


def is_list(route: str) -> bool:
    """Whether a request is about the models of an author, or about a collection."""
    path = urlsplit(route).path
    return path == MODELS or path.startswith(COLLECTIONS)


class Listed:
    """A part of a list: its name, what is in it (None of a list that is not there), its headers."""

    def __init__(self, hub: Any, route: str) -> None:
        place = urlsplit(route)
        query = {key: values[0] for key, values in parse_qs(place.query).items()}
        start = int(query.get("cursor", 0))
        end = start + hub.page
        self.content: Any = None
        self.headers: dict[str, str] = {}
        if place.path == MODELS:
            self.name = query.get("author", "")
            items = [{"id": name} for name in hub.repositories if name.startswith(f"{self.name}/")]
            self.content = items[start:end]
        else:
            self.name = unquote(place.path.removeprefix(COLLECTIONS))
            items = hub.collections.get(self.name)
            if items is not None:
                self.content = {"slug": self.name, "items": items[start:end]}
        if items is not None and end < len(items):
            following = urlencode({**query, "cursor": end})
            self.headers["Link"] = f'<{hub.url}{place.path}?{following}>; rel="next"'
