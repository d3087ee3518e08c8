"""What shares work out, and what it tells: local processes and Ray speak alike."""

from dataclasses import dataclass
from typing import Protocol

from registry.bulk.job import Result
from registry.bulk.wanted import Task
from registry.notices import Notice


@dataclass(frozen=True)
class Started:
    """A source is being read."""

    task: Task


@dataclass(frozen=True)
class Progressed:
    """A tensor is done: so many of how many, and the bytes of those since the last sign."""

    task: Task
    done: int
    total: int
    nbytes: int


@dataclass(frozen=True)
class Said:
    """A worker has something to tell while it goes on."""

    notice: Notice


@dataclass(frozen=True)
class Ended:
    """A source is done, or failed."""

    result: Result


@dataclass(frozen=True)
class Lost:
    """The worker of a source ended before it was done. reason: how."""

    task: Task
    reason: str


Event = Started | Progressed | Said | Ended | Lost


class Crew(Protocol):
    """Workers that take one source at a time each."""

    @property
    def idle(self) -> int:
        """How many could take a source now."""

    @property
    def busy(self) -> int:
        """How many are at work."""

    def has_room(self, task: Task) -> bool:
        """Return whether the memory for a source is there, or nothing else needs any."""

    def begin(self, task: Task) -> None:
        """Give a source to an idle worker."""

    def events(self, seconds: float) -> list[Event]:
        """Return what has happened, after a while at most."""

    def close(self) -> None:
        """End all workers, whatever they are at."""
