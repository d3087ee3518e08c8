"""registry.fingerprints.readahead: reading ahead of workers."""

import threading
import weakref
from collections.abc import Callable
from threading import Barrier, Event, Lock

import pytest
import torch

from registry.fingerprints import readahead
from registry.fingerprints.readahead import Job, flow

Task = Callable[[], object]


def job(*results: object, nbytes: int = 1) -> Job:
    return Job(nbytes, lambda: [lambda result=result: result for result in results])


def threads() -> int:
    return threading.active_count()


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_everything_is_done_once(workers):
    """Every job is told with what came of its tasks, of which there may be none."""
    jobs = [job(*((i, j) for j in range(i % 4))) for i in range(50)]
    before = threads()
    found = {place: sorted(results) for place, results in flow(jobs, workers)}
    assert found == {i: [(i, j) for j in range(i % 4)] for i in range(50)}
    assert threads() == before


def test_no_jobs():
    """Nothing comes of nothing."""
    assert list(flow([], 2)) == []


def test_tasks_of_one_job_are_done_side_by_side():
    """All of these wait for each other."""
    barrier = Barrier(4, timeout=10)
    [(_, results)] = flow([Job(1, lambda: [barrier.wait] * 4)], 4)
    assert sorted(results) == [0, 1, 2, 3]


def test_reading_goes_on_while_workers_compute():
    """The only worker waits until the next job was read."""
    read = [Event() for _ in range(3)]

    def load(i: int) -> list[Task]:
        read[i].set()
        return [lambda: read[min(i + 1, 2)].wait(10)]

    found = dict(flow([Job(1, lambda i=i: load(i)) for i in range(3)], 1))
    assert found == {0: [True], 1: [True], 2: [True]}


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_memory_is_bounded(monkeypatch, workers):
    """Never more is held than the limit, taking what waits, what is in work and what is done together."""
    monkeypatch.setattr(readahead, "BUDGET", 9000)
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    lock, most = Lock(), 0

    def held() -> None:
        nonlocal most
        with lock:
            most = max(most, sum(tensor.nbytes for tensor in list(alive)))

    def load(nbytes: int) -> list[Task]:
        tensor = torch.zeros(nbytes, dtype=torch.uint8)
        with lock:
            alive.add(tensor)
        held()
        return [lambda: held() or tensor.sum().item()] * 2

    sizes = [1000 + 700 * (i % 5) for i in range(200)]
    jobs = [Job(size, lambda size=size: load(size)) for size in sizes]
    assert sum(1 for _ in flow(jobs, workers)) == len(sizes)
    assert 3800 < most <= readahead.limit(jobs, workers)


@pytest.mark.parametrize(
    ("sizes", "workers", "expected"),
    [
        ([], 2, 100),
        ([10, 20], 8, 160),
        ([10, 90], 1, 100),
        ([180], 1, 180),
        ([180], 2, 360),
        ([180], 4, 400),
        ([180], 8, 800),
        ([2000], 4, 2000),
    ],
)
def test_large_jobs_are_given_room_side_by_side(monkeypatch, sizes, workers, expected):
    """One for each worker, as long as that makes no more than BUDGET each, or four times BUDGET together."""
    monkeypatch.setattr(readahead, "BUDGET", 100)
    jobs = [Job(size, list) for size in sizes]
    assert readahead.limit(jobs, workers) == expected


def test_the_largest_is_always_admitted(monkeypatch):
    """Though it alone is more than BUDGET."""
    monkeypatch.setattr(readahead, "BUDGET", 10)
    assert dict(flow([job(i, nbytes=10**i) for i in range(6)], 2)) == {i: [i] for i in range(6)}


@pytest.mark.parametrize("where", ["load", "task"])
def test_an_error_ends_it(where):
    """It is raised as it is, whatever was waiting, and no thread is left."""
    before = threads()

    def fail() -> list[Task]:
        raise OSError("no")

    bad = Job(1, fail) if where == "load" else Job(1, lambda: [fail])
    begun = []
    others = [Job(1 << 30, lambda: [lambda: begun.append(1)]) for _ in range(100)]
    with pytest.raises(OSError, match="^no$"):
        list(flow([job(1), bad, *others], 2))
    assert threads() == before
    assert len(begun) < 100


def test_whoever_stops_listening_stops_it():
    """No further job is begun, and no thread is left."""
    before = threads()
    begun = []
    jobs = [Job(1 << 30, lambda: [lambda: begun.append(1)]) for _ in range(100)]
    results = flow(jobs, 3)
    next(results)
    results.close()
    assert threads() == before
    assert len(begun) < 10


def test_a_network_is_not_waited_for():
    """An error is raised while the reader still waits for the next job."""
    release = Event()

    def fail() -> list[Task]:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        list(
            flow(
                [Job(1, lambda: [fail]), Job(1, lambda: [release.wait] * release.wait(60))],
                2,
                remote=True,
            )
        )
    assert not release.is_set()
    release.set()
