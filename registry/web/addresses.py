"""The address of everything that has a page. A name stands in an address as one segment."""

from functools import lru_cache
from urllib.parse import quote, urlencode

from registry.numerics.tiles import WHOLE, Tile

OWN_SUFFIXES = (".json", ".svg", ".csv")
"""With these end addresses of ours; of a name that ends so the dot is encoded."""
DOTS = frozenset({".", ".."})


@lru_cache(maxsize=10_000)
def segment(name: str) -> str:
    """Return a name as a segment of an address: slashes are encoded, and so is a last dot of ours.

    Browsers take `.` and `..` for folders however they are written: no address has these names.
    """
    encoded = quote(name, safe="", errors="surrogatepass")
    for suffix in OWN_SUFFIXES:
        if encoded.lower().endswith(suffix):
            start = encoded[: -len(suffix)]
            return f"{start}%2E{encoded[len(start) + 1 :]}"
    return encoded


def home() -> str:
    """Return the address of the search, which is the way in."""
    return "/models"


def models(**parameters: str | None) -> str:
    """Return the address of a search: `where`, `near`, `after`."""
    return with_query("/models", parameters)


def model(name: str) -> str:
    """Return the address of a model."""
    return f"/model/{segment(name)}"


def layer(name: str, number: int) -> str:
    """Return the address of one layer of a model."""
    return f"{model(name)}/layer/{number}"


def tree(name: str) -> str:
    """Return the address of the tree that a model stands in."""
    return f"{model(name)}/tree"


def adapters(name: str) -> str:
    """Return the address of a model beside its adapters."""
    return f"{model(name)}/adapters"


def pair(a: str, b: str) -> str:
    """Return the address of two models, compared."""
    return f"/pair/{segment(a)}/{segment(b)}"


def edge(number: int) -> str:
    """Return the address of one step of a tree."""
    return f"/edge/{number}"


def picture(name: str, kind: str) -> str:
    """Return the address of a figure of a model, without .svg or .csv."""
    return f"{model(name)}/figure/{kind}"


def on_map(name: str) -> str:
    """Return the address of the tile of the map that shows a model."""
    return f"{model(name)}/atlas"


def atlas(tile: Tile = WHOLE) -> str:
    """Return the address of a tile of the map of all models."""
    return f"/atlas/{tile.zoom}/{tile.column}/{tile.row}" if tile.zoom else "/atlas"


def families(**parameters: str | None) -> str:
    """Return the address of the list of families."""
    return with_query("/families", parameters)


def family(name: str, **parameters: str | None) -> str:
    """Return the address of a family."""
    return with_query(f"/family/{segment(name)}", parameters)


def log(**parameters: str | None) -> str:
    """Return the address of the log: `model`, `after`."""
    return with_query("/log", parameters)


def with_query(path: str, parameters: dict[str, str | None]) -> str:
    """Return an address with those of its parameters that are given."""
    given = {name: value for name, value in parameters.items() if value is not None}
    query = urlencode(given, errors="surrogatepass")
    return f"{path}?{query}" if query else path
