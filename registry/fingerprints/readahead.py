"""Reading and computing side by side: readers run ahead of workers as far as memory allows.

An executor's threads would be waited for when the program ends, for minutes if a server is slow.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import Generic, TypeVar

R = TypeVar("R")
BUDGET = 256 << 20  # bytes in memory at a time, or those of the largest job if it has more
READERS = 4  # at most: enough for a disk, and for what has to be dequantised


@dataclass(frozen=True)
class Job(Generic[R]):
    """Something to read. `load` brings `nbytes` into memory and gives the tasks that need them, in any order."""

    nbytes: int
    load: Callable[[], list[Callable[[], R]]]


@dataclass(frozen=True)
class Told(Generic[R]):
    """What a thread says of a job: how many tasks there are more, and what came of one."""

    place: int
    more: int
    results: list[R] = field(default_factory=list)


def flow(
    jobs: Sequence[Job[R]], workers: int, *, remote: bool = False
) -> Generator[tuple[int, list[R]]]:
    """The place of every job and what came of its tasks, as one after the other is done.

    Bytes are in memory from before a job is loaded until its last task is done; jobs are admitted in order, so that
    these are never more than BUDGET or the largest job's. An error of a job or task is raised at once. No thread is
    left running, but where jobs come over a network (`remote`) their only reader: each is many requests already.
    """
    course, count = Course(jobs), 1 if remote else min(workers, READERS)
    readers = [
        Thread(target=course.guarded, args=(course.read,), daemon=True) for _ in range(count)
    ]
    computing = [
        Thread(target=course.guarded, args=(course.work,), daemon=True) for _ in range(workers)
    ]
    try:
        for thread in (*readers, *computing):
            thread.start()
        yield from course.results()
    finally:
        course.stop(workers)
        for thread in (*computing, *(() if remote else readers)):
            if thread.ident:  # it was started
                thread.join()


class Course(Generic[R]):
    """One run of jobs: what the threads share."""

    def __init__(self, jobs: Sequence[Job[R]]) -> None:
        self.jobs = jobs
        self.limit = max([BUDGET, *(job.nbytes for job in jobs)])
        self.used = 0
        self.stopped = False
        self.turn, self.room = Lock(), Condition()
        self.coming = iter(enumerate(jobs))
        self.tasks: SimpleQueue[Callable[[], Told[R]] | None] = SimpleQueue()
        self.told: SimpleQueue[Told[R] | BaseException] = SimpleQueue()

    def guarded(self, part: Callable[[], bool]) -> None:
        """What a thread does, again and again until there is no more of it; its error is the caller's."""
        try:
            while part():
                pass
        except BaseException as exc:  # noqa: BLE001  # raised in `results`
            self.told.put(exc)

    def read(self) -> bool:
        """Bring the next job into memory; False after the last. Returning lets go of it, looping here would not."""
        with self.turn:
            place, job = next(self.coming, (None, None))
            if place is None or job is None or not self.admitted(job.nbytes):
                return False
        tasks = job.load()
        self.told.put(Told(place, len(tasks)))
        while tasks:  # nothing of it is held here once a worker is done with it
            self.tasks.put(partial(done, place, tasks.pop()))
        return True

    def admitted(self, nbytes: int) -> bool:
        """Wait until there is room; False where there is no need any more."""
        with self.room:
            self.room.wait_for(lambda: self.stopped or self.used + nbytes <= self.limit)
            self.used += nbytes
            return not self.stopped

    def work(self) -> bool:
        """Do the next task; False when there will be none. As `read`, it holds nothing while it waits."""
        task = self.tasks.get()
        if task is None or self.stopped:
            return False
        told = task()
        del (
            task
        )  # and with it the bytes, before the next ones are let in: large memory is freed slowly
        self.told.put(told)
        return True

    def results(self) -> Iterator[tuple[int, list[R]]]:
        """What came of every job."""
        left: defaultdict[int, int] = defaultdict(int)
        found: defaultdict[int, list[R]] = defaultdict(list)
        for _ in self.jobs:
            while True:
                told = self.told.get()
                if isinstance(told, BaseException):
                    raise told
                left[told.place] += told.more
                found[told.place] += told.results
                if not left[told.place]:
                    break
            self.release(self.jobs[told.place].nbytes)
            yield told.place, found.pop(told.place)

    def release(self, nbytes: int) -> None:
        """Let the next job in."""
        with self.room:
            self.used -= nbytes
            self.room.notify_all()

    def stop(self, workers: int) -> None:
        """No thread begins anything more."""
        with self.room:
            self.stopped = True
            self.room.notify_all()
        for _ in range(workers):
            self.tasks.put(None)


def done(place: int, task: Callable[[], R]) -> Told[R]:
    """A task's result."""
    return Told(place, -1, [task()])
