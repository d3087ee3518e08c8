"""What a node of a cluster does with one source, and answers."""

import logging
import os
import platform
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from registry import settings
from registry.bulk.crew import Ended, Event, Said
from registry.bulk.job import Result, Work, ingest_task
from registry.bulk.survey import local_path
from registry.bulk.wanted import Task
from registry.bulk.workers import Forwarding, Reporter
from registry.database.connecting.connection import open_whole
from registry.errors import NodeDiffers, NotOnNode, RegistryError
from registry.notices import LOGGER, SourceRepeated, SpooledOnNode

if TYPE_CHECKING:
    from sqlalchemy import Engine

OPEN = ExitStack()
"""Databases that stay open for the next source, until the process is ended."""


@dataclass(frozen=True)
class Home:
    """Where a run was started.

    Attributes:
        host: the machine.
        folder: from which paths were given.
        data: of the embedded database, and of fingerprints that wait.
        url: of the database; None for the embedded one.
    """

    host: str
    folder: str
    data: str
    url: str | None


@dataclass(frozen=True)
class Order:
    """One source for a node. is_file: whether it lies on a disk, not on the hub."""

    task: Task
    work: Work
    home: Home
    is_file: bool


@dataclass(frozen=True)
class Answer:
    """What happened on a node. node: its name."""

    node: str
    events: tuple[Event, ...]


def work_on(order: Order, attempt: int) -> Answer:
    """Ingest one source on this node.

    Args:
        order: Which, and how.
        attempt: How often it was begun before, by processes or nodes that were lost.
    """
    settle(order.home)
    events: list[Any] = []
    task = replace(order.task, attempts=order.task.attempts + attempt)
    if attempt:
        reason = "its process or its node was lost"
        events.append(Said(SourceRepeated(source=task.source, reason=reason)))

    forwarding = Forwarding(events.append)
    LOGGER.addHandler(forwarding)
    LOGGER.propagate = False
    logging.lastResort = None  # its output is nobody's
    try:
        result = result_of(order, task, events)
    finally:
        LOGGER.removeHandler(forwarding)
    if result.is_spooled and not is_at(order.home):
        events.append(Said(SpooledOnNode(source=task.source, node=platform.node())))
    events.append(Ended(result))
    return Answer(platform.node(), tuple(events))


def result_of(order: Order, task: Task, events: list[Any]) -> Result:
    """Return what became of a source; errors are part of the answer."""
    try:
        check(order)
        engine = opened(order.home.url)
    except RegistryError as error:
        return Result(task, error=error)
    return ingest_task(engine, task, order.work, Reporter(task, events.append))


def check(order: Order) -> None:
    """Raise NodeDiffers, NotOnNode where this node cannot do what is asked.

    A path that is not here might be taken for the id of a model of the hub.
    """
    version, here = order.work.tool_version, settings.tool_version()
    if version != here:
        raise NodeDiffers(node=platform.node(), there=here, here=version)
    if order.is_file and local_path(order.task.source) is None:
        raise NotOnNode(source=order.task.source, node=platform.node())


@cache
def opened(url: str | None) -> "Engine":
    """Return an engine on the database, which stays open. Raises DatabaseError."""
    return OPEN.enter_context(open_whole(url))


def settle(home: Home) -> None:
    """Look at paths from where the run was started, if that is there.

    On its own machine, also keep to its data folder and database, whatever the cluster was started
    with.
    """
    if os.path.isdir(home.folder):  # noqa: PTH112  # Path's raises for a folder that is shut
        os.chdir(home.folder)
    if is_at(home):
        os.environ["REGISTRY_DATA_DIR"] = home.data
        os.environ.pop("REGISTRY_DATABASE_URL", None)


def is_at(home: Home) -> bool:
    """Return whether this is the machine where the run was started."""
    return platform.node() == home.host
