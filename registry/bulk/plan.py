"""What of a list is still to be done, in which order, and under which names."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from sqlalchemy import Engine

from registry.bulk.job import Result
from registry.bulk.names import check_apart, name_of, named
from registry.bulk.survey import Reading, surveyed
from registry.bulk.wanted import Task, Wanted
from registry.database.connecting.transactions import answer_of
from registry.database.keeping import runs
from registry.database.keeping.runs import Failure
from registry.database.stored.models import registered_names
from registry.database.stored.names import check_names, check_source, check_tags
from registry.errors import RegistryError

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
        refused: cannot be stored, whatever is in them.
    """

    tasks: tuple[Task, ...]
    known: tuple[Known, ...]
    failed: tuple[Failed, ...]
    refused: tuple[Result, ...] = ()

    @property
    def count(self) -> int:
        """How many sources were listed."""
        return len(self.tasks) + len(self.known) + len(self.failed) + len(self.refused)

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
    """Plan a list; a source that stands in it twice, in whatever spelling, is read once.

    Raises NamesCollide, BadName, BadFamily and BadTag, before anything is read.
    """
    listed = surveyed(dict.fromkeys(wanted), choice.reading)
    for task in listed:
        check_names(task.wanted.name, task.wanted.family)
        check_tags(task.wanted.tags)
    tasks = once_each(named(task, choice.template) for task in listed)
    refused = tuple(refusals(tasks))
    never = {result.task for result in refused}

    stamps = [task.stamp for task in tasks if task.stamp is not None]
    rank = choice.reading.rank
    models = looked_up(engine, partial(runs.done_before, rank=rank), stamps)
    failures = {} if choice.retry else looked_up(engine, runs.failed_before, stamps)
    taken = taken_names(engine, tasks, failures)

    left = []
    known = []
    failed = []
    for task in tasks:
        failure = failures.get(task.stamp or "")
        if task in never:
            continue
        if task.stamp in models:
            known.append(Known(task, models[task.stamp]))
        elif failure is not None and would_fail(task, failure, taken):
            failed.append(Failed(task, failure))
        else:
            left.append(task)
    check_apart(left)
    return Plan(in_order(left, choice.order), tuple(known), tuple(failed), refused)


def once_each(tasks: Iterable[Task]) -> list[Task]:
    """Return tasks without those of the same place and name, to which links may lead, too."""
    firsts: dict[tuple[str | None, ...], Task] = {}
    for task in tasks:
        place = os.path.realpath(task.place) if task.stamp is not None else task.place
        firsts.setdefault((task.host, place, task.wanted.name), task)
    return list(firsts.values())


def refusals(tasks: Iterable[Task]) -> Iterator[Result]:
    """Yield a result for each source that cannot be stored, or not as what it would be called."""
    for task in tasks:
        try:
            check_source(task.source)
            check_names(name_of(task), None)
        except RegistryError as error:
            yield Result(task, error=error)


def taken_names(
    engine: Engine, tasks: Iterable[Task], failures: Mapping[str, Failure]
) -> Collection[str]:
    """Return the registered names among those for which sources were refused before."""
    names = set()
    for task in tasks:
        failure = failures.get(task.stamp or "")
        name = name_of(task)
        if failure is not None and failure.is_for_its_name and name is not None:
            names.add(name)
    return answer_of(engine, partial(registered_names, names=names)) if names else names


def would_fail(task: Task, failure: Failure, taken: Collection[str]) -> bool:
    """Return whether a source would fail once more, as its files are as they were.

    Where other weights had its name, that is so while they have it and no other name is given.
    """
    if not failure.is_for_its_name:
        return True
    return failure.name == task.wanted.name and name_of(task) in taken


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
