"""Workers on a Ray cluster: one task a source. Ray shares them out and repeats what is lost."""

import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry import settings
from registry.bulk.cluster import Cluster, first_line
from registry.bulk.crew import Ended, Event, Lost, Started
from registry.bulk.job import Result, Work
from registry.bulk.on_node import Answer, Home, Order, work_on
from registry.bulk.shares import GIB, Share, share_of
from registry.bulk.survey import local_path
from registry.bulk.wanted import Task
from registry.errors import (
    DatabaseNotOnNode,
    DatabaseNotShared,
    DeviceUnavailable,
    FailedOnCluster,
)
from registry.notices import ClusterHasNoRoom, notify

if TYPE_CHECKING:
    from registry.fingerprints.from_source import Options

ATTEMPTS = 3  # at one source whose process or node is lost
LOOK = 10.0  # seconds between two looks at which nodes there are
PATIENCE = 3  # looks at a cluster that does nothing, though it has something to do
REFUSALS = 3  # of one source by nodes that do not reach the database, though it answers here


class RayCrew:
    """Tasks on a Ray cluster, so many at a time, each with a connection to the database at most."""

    def __init__(self, address: str | None, count: int | None, work: Work, url: str | None) -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            address: Of the cluster; None for RAY_ADDRESS, else one on this machine.
            count: Sources at a time; None for one on every core of the cluster, as it grows.
            work: How sources are read.
            url: Of the database; None for the configured one.

        Raises RayMissing, RayUnreachable, DatabaseNotShared, DeviceUnavailable.
        """
        url = url or settings.database_url()
        self._cluster = Cluster(address, count)
        with closed_on_error(self._cluster):
            check_reach(self._cluster, url)
            self._nodes = self._cluster.nodes()
            self._gpu = needs_gpu(work.options.get("device", "auto"), self._nodes)
        self._looked = time.monotonic()
        self._still = 0
        self._most = count
        self._work = work
        folder = os.getcwd()  # noqa: PTH109  # as typed
        self._home = Home(platform.node(), folder, str(settings.data_dir()), url)
        self._remote = self._cluster.ray.remote(numbered)
        self._functions: dict[Share, Any] = {}
        self._tasks: dict[Future[Answer], Task] = {}
        self._begun: list[Event] = []
        self._refusals: Counter[Task] = Counter()

    @property
    def busy(self) -> int:
        """How many are at work, or wait for a node that has room."""
        return len(self._tasks)

    @property
    def idle(self) -> int:
        """How many could take a source now."""
        cores = int(sum(node.cores for node in self._nodes))
        return (self._most or max(1, cores)) - self.busy

    def has_room(self, task: Task) -> bool:  # noqa: ARG002  # Ray itself knows
        """Return that there is room: Ray has a source wait for a node with as much as it takes."""
        return True

    def begin(self, task: Task) -> None:
        """Give a source to the cluster."""
        share = self._share(task)
        options: Options = {**self._work.options, "threads": max(1, int(share.cores))}
        if self._gpu:
            options["device"] = "cuda"  # the only one that the task sees
        order = Order(
            task=task,
            work=replace(self._work, options=options),
            home=self._home,
            is_file=local_path(task.source) is not None,
        )
        self._tasks[self._taking(share).remote(order).future()] = task
        self._begun.append(Started(task))

    def events(self, seconds: float) -> list[Event]:
        """Return what has happened, after a while at most."""
        events, self._begun = self._begun, []
        if time.monotonic() - self._looked > LOOK:
            self._look()
        if not self._tasks:
            time.sleep(0 if events else seconds)
            return events
        # Ray's own ways to wait would turn any signal that ends the command into Ctrl-C.
        ended, _ = wait(self._tasks, 0 if events else seconds, FIRST_COMPLETED)
        for future in ended:
            events += self._heard(future)
        return events

    def close(self) -> None:
        """End what is under way, and leave the cluster."""
        self._tasks.clear()
        self._cluster.close()

    def _share(self, task: Task) -> Share:
        """Return what a source takes of the nodes that there are now."""
        cores = self._work.options.get("threads")
        return share_of(task, self._nodes, gpu=self._gpu, cores=cores)

    def _taking(self, share: Share) -> Any:
        """Return the function that Ray calls with so much of a node."""
        if share not in self._functions:
            self._functions[share] = self._remote.options(
                num_cpus=share.cores,
                num_gpus=share.gpus,
                memory=int(share.memory),
                max_retries=ATTEMPTS - 1,
                retry_exceptions=False,
            )
        return self._functions[share]

    def _look(self) -> None:
        """Look which nodes there are; tell where none has room for anything, again and again."""
        self._looked = time.monotonic()
        self._nodes = self._cluster.nodes()
        waits = bool(self._tasks) and self._cluster.is_at_rest()
        self._still = self._still + 1 if waits else 0
        if self._still == PATIENCE:
            task = next(iter(self._tasks.values()))
            share = self._share(task)
            memory = share.memory / GIB
            notify(ClusterHasNoRoom(source=task.source, cores=share.cores, memory=memory))

    def _heard(self, future: "Future[Answer]") -> list[Event]:
        """Return what one task says; of one whose process was lost too often, that."""
        task = self._tasks.pop(future)
        exceptions = self._cluster.ray.exceptions
        try:
            answer = future.result()
        except exceptions.RayTaskError as exc:
            error = FailedOnCluster(source=task.source, reason=first_line(exc.cause or exc))
            return [Ended(Result(task, error=error))]
        except exceptions.RayError as exc:
            return [Lost(replace(task, attempts=ATTEMPTS), first_line(exc))]
        return [self._bounded(event, answer.node) for event in answer.events]

    def _bounded(self, event: Event, node: str) -> Event:
        """Return an event; for a source that nodes refuse again and again, that it failed."""
        if not isinstance(event, Ended) or not event.result.database_is_away:
            return event
        result = event.result
        self._refusals[result.task] += 1
        if self._refusals[result.task] < REFUSALS:
            return event
        error = DatabaseNotOnNode(
            node=node, source=result.task.source, reason=str(result.error).rstrip(".")
        )
        return Ended(replace(result, error=error))


@contextmanager
def closed_on_error(cluster: Cluster) -> Iterator[None]:
    """Leave a cluster where the block fails."""
    try:
        yield
    except BaseException:
        cluster.close()
        raise


def check_reach(cluster: Cluster, url: str | None) -> None:
    """Raise DatabaseNotShared where a node cannot reach the database."""
    if url is None and cluster.is_elsewhere():
        raise DatabaseNotShared(address=cluster.address)


def numbered(order: Order) -> Answer:
    """Do a task on a node, and say how often Ray had begun it before."""
    from ray._private.worker import global_worker  # noqa: PLC0415  # Ray tells it nowhere else

    return work_on(order, global_worker.core_worker.get_current_task_attempt_number())


def needs_gpu(device: str, nodes: list[Share]) -> bool:
    """Return whether GPUs measure: where a CUDA device is asked for, or any node has one.

    Raises DeviceUnavailable where one is asked for and no node has any.
    """
    is_there = any(node.gpus for node in nodes)
    if device == "auto":
        return is_there
    if device.startswith("cuda") and not is_there:
        reason = "no node of the Ray cluster has a GPU"
        raise DeviceUnavailable(device=device, reason=reason)
    return device.startswith("cuda")
