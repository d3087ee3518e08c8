"""What of a list is still to be done, in which order, and under which names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from sqlalchemy import Engine

from registry.bulk.names import check_apart, named
from registry.bulk.survey import Reading, surveyed
from registry.bulk.wanted import Task, Wanted
from registry.database import runs
from registry.database.names import check_names, check_source, check_tags
from registry.database.runs import Failure
from registry.database.transactions import answer_of

T = TypeVar("T")
AT_ONCE = 5000  # stamps in one query


class Order(StrEnum):
    """Which sources come first."""

    SMALLEST = "smallest"
    LARGEST = "largest"
    LISTED = "listed"


@dataclass(frozen=True)
class Known:
    """A source that was done before. model: what it is registered as."""

    task: Task
    model: str


@dataclass(frozen=True)
class Failed:
    """A source that failed before and would again."""

    task: Task
    failure: Failure


@dataclass(frozen=True)
class Plan:
    """What becomes of every source of a list.

    Attributes:
        tasks: to be read, in this order.
        known: done before.
        failed: failed before, and not to be tried again.
    """

    tasks: tuple[Task, ...]
    known: tuple[Known, ...]
    failed: tuple[Failed, ...]

    @property
    def count(self) -> int:
        """How many sources were listed."""
        return len(self.tasks) + len(self.known) + len(self.failed)

    @property
    def size(self) -> int:
        """Bytes of the weights to be read, as far as they are known."""
        return sum(task.size or 0 for task in self.tasks)


@dataclass(frozen=True)
class Choice:
    """How a list is planned.

    Attributes:
        reading: how sources are read.
        order: which come first.
        template: what models are called; None for what their places say.
        retry: whether sources that failed before, and would again, are tried all the same.
    """

    reading: Reading
    order: Order = Order.SMALLEST
    template: str | None = None
    retry: bool = False


def plan(engine: Engine, wanted: Iterable[Wanted], choice: Choice) -> Plan:
    """Plan a list; a source that stands in it twice is read once.

    Raises NamesCollide, BadName, BadFamily, BadTag and what a source that cannot be stored raises,
    before anything is read.
    """
    listed = surveyed(dict.fromkeys(wanted), choice.reading)
    tasks = [named(task, choice.template) for task in listed]
    for task in tasks:
        check(task)

    stamps = [task.stamp for task in tasks if task.stamp is not None]
    rank = choice.reading.rank
    models = looked_up(engine, partial(runs.done_before, rank=rank), stamps)
    failures = {} if choice.retry else looked_up(engine, runs.failed_before, stamps)

    left = []
    known = []
    failed = []
    for task in tasks:
        if task.stamp in models:
            known.append(Known(task, models[task.stamp]))
        elif task.stamp in failures:
            failed.append(Failed(task, failures[task.stamp]))
        else:
            left.append(task)
    check_apart(left)
    return Plan(in_order(left, choice.order), tuple(known), tuple(failed))


def check(task: Task) -> None:
    """Raise RegistryError for a source that cannot be stored, or not under its name."""
    check_source(task.source)
    check_names(task.wanted.name, task.wanted.family)
    check_tags(task.wanted.tags)


def looked_up(
    engine: Engine,
    question: Callable[..., dict[str, T]],
    stamps: Sequence[str],
) -> dict[str, T]:
    """Return what the registry knows of stamps, asked for some thousands at a time."""
    answers: dict[str, T] = {}
    for start in range(0, len(stamps), AT_ONCE):
        some = stamps[start : start + AT_ONCE]
        answers.update(answer_of(engine, partial(question, stamps=some)))
    return answers


def in_order(tasks: Iterable[Task], order: Order) -> tuple[Task, ...]:
    """Return tasks in order; of unknown size, as models of the hub, last or first."""
    if order is Order.LISTED:
        return tuple(tasks)

    def size(task: Task) -> float:
        return float("inf") if task.size is None else task.size

    return tuple(sorted(tasks, key=size, reverse=order is Order.LARGEST))
