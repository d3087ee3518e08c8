"""The application: its pages behind its guards."""

from collections.abc import Iterable

from fastapi import FastAPI

from registry.database.connecting.reading_pool import Reader
from registry.settings import tool_version
from registry.web import (
    adapters,
    atlas,
    fallback,
    figures,
    home,
    identify,
    log,
    models,
    pairs,
    search,
    trees,
)
from registry.web.failures import add_failures
from registry.web.guards import Guarded
from registry.web.identify import Identifying
from registry.web.pages import Pages

PARTS: tuple[Pages, ...] = (
    home.PAGES,
    search.PAGES,
    figures.PAGES,
    atlas.PAGES,
    trees.PAGES,
    adapters.PAGES,
    models.PAGES,
    pairs.PAGES,
    log.PAGES,
    identify.PAGES,
    fallback.PAGES,
)
"""Pages, subject by subject; the first that fits an address is taken, and `fallback` fits many."""


def application(
    reader: Reader, hosts: Iterable[str] = (), identifying: Identifying | None = None
) -> Guarded:
    """Return the web page as an ASGI application.

    Args:
        reader: The way to the database.
        hosts: By which it may be called, beside the names of this machine.
        identifying: What may be identified; None for nothing.
    """
    app = FastAPI(
        title="registry",
        description="What registered models were made from, by their weights.",
        version=tool_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.reader = reader
    app.state.identifying = identifying or Identifying()
    for part in PARTS:
        app.include_router(part.router)
    add_failures(app)
    return Guarded(app, hosts)
