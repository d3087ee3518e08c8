"""One run over a list: sources are shared out, repeated where a worker was lost, and recorded."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import psutil
from sqlalchemy import Engine

from registry.bulk.crew import Crew, Ended, Event, Lost
from registry.bulk.job import Result
from registry.bulk.plan import Plan
from registry.bulk.recorder import Recorder
from registry.bulk.wanted import Task
from registry.database.connecting.transactions import check_answers, in_transaction
from registry.database.keeping import runs
from registry.database.keeping.runs import Ending, NewRun
from registry.errors import RegistryError, WorkerLost
from registry.notices import RunPaused, SourceRepeated, notify
from registry.workflows import flush
from registry.workflows.ingest import Ingested

ATTEMPTS = 3  # at one source whose worker is lost
LOOK = 0.2  # seconds in which nothing may happen
PAUSES = (1.0, 2.0, 5.0, 10.0)  # seconds between two looks for a database that is away
PATIENCE = 900.0  # seconds in which it may come back
GOODBYE = 5.0  # seconds for the records of a run that is told to end, whose user waits
REFUSALS = 10  # of one source, by a database that answers otherwise


@dataclass(frozen=True)
class Planned:
    """A run begins. number: of the run in the database."""

    plan: Plan
    number: int


@dataclass(frozen=True)
class Finished:
    """Nothing more is done about a source. attempts: how often it was begun."""

    result: Result
    attempts: int


Watch = Callable[[Planned | Event | Finished], None]
"""Who is told what happens."""


@dataclass
class Summary:
    """What a run came to.

    Attributes:
        run: its number in the database.
        plan: what was to be done.
        results: what became of every source that was begun, in the order in which they ended.
        seconds: by the clock.
        left: sources that were not begun, for the database stayed away.
    """

    run: int
    plan: Plan
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    left: int = 0

    def count(self, outcome: str) -> int:
        """Return how many sources came to one outcome."""
        return sum(result.outcome == outcome for result in self.results)

    @property
    def failed(self) -> int:
        """How many sources failed now."""
        return sum(result.failed for result in self.results)

    @property
    def size(self) -> int:
        """Bytes of the weights that were read."""
        return sum(result.task.size or 0 for result in self.results if not result.failed)

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of every stage, summed over all threads of all workers."""
        seconds: Counter[str] = Counter()
        for result in self.results:
            seconds.update(result.stages)
        return dict(seconds)

    @property
    def is_complete(self) -> bool:
        """Whether every source of the list is registered."""
        waits = self.failed or self.left or self.count("spooled")
        return not waits and not self.plan.failed


def run(engine: Engine, plan: Plan, crew: Crew, new: NewRun, rank: int, watch: Watch) -> Summary:
    """Do what is planned; the crew is closed in any case.

    A source whose worker ends is begun again, at the end of the list. While the database is away
    nothing is begun. What could not be stored is stored at the end, if the database is back.
    """
    alive = living()
    try:
        number = in_transaction(engine, partial(runs.begin, run=new, alive=alive))
        recorder = Recorder(engine, number, rank)
        watch(Planned(plan, number))
        running = Running(engine, plan, crew, recorder, watch)
        try:
            summary = running.work(number)
        except BaseException:
            running.leave()
            recorder.end_within(GOODBYE)
            raise
        running.leave()
        recorder.end(Ending.STOPPED if summary.left else Ending.ENDED)
    finally:
        crew.close()
    return summary


def living() -> set[int]:
    """Return the numbers of this machine's processes; one that nobody has waited for has ended."""
    processes = psutil.process_iter(["status"])
    return {one.pid for one in processes if one.info["status"] != psutil.STATUS_ZOMBIE}


class Running:
    """The state of a run."""

    def __init__(
        self, engine: Engine, plan: Plan, crew: Crew, recorder: Recorder, watch: Watch
    ) -> None:
        self._engine = engine
        self._crew = crew
        self._recorder = recorder
        self._watch = watch
        self._plan = plan
        self._queue = deque(plan.tasks)
        self._spooled: list[Result] = []
        self._results: list[Result] = []
        self._refusals: Counter[Task] = Counter()
        self._is_away = False
        self._trouble = ""
        self._tries = 0  # at a database that has taken nothing since
        self._deadline = 0.0

    def work(self, number: int) -> Summary:
        """Go through the list; return what it came to."""
        start = time.monotonic()
        for result in self._plan.refused:
            self._finish(result)
        while self._queue or self._crew.busy:
            if self._is_away and not self._crew.busy and not self._comes_back():
                break
            if not self._is_away:
                self._share_out()
            for event in self._crew.events(LOOK):
                self._watch(event)
                self._heed(event)
            self._recorder.keep()
        self._store_spooled()
        seconds = time.monotonic() - start
        return Summary(number, self._plan, self._results, seconds, left=len(self._queue))

    def leave(self) -> None:
        """Close the crew, and record what was done when it ended; the rest is of no more use."""
        self._crew.close()
        for event in self._crew.events(0):
            if not isinstance(event, Lost):
                self._watch(event)
                self._heed(event)

    def _share_out(self) -> None:
        """Give sources to idle workers, in order, as far as the memory reaches."""
        while self._queue and self._crew.idle and self._crew.has_room(self._queue[0]):
            task = self._queue.popleft()
            self._crew.begin(replace(task, attempts=task.attempts + 1))

    def _heed(self, event: Event) -> None:
        """Do what an event asks for."""
        if isinstance(event, Lost):
            self._repeat(event)
        elif isinstance(event, Ended):
            result = event.result
            if result.database_is_away and self._may_repeat(result.task):
                self._pause(result)
                again = replace(result.task, attempts=result.task.attempts - 1)
                self._queue.appendleft(again)
            elif result.is_spooled:
                self._pause(result)
                self._spooled.append(result)
            else:
                self._tries = self._tries if result.failed else 0
                self._finish(result)

    def _pause(self, result: Result) -> None:
        """Begin nothing more for now: the database took nothing of a source."""
        self._is_away = True
        self._trouble = str(result.error)

    def _may_repeat(self, task: Task) -> bool:
        """Return whether the database has not yet refused a source too often."""
        self._refusals[task] += 1
        return self._refusals[task] < REFUSALS

    def _repeat(self, lost: Lost) -> None:
        """Begin a source again whose worker was lost, last of all, unless it was so too often."""
        task = lost.task
        if task.attempts < ATTEMPTS:
            notify(SourceRepeated(source=task.source, reason=lost.reason))
            self._queue.append(task)
            return
        error = WorkerLost(source=task.source, count=task.attempts, reason=lost.reason)
        self._finish(Result(task, error=error))

    def _finish(self, result: Result) -> None:
        """Record what became of a source."""
        self._results.append(result)
        self._recorder.add(result, result.task.attempts)
        self._watch(Finished(result, result.task.attempts))

    def _comes_back(self) -> bool:
        """Wait for the database; return whether it is there in time.

        One that answers, but has taken nothing since it last came back, is waited for, too.
        """
        if not self._tries:
            self._deadline = time.monotonic() + PATIENCE
        must_wait = self._tries > 0
        while True:
            try:
                check_answers(self._engine)
            except RegistryError as error:
                self._trouble = str(error)
                must_wait = True
            if not must_wait:
                self._tries += 1
                self._is_away = False
                return True
            pause = PAUSES[min(self._tries, len(PAUSES) - 1)]
            if time.monotonic() + pause > self._deadline:
                return False
            notify(RunPaused(reason=self._trouble, seconds=pause))
            time.sleep(pause)
            self._tries += 1
            must_wait = False

    def _store_spooled(self) -> None:
        """Store the fingerprints that wait in files, if the database takes them now."""
        if not self._spooled:
            return
        stored = {}
        waiting = [result.error.data["path"] for result in self._spooled if result.error]
        for flushed in flush.flush(self._engine, waiting):
            if flushed.ingested is not None:
                stored[str(flushed.path)] = flushed.ingested
        for result in self._spooled:
            ingested = stored.get(str(result.error.data["path"])) if result.error else None
            self._finish(result if ingested is None else stored_after_all(result, ingested))


def stored_after_all(result: Result, ingested: Ingested) -> Result:
    """Return what became of a source whose fingerprint had waited in a file."""
    name = ingested.model.name
    return replace(result, outcome=ingested.outcome.value, model=name, error=None)
