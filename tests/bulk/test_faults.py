"""registry.bulk.run: what becomes of sources whose workers or database fail them."""

import psutil
import pytest
from crew_made import FakeCrew, tasks
from places import execute

from registry.bulk import run as bulk_run
from registry.bulk.job import Result
from registry.bulk.plan import Plan
from registry.bulk.run import run
from registry.database.connecting.connection import open_whole
from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.keeping import runs
from registry.database.keeping.runs import NewRun
from registry.errors import (
    BrokenFile,
    DiskFull,
    NotSpooled,
    NotUnicode,
    ServerNotReady,
    Spooled,
    WorkerLost,
)

NEW = NewRun(engine="local", workers=2, sources=3, skipped=0, tool_version="test")
AWAY = ServerNotReady(url="here", reason="the database system is starting up")
FULL = DiskFull(url="here", reason="no space left on device")
SPOOLED = Spooled(cause="it is away", source="b", path="/nowhere/0.spooled")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    """A run that waits for its database asks again at once."""
    monkeypatch.setattr(bulk_run, "PAUSES", (0.0,))


@pytest.fixture
def engine(url):
    """On an empty database."""
    with open_whole(url) as engine:
        yield engine


def done(engine, crew, *sources, watch=lambda _: None, refused=()):
    """The summary of a run, and the rows that it left: source, state, error and attempts."""
    summary = run(engine, Plan(tasks(*sources), (), (), refused), crew, NEW, 16, watch)
    return summary, rows(engine, summary.run)


def rows(engine, number):
    """What is stored of the sources of a run."""
    jobs = answer_of(engine, lambda session: runs.jobs(session, number, failed=False))
    return [(job.source, job.state, job.error, job.attempts) for job in jobs]


def states(engine):
    """The states of all runs, the newest first."""
    return [one.state for one in answer_of(engine, lambda session: runs.runs(session, 9))]


def test_a_source_that_kills_its_workers_harms_no_other(engine):
    """It is tried three times, the neighbours once, and then listed with the way it ended."""
    crew = FakeCrew({"a": ["signal SIGKILL"] * 9})
    summary, jobs = done(engine, crew, "a", "b", "c")
    assert crew.begun == ["a", "b", "c", "a", "a"]
    assert sorted(jobs) == [
        ("a", "failed", "WorkerLost", 3),
        ("b", "done", None, 1),
        ("c", "done", None, 1),
    ]
    [failed] = [result for result in summary.results if result.failed]
    assert isinstance(failed.error, WorkerLost)
    assert "signal SIGKILL" in str(failed.error)
    assert states(engine) == ["ended"]


def test_a_source_waits_for_a_database_that_is_away(engine):
    """It is begun again, which does not count as an attempt of its own."""
    summary, jobs = done(engine, FakeCrew({"a": [AWAY, AWAY]}), "a", "b")
    assert sorted(jobs) == [("a", "done", None, 1), ("b", "done", None, 1)]
    assert summary.is_complete


def test_a_source_that_the_database_always_refuses_ends(engine):
    """Though the database answers; it is listed with what the database said."""
    crew = FakeCrew({"a": [FULL] * 1000})
    summary, jobs = done(engine, crew, "a", "b")
    assert sorted(jobs) == [("a", "failed", "DiskFull", 1), ("b", "done", None, 1)]
    assert len(crew.begun) < 20
    assert not summary.is_complete


def test_a_full_disk_is_waited_for(engine):
    """Though the database answers; what could not even be kept in a file is read once more."""
    lost = NotSpooled(cause="full", source="a", path="/nowhere", reason="no space left")
    crew = FakeCrew({source: [lost, FULL, lost] for source in "abc"})
    summary, jobs = done(engine, crew, "a", "b", "c")
    assert sorted(jobs) == [(source, "done", None, 1) for source in "abc"]
    assert summary.is_complete


def test_a_database_that_takes_nothing_for_long_ends_the_run(engine, monkeypatch):
    """Sources that were not begun are counted, not failed: the next run takes them."""
    monkeypatch.setattr(bulk_run, "PATIENCE", -1.0)
    crew = FakeCrew({source: [FULL] * 1000 for source in "abc"})
    summary, jobs = done(engine, crew, "a", "b", "c")
    assert jobs == []
    assert summary.left == 3
    assert states(engine) == ["stopped"]


def test_a_fingerprint_that_still_waits_is_told(engine, monkeypatch, tmp_path):
    """Where the end of the run cannot store it either."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path))
    summary, jobs = done(engine, FakeCrew({"b": [SPOOLED]}), "a", "b")
    assert sorted(jobs) == [("a", "done", None, 1), ("b", "done", None, 1)]
    assert summary.count("spooled") == 1
    assert not summary.is_complete


def test_the_end_of_a_run_records_what_was_done_meanwhile(engine):
    """Ctrl-C ends the workers first; what they say last is kept, and the run is stopped."""
    crew = FakeCrew({"b": [KeyboardInterrupt()]})
    [late] = tasks("c")
    crew.late = [Result(late, outcome="unchanged")]
    with pytest.raises(KeyboardInterrupt, match="^$"):
        done(engine, crew, "a", "b", "c")
    assert crew.is_closed
    assert states(engine) == ["stopped"]
    newest = answer_of(engine, lambda session: runs.runs(session, 1))[0]
    assert ("c", "done", None, 0) in rows(engine, newest.id)


def test_who_is_told_may_fail(engine):
    """A reader that leaves ends the run: the workers are closed, what was done is recorded."""

    def watch(event):
        if type(event).__name__ == "Finished":
            raise BrokenPipeError

    crew = FakeCrew()
    with pytest.raises(BrokenPipeError, match="^$"):
        done(engine, crew, "a", "b", watch=watch)
    assert crew.is_closed
    assert states(engine) == ["stopped"]
    newest = answer_of(engine, lambda session: runs.runs(session, 1))[0]
    assert rows(engine, newest.id)


def test_a_source_that_cannot_be_stored_is_a_failure(engine):
    """Its name is no Unicode; the others are done."""
    [task] = tasks("bad-\udcff")
    refused = (Result(task, error=NotUnicode(text=task.source)),)
    _, jobs = done(engine, FakeCrew(), "a", refused=refused)
    assert sorted(job[1:3] for job in jobs) == [("done", None), ("failed", "NotUnicode")]


def test_a_run_whose_process_has_gone_was_killed(engine, url):
    """The next run of its host says so; also of one that gave no sign for an hour."""
    with_process = in_transaction(engine, lambda session: runs.begin(session, NEW, psutil.pids()))
    done(engine, FakeCrew(), "a")
    assert states(engine) == ["ended", "running"]
    change = "UPDATE registry_tables.runs SET seen_at = now() - interval '2 h' WHERE id = "
    execute(url, f"{change}{with_process}")
    done(engine, FakeCrew(), "a")
    assert states(engine) == ["ended", "ended", "killed"]

    # it lives on, and says so
    in_transaction(engine, lambda session: runs.record(session, with_process, (), before=0))
    assert states(engine)[-1] == "running"
    in_transaction(engine, lambda session: runs.begin(session, NEW, []))
    assert states(engine)[-1] == "killed"


def test_jobs_are_stored_once(engine):
    """Also where the transaction ran twice, for nobody heard how the first ended."""
    from registry.bulk.recorder import job_of

    number = in_transaction(engine, lambda session: runs.begin(session, NEW, psutil.pids()))
    [task] = tasks("a")
    jobs = (job_of(Result(task, error=BrokenFile(path="a", reason="short")), 1, 16),)
    for _ in range(2):
        in_transaction(engine, lambda session: runs.record(session, number, jobs, before=0))
    assert rows(engine, number) == [("a", "failed", "BrokenFile", 1)]
