"""Reading and computing side by side: readers run ahead of workers as far as memory allows.

An executor's threads would be waited for when the program ends, for minutes if a server is slow.
`checkpoints.parallel` keeps a number of requests in flight; here it is bytes in memory that are
bounded, and what was read is handed on to workers.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import Generic, TypeVar

R = TypeVar("R")
BUDGET = 256 << 20  # bytes in memory at a time; `limit` gives more where jobs are large
FEW_WORKERS = 4
READERS = 4  # at most: enough for a disk, and for what has to be dequantised


@dataclass(frozen=True)
class Job(Generic[R]):
    """Something to read.

    Attributes:
        nbytes: what it takes in memory.
        load: brings it there and returns the tasks that need it, in any order.
    """

    nbytes: int
    load: Callable[[], list[Callable[[], R]]]


@dataclass(frozen=True)
class JobStep(Generic[R]):
    """What a thread reports of a job.

    Attributes:
        position: of the job.
        more_tasks: how many tasks there are more than before; -1 for one that was done.
        results: what came of it.
    """

    position: int
    more_tasks: int
    results: list[R] = field(default_factory=list)


def flow(
    jobs: Sequence[Job[R]], workers: int, *, remote: bool = False
) -> Generator[tuple[int, list[R]]]:
    """Yield the position of every job and the results of its tasks, as one after the other is done.

    Bytes are in memory from before a job is loaded until its last task is done; jobs are admitted
    in order, so that these are never more than `limit` says. An error of a job or
    task is raised at once. No thread is left running, but where jobs come over a network (`remote`)
    their only reader: each is many requests already.
    """
    pipeline = Pipeline(jobs, limit(jobs, workers))
    reader_count = 1 if remote else min(workers, READERS)
    readers = [pipeline.thread(pipeline.read_next) for _ in range(reader_count)]
    computing = [pipeline.thread(pipeline.work_next) for _ in range(workers)]
    try:
        for thread in (*readers, *computing):
            thread.start()
        yield from pipeline.results()
    finally:
        pipeline.stop(workers)
        waited_for = computing if remote else [*computing, *readers]
        for thread in waited_for:
            if thread.ident:  # it was started
                thread.join()


def limit(jobs: Sequence[Job[R]], workers: int) -> int:
    """Return how many bytes may be in memory at a time.

    BUDGET, or those of the largest job if it has more; as many for every worker as long as all
    together are no more than BUDGET for each, or for FEW_WORKERS.
    """
    largest = max((job.nbytes for job in jobs), default=0)
    together = max(workers, FEW_WORKERS) * BUDGET
    return max(BUDGET, largest, min(workers * largest, together))


class Pipeline(Generic[R]):
    """One run of jobs: what the threads share."""

    def __init__(self, jobs: Sequence[Job[R]], limit: int) -> None:
        """Begin before the first job.

        Args:
            limit: Bytes that may be in memory at a time.
        """
        self.jobs = jobs
        self.limit = limit
        self.used = 0
        self.stopped = False
        self.turn = Lock()
        self.room = Condition()
        self.coming = iter(enumerate(jobs))
        self.tasks: SimpleQueue[Callable[[], JobStep[R]] | None] = SimpleQueue()
        self.steps: SimpleQueue[JobStep[R] | BaseException] = SimpleQueue()

    def thread(self, part: Callable[[], bool]) -> Thread:
        """Return a thread, not started, that does a part again and again."""
        return Thread(target=self.repeat, args=(part,), daemon=True)

    def repeat(self, part: Callable[[], bool]) -> None:
        """Do a part until there is no more of it; its error becomes the caller's."""
        try:
            while part():
                pass
        except BaseException as exc:  # noqa: BLE001  # raised in `results`
            self.steps.put(exc)

    def read_next(self) -> bool:
        """Bring the next job into memory; return False after the last.

        Returning lets go of it, looping here would not.
        """
        with self.turn:
            position, job = next(self.coming, (None, None))
            if position is None or job is None or not self.admit(job.nbytes):
                return False

        tasks = job.load()
        self.steps.put(JobStep(position, len(tasks)))
        while tasks:  # nothing of it is held here once a worker is done with it
            self.tasks.put(partial(done, position, tasks.pop()))
        return True

    def admit(self, nbytes: int) -> bool:
        """Wait until there is room; return False where there is no need any more."""
        with self.room:
            self.room.wait_for(lambda: self.stopped or self.used + nbytes <= self.limit)
            self.used += nbytes
            return not self.stopped

    def work_next(self) -> bool:
        """Do the next task, holding nothing while waiting; return False when there will be none."""
        task = self.tasks.get()
        if task is None or self.stopped:
            return False

        step = task()
        # and with the task the bytes, before the next ones are let in: large memory is freed slowly
        del task
        self.steps.put(step)
        return True

    def results(self) -> Iterator[tuple[int, list[R]]]:
        """Yield what came of every job."""
        tasks_left: defaultdict[int, int] = defaultdict(int)
        results: defaultdict[int, list[R]] = defaultdict(list)
        for _ in self.jobs:
            position = self.next_done(tasks_left, results)
            self.release(self.jobs[position].nbytes)
            yield position, results.pop(position)

    def next_done(
        self, tasks_left: defaultdict[int, int], results: defaultdict[int, list[R]]
    ) -> int:
        """Collect steps until a job is done, and return its position. Raises a thread's error."""
        while True:
            step = self.steps.get()
            if isinstance(step, BaseException):
                raise step
            tasks_left[step.position] += step.more_tasks
            results[step.position] += step.results
            if not tasks_left[step.position]:
                return step.position

    def release(self, nbytes: int) -> None:
        """Let the next job in."""
        with self.room:
            self.used -= nbytes
            self.room.notify_all()

    def stop(self, workers: int) -> None:
        """Let no thread begin anything more."""
        with self.room:
            self.stopped = True
            self.room.notify_all()
        for _ in range(workers):
            self.tasks.put(None)


def done(position: int, task: Callable[[], R]) -> JobStep[R]:
    """Do a task and return its result as a step of its job."""
    return JobStep(position, -1, [task()])
