"""The log: what was changed, by whom and why."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query

from registry.database.lineage.trees import Event
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
    """Lines of the log, the newest first; more tells whether there are older ones."""

    model: str
    events: tuple[Event, ...]
    more: bool

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
    events = door.ask(lambda session: log_of(session, model or None, PAGE + 1, before))
    return LogPage(model, tuple(events[:PAGE]), len(events) > PAGE)
