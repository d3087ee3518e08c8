"""The models of an author or of a collection of the hub, by their ids, page by page."""

import json
import re
from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not marked so
    hf_raise_for_status,
)

from registry.checkpoints.hub import limits
from registry.checkpoints.hub.client import endpoint, hub_headers, session
from registry.checkpoints.hub.errors import CLIENT_ERRORS, reason
from registry.checkpoints.hub.exchange import exchange
from registry.checkpoints.hub.patience import patiently
from registry.checkpoints.source_names import HUB_ID
from registry.errors import (
    HubAuthorUnknown,
    HubCollectionUnknown,
    HubModelsAway,
    HubModelsRefused,
)

PAGE = 1000  # models, the most that the hub gives at a time
MISSING = 404
SLUG = re.compile(r"\w[\w.-]*/\w[\w.-]*")


class Page(NamedTuple):
    """A part of a list. following: where the hub says that the next part is; None of the last."""

    content: Any
    following: str | None


def models_of_author(author: str) -> list[str]:
    """Return the ids of all models of a user or organisation, adapters too, by their names.

    Raises HubAuthorUnknown where none is seen; HubModelsRefused, HubModelsAway.
    """
    if not author.strip():  # all models of the hub
        raise HubAuthorUnknown(author=author)
    query = urlencode({"author": author, "limit": PAGE})
    ids: dict[str, None] = {}
    for page in pages(f"{endpoint()}/api/models?{query}", author):
        if not isinstance(page, list):
            raise HubModelsRefused(name=author, reason="it is no list")
        add(ids, page, author)
    if not ids:
        raise HubAuthorUnknown(author=author)
    return sorted(ids)


def models_of_collection(slug: str) -> list[str]:
    """Return the ids of the models of a collection, adapters too, in its order.

    Raises HubCollectionUnknown; HubModelsRefused, HubModelsAway.
    """
    if not SLUG.fullmatch(slug):
        raise HubCollectionUnknown(slug=slug)
    ids: dict[str, None] = {}
    for page in pages(f"{endpoint()}/api/collections/{quote(slug)}", slug):
        items = page.get("items") if isinstance(page, dict) else None
        if not isinstance(items, list):
            raise HubModelsRefused(name=slug, reason="it is no collection")
        add(ids, [item for item in items if is_model(item)], slug)
    if not ids:
        raise HubCollectionUnknown(slug=slug)
    return list(ids)


def is_model(item: Any) -> bool:
    """Return whether an item of a collection is a model, or nothing that is known."""
    return not isinstance(item, dict) or item.get("type", "model") == "model"


def add(ids: dict[str, None], items: list[Any], name: str) -> None:
    """Add what a page lists. Raises HubModelsRefused."""
    for item in items:
        model = item.get("id") if isinstance(item, dict) else None
        match = HUB_ID.fullmatch(model) if isinstance(model, str) else None
        if match is None or match["model"] != model or len(model) > limits.NAME_LENGTH:
            raise HubModelsRefused(name=name, reason=f"{str(model)[:40]!r} is no id of a model")
        ids[model] = None
    if len(ids) > limits.MODELS:
        raise HubModelsRefused(name=name, reason=f"it has more than {limits.MODELS:,} models")


def pages(url: str, name: str) -> Iterator[Any]:
    """Yield the parts of a list. Raises HubModelsRefused, HubModelsAway, HubCollectionUnknown."""
    latest = monotonic() + limits.MODELS_SECONDS
    following: str | None = url
    seen: set[str] = set()
    while following is not None:
        if following in seen:
            raise HubModelsRefused(name=name, reason="its pages lead back to themselves")
        if len(seen) == limits.PAGES:
            raise HubModelsRefused(name=name, reason=f"it has more than {limits.PAGES:,} pages")
        if monotonic() > latest:
            reason = f"it takes longer than {limits.MODELS_SECONDS} seconds"
            raise HubModelsRefused(name=name, reason=reason)
        seen.add(following)
        page = asked_for(following, name)
        yield page.content
        following = page.following and next_of(url, page.following)


def next_of(url: str, following: str) -> str:
    """Return where the next part of a list is: at the hub, whatever address it is said to have.

    A mirror hands on links to the hub that it mirrors, to which no token of this one belongs.
    """
    place = urlsplit(url)
    return place._replace(query=urlencode(parse_qsl(urlsplit(following).query))).geturl()


def asked_for(url: str, name: str) -> Page:
    """Return one part of a list. Raises HubModelsAway, HubModelsRefused, HubCollectionUnknown."""
    try:
        return patiently(partial(ask, url, name), name)
    except OfflineModeIsEnabled as exc:
        raise HubModelsAway(name=name, reason="HF_HUB_OFFLINE is set") from exc
    except HfHubHTTPError as exc:
        if exc.response.status_code == MISSING and "/api/collections/" in url:
            raise HubCollectionUnknown(slug=name) from exc
        raise HubModelsAway(name=name, reason=reason(exc)) from exc
    except CLIENT_ERRORS as exc:
        raise HubModelsAway(name=name, reason=reason(exc)) from exc


def ask(url: str, name: str) -> Page:
    """Make one request. Raises the client's errors, HubModelsRefused."""
    links: list[str | None] = [None]

    def send(request: Any, **options: Any) -> Any:
        """Remember the link to the next part, which `exchange` takes out if it leads elsewhere."""
        answer = session().send(request, **options)
        links.append(answer.links.get("next", {}).get("url"))
        return answer

    request = session().build_request(
        "GET", url, headers=hub_headers(), timeout=HF_HUB_ETAG_TIMEOUT
    )
    answer = exchange(request, send=send)
    hf_raise_for_status(answer)
    try:
        return Page(json.loads(answer.content), links[-1])
    except (ValueError, RecursionError) as exc:
        raise HubModelsRefused(name=name, reason="it is no JSON") from exc
