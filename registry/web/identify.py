"""Identifying by hub id, or by the path of a folder that whoever serves the page has named."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Header, Query, Request

from registry.errors import IdentifyBusy, IdentifyElsewhere, IdentifyOff, SourceOutside
from registry.report.verdicts import identification_json
from registry.web.evidence import ShowsVerdict
from registry.web.pages import Door, Pages

if TYPE_CHECKING:
    from registry.lineage.verdict import Verdict
    from registry.workflows.identify import Identification

PAGES = Pages()
AT_ONCE = 2
HUB_ID = re.compile(r"\w[\w.-]{0,95}(?:/\w[\w.-]{0,95})?(?:@\w[\w.-]{0,95})?", re.ASCII)
"""Of a model on the hub, with a revision or without; never of a file."""
OWN_SITES = frozenset({"same-origin", "none"})
"""What browsers say of requests that a page of ours made, or somebody who typed the address."""


class Identifying:
    """Whether and of what models are identified, and how many at once."""

    def __init__(self, *, allowed: bool = False, roots: tuple[Path, ...] = ()) -> None:
        """Allow hub ids, and what lies under some folders."""
        self.allowed = allowed
        self.roots = tuple(root.resolve() for root in roots)
        self.places = threading.BoundedSemaphore(AT_ONCE)

    def source_of(self, text: str) -> str:
        """Return what is read for a text. Raises SourceOutside for any other path, or no hub id."""
        if "\0" in text:
            raise SourceOutside(source=text)
        is_somewhere = os.path.lexists(text)
        for root in self.roots:
            place = root / text  # an absolute path stands for itself
            path = Path(os.path.realpath(place))
            inside = path.is_relative_to(root) and not leads_out(path, root)
            if inside and os.path.exists(path):  # noqa: PTH110  # it may be too long
                return str(path)
            is_somewhere = is_somewhere or os.path.lexists(place)
        if HUB_ID.fullmatch(text) and not is_somewhere:
            return text
        raise SourceOutside(source=text)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place among those who identify. Raises IdentifyBusy."""
        if not self.places.acquire(blocking=False):
            raise IdentifyBusy(count=AT_ONCE)
        try:
            yield
        finally:
            self.places.release()


def leads_out(folder: Path, root: Path) -> bool:
    """Return whether a link in a folder, or in one below, leads out of a root."""
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            place = Path(above, name)
            if place.is_symlink() and not Path(os.path.realpath(place)).is_relative_to(root):
                return True
    return False


async def identifying_of(request: Request) -> Identifying:
    """Return what may be identified."""
    identifying: Identifying = request.app.state.identifying
    return identifying


Allowed = Annotated[Identifying, Depends(identifying_of)]
Source = Annotated[
    str, Query(description="A hub id, or a path under a folder that the server allows.")
]
Site = Annotated[str | None, Header(alias="sec-fetch-site", include_in_schema=False)]


@dataclass(frozen=True)
class IdentifyPage(ShowsVerdict):
    """What was asked, and the answer; None before anything was asked."""

    source: str
    is_allowed: bool
    has_roots: bool
    identification: "Identification | None"

    @property
    def shown(self) -> "Verdict | None":
        """The verdict of the answer."""
        return self.identification.verdict if self.identification else None

    def json(self) -> dict[str, Any]:
        """Return what the twin holds: as `registry identify --json`."""
        if self.identification is None:
            return {"allowed": self.is_allowed}
        return identification_json(self.identification) | {"source": self.source}


@PAGES.page("/identify", "identify.html")
def identify(door: Door, allowed: Allowed, source: Source = "", site: Site = None) -> IdentifyPage:
    """Return which registered model a source comes from, where the server allows to ask."""
    text = source.strip()
    if not text:
        return IdentifyPage("", allowed.allowed, bool(allowed.roots), None)
    if not allowed.allowed:
        raise IdentifyOff
    if site is not None and site not in OWN_SITES:
        raise IdentifyElsewhere
    place = allowed.source_of(text)

    from registry.workflows.identify import identify as identified  # noqa: PLC0415  # it takes long

    with allowed.place():
        answer = identified(door.engine, place)
    return IdentifyPage(text, is_allowed=True, has_roots=bool(allowed.roots), identification=answer)
