"""Addresses that people write by hand: the name of a model with its slashes as they are."""

from urllib.parse import unquote

from fastapi.responses import RedirectResponse

from registry.errors import NoSuchPage
from registry.web import addresses
from registry.web.pages import Pages

PAGES = Pages()
TWIN = ".json"


@PAGES.router.get("/model/{name:path}", include_in_schema=False)
def model(name: str) -> RedirectResponse:
    """Lead from `/model/org/name` to the model, or to its twin. Raises NoSuchPage."""
    ending = TWIN if name.endswith(TWIN) else ""
    given = unquote(name.removesuffix(TWIN))
    if not given:  # it would lead to itself
        raise NoSuchPage(path=f"/model/{name}")
    return RedirectResponse(addresses.model(given) + ending)
