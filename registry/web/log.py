"""The log: what was changed, by whom and why."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy.orm import Session

from registry.database.lineage.trees import Event, registered
from registry.database.lineage.trees import log as log_of
from registry.report.tree_wording import event_sentence
from registry.web import addresses
from registry.web.pages import Door, Pages

PAGES = Pages()
PAGE = 50

Model = Annotated[str, Query(description="A model, as it is or was called; else all are shown.")]
Before = Annotated[
    int | None, Query(ge=1, lt=2**63, description="The number of an event, for older ones.")
]


@dataclass(frozen=True)
class LogPage:
    """Lines of the log, the newest first.

    Attributes:
        model: Whose they are; empty for all.
        events: The lines.
        more: Whether there are older ones.
        present: Names in them that a model bears now, and that have a page therefore.
    """

    model: str
    events: tuple[Event, ...]
    more: bool
    present: frozenset[str]

    @property
    def next(self) -> str | None:
        """The address of the next page."""
        if not self.more:
            return None
        return addresses.log(model=self.model or None, before=str(self.events[-1].id))

    def said(self, event: Event) -> str:
        """Return what a line says."""
        return event_sentence(event)

    def json(self) -> dict[str, Any]:
        """Return what the twin holds."""
        return {"events": self.events, "next": self.events[-1].id if self.more else None}


@PAGES.page("/log", "log.html")
def log(door: Door, model: Model = "", before: Before = None) -> LogPage:
    """Return what was changed, by whom and why, the newest first."""
    return door.ask(lambda session: page_of(session, model, before))


def page_of(session: Session, model: str, before: int | None) -> LogPage:
    """Return a page of the log, of a model or of all."""
    events = log_of(session, model or None, PAGE + 1, before)
    names = {event.model for event in events if event.model is not None}
    return LogPage(model, tuple(events[:PAGE]), len(events) > PAGE, registered(session, names))
