"""Two models, compared as `registry compare` does it."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from registry.database.stored.models import Summary, summary_of
from registry.errors import CompareBusy, ModelNotFound
from registry.lineage.verdict import Verdict
from registry.report.verdicts import verdict_json
from registry.web import addresses
from registry.web.evidence import ShowsVerdict
from registry.web.pages import Door, Pages
from registry.web.recent import Recent

if TYPE_CHECKING:
    from registry.workflows.resolve import Resolved

# ruff: noqa: PLC0415  # the page is not to wait for what compares, nor is a port that is taken

PAGES = Pages()
KEPT = 1000  # verdicts on pairs that are not compared again
AT_ONCE = 2  # comparisons, which take a core each
WAIT = 3.0  # seconds for one of these places
PLACES = threading.BoundedSemaphore(AT_ONCE)

Name = Annotated[str, Query(description="A registered model.")]


@dataclass(frozen=True)
class PairPage(ShowsVerdict):
    """Whether one model comes from another."""

    a: Summary
    b: Summary
    verdict: Verdict

    @property
    def shown(self) -> Verdict:
        """The verdict of the comparison."""
        return self.verdict

    def json(self) -> dict[str, Any]:
        """Return what the twin holds: as `registry compare --json`."""
        return {"a": self.a.name, "b": self.b.name, **verdict_json(self.verdict)}


KEPT_VERDICTS = Recent[Verdict](KEPT)
"""Verdicts on pairs, by digests: equal weights give equal verdicts."""


def key_of(a: Summary, b: Summary) -> tuple[str, ...]:
    """Return what a verdict depends on: both digests, and how the other is called."""
    return a.digest, str(a.fingerprint_version), b.digest, str(b.fingerprint_version), b.name


def summaries(session: Session, a: str, b: str) -> tuple[Summary, Summary]:
    """Return two models. Raises ModelNotFound, ModelAmbiguous."""
    return summary_of(session, a), summary_of(session, b)


def fingerprints(session: Session, a: str, b: str) -> "tuple[Resolved, Resolved]":
    """Return two models with their fingerprints. Names are no paths here. Raises ModelNotFound."""
    from registry.workflows.resolve import from_database

    models = []
    for name in (a, b):
        model = from_database(session, name, load=True)
        if model is None:
            raise ModelNotFound(name=name)
        models.append(model)
    return models[0], models[1]


def compared(door: Door, a: Summary, b: Summary) -> Verdict:
    """Return the verdict on two models, which is given once and kept. Raises RegistryError."""
    return KEPT_VERDICTS.get(key_of(a, b), lambda: compared_now(door, a, b))


def compared_now(door: Door, a: Summary, b: Summary) -> Verdict:
    """Compare two models, few pairs at once. Raises CompareBusy where no place gets free."""
    from registry.workflows.compare import compare

    if not PLACES.acquire(timeout=WAIT):
        raise CompareBusy(count=AT_ONCE)
    try:
        one, other = door.ask(lambda session: fingerprints(session, a.name, b.name))
        return compare(one, other)
    finally:
        PLACES.release()


@PAGES.router.get("/pair", include_in_schema=False)
def find_pair(a: Name, b: Name) -> RedirectResponse:
    """Lead from a form to the address of a pair."""
    return RedirectResponse(addresses.pair(a, b))


@PAGES.page("/pair/{a:segment}/{b:segment}", "pair.html")
def pair(door: Door, a: str, b: str) -> PairPage:
    """Return whether one registered model comes from another, and what shows it."""
    one, other = door.ask(lambda session: summaries(session, a, b))
    return PairPage(one, other, compared(door, one, other))
