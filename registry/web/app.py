"""The application: its pages behind its guards."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI

from registry.database.reading_pool import Reader
from registry.settings import tool_version
from registry.web import adapters, home, log, models, pairs, search, trees
from registry.web.failures import add_failures
from registry.web.guards import Guarded
from registry.web.pages import Pages

PARTS: tuple[Pages, ...] = (
    home.PAGES,
    search.PAGES,
    trees.PAGES,
    adapters.PAGES,
    models.PAGES,
    pairs.PAGES,
    log.PAGES,
)
"""Pages, subject by subject; FastAPI takes the first that fits an address."""


def application(reader: Reader, hosts: Iterable[str] = (), **state: Any) -> Guarded:
    """Return the web page as an ASGI application.

    Args:
        reader: The way to the database.
        hosts: By which it may be called, beside the names of this machine.
        state: What else pages ask for, by name.
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
    for name, value in state.items():
        setattr(app.state, name, value)
    for part in PARTS:
        app.include_router(part.router)
    add_failures(app)
    return Guarded(app, hosts)
