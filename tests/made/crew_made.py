"""Crews without processes: one answers what a test says, one ingests in this process."""

from collections import deque

from registry.bulk.crew import Ended, Lost, Started
from registry.bulk.job import Result, ingest_task
from registry.bulk.wanted import Task, Wanted
from registry.database.connecting.connection import open_whole
from registry.errors import Spooled


class FakeCrew:
    """Workers that answer at once. answers: by source, what each attempt comes to; done at last.

    An answer is an error, the way in which a worker was lost, or an exception that the crew raises.
    """

    def __init__(self, answers=None, count=2):
        self._answers = {source: deque(listed) for source, listed in (answers or {}).items()}
        self._count = count
        self._tasks = []
        self.begun = []
        self.is_closed = False
        self.late = []

    @property
    def busy(self):
        """How many are at work."""
        return len(self._tasks)

    @property
    def idle(self):
        """How many could take a source now."""
        return self._count - self.busy

    def has_room(self, _task):
        """Return that there is."""
        return True

    def begin(self, task):
        """Take a source."""
        assert not self.is_closed
        self.begun.append(task.source)
        self._tasks.append(task)

    def events(self, _seconds):
        """Answer for all sources; once closed, what the workers said last."""
        if self.is_closed:
            return [Ended(result) for result in self.late]
        events = []
        for task in self._tasks:
            events += [Started(task), self._answer(task)]
        self._tasks = []
        return events

    def close(self):
        """Take no more."""
        self.is_closed = True

    def _answer(self, task):
        answers = self._answers.get(task.source)
        answer = answers.popleft() if answers else None
        if isinstance(answer, str):
            return Lost(task, answer)
        if isinstance(answer, KeyboardInterrupt):
            raise answer
        if answer is None:
            return Ended(Result(task, outcome="unchanged", seconds=1.0))
        outcome = "spooled" if isinstance(answer, Spooled) else None
        return Ended(Result(task, outcome=outcome, error=answer))


class InlineCrew(FakeCrew):
    """Ingests one source at a time in this process, with the work that a run hands out."""

    def __init__(self, count, work, url):
        super().__init__(count=count)
        self._work = work
        self._url = url

    def _answer(self, task):
        with open_whole(self._url) as engine:
            return Ended(ingest_task(engine, task, self._work))


def tasks(*sources):
    """Tasks of sources that are nowhere."""
    return tuple(Task(Wanted(source), f"/{source}", "here", source) for source in sources)
