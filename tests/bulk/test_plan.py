"""registry.bulk.plan: what of a list is to be done, and what would fail again."""

import os

import psutil
import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.bulk.job import Result
from registry.bulk.plan import Choice, plan
from registry.bulk.recorder import job_of
from registry.bulk.survey import Reading
from registry.bulk.wanted import Wanted
from registry.database.connecting.connection import open_whole
from registry.database.connecting.transactions import in_transaction
from registry.database.keeping import runs
from registry.database.keeping.runs import NewRun
from registry.errors import BadName, NamesCollide, NameTaken

RANK = 16
CHOICE = Choice(Reading(rank=RANK))
NEW = NewRun(engine="local", workers=1, sources=1, skipped=0, tool_version="test")


@pytest.fixture
def engine(url):
    """On an empty database."""
    with open_whole(url) as engine:
        yield engine


def planned(engine, *sources, choice=CHOICE):
    """The plan of sources without names of their own, or of what was wanted."""
    wanted = [one if isinstance(one, Wanted) else Wanted(str(one)) for one in sources]
    return plan(engine, wanted, choice)


def test_a_source_in_several_spellings_is_read_once(engine, tmp_path, monkeypatch):
    """Relative, absolute, with a slash, and by a link."""
    folder = write_folder(tmp_path / "model", llama())
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    sources = ("model", folder, f"{folder}/", "./link", tmp_path / "link")
    [task] = planned(engine, *sources).tasks
    assert task.source == "model"
    (tmp_path / "copies").mkdir()
    copy = write_folder(tmp_path / "copies" / "model", llama())
    with pytest.raises(NamesCollide, match="given twice"):
        planned(engine, folder, copy)


def test_a_source_that_cannot_be_stored_is_refused_alone(engine, tmp_path):
    """One whose name is no Unicode, or no name, among others; a name that was typed is told first."""
    good = write_folder(tmp_path / "good", llama())
    bad = write_folder(tmp_path / os.fsdecode(b"bad-\xff"), llama())
    nameless = write_folder(tmp_path / "\x1b[31m", llama())
    answer = planned(engine, good, bad, nameless)
    assert [task.source for task in answer.tasks] == [str(good)]
    assert [result.task.source for result in answer.refused] == [str(bad), str(nameless)]
    assert answer.count == 3
    with pytest.raises(BadName, match="cannot be the name"):
        planned(engine, Wanted(str(good), name="\u202e"))


def test_a_source_whose_name_is_taken_is_not_read_again_for_nothing(engine, tmp_path):
    """Until the name is free, or another is given."""
    first = write_folder(tmp_path / "a" / "model", llama(hidden=32))
    second = write_folder(tmp_path / "b" / "model", llama(seed=1, hidden=32))
    with registry.Registry() as known:
        known.ingest(first, rank=RANK)
        [task] = planned(engine, second).tasks
        number = in_transaction(engine, lambda session: runs.begin(session, NEW, psutil.pids()))
        jobs = (job_of(Result(task, error=NameTaken(name="model")), 1, RANK),)
        in_transaction(engine, lambda session: runs.record(session, number, jobs, before=0))

        [failed] = planned(engine, second).failed
        assert failed.failure.error == "NameTaken"
        retried = Choice(CHOICE.reading, retry=True)
        assert len(planned(engine, second, choice=retried).tasks) == 1
        named = Choice(CHOICE.reading, template="{parent}/{leaf}")
        assert len(planned(engine, second, choice=named).tasks) == 1
        known.remove("model")
        assert len(planned(engine, second).tasks) == 1
