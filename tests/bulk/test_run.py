"""registry.bulk.run: one run over a list, in processes of this machine."""

import multiprocessing

import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.bulk.crew import Started
from registry.bulk.run import Finished
from registry.bulk.start import Sharing
from registry.bulk.wanted import Wanted
from registry.errors import NamesCollide, NothingFailed

TWO = Sharing(workers=2)


@pytest.fixture
def tree(tmp_path):
    """Five models of three families, and a folder of broken weights."""
    for number in range(5):
        write_folder(tmp_path / "models" / f"m{number}", llama(seed=number % 3, hidden=32))
    broken = write_folder(tmp_path / "models" / "broken", llama())
    (broken / "model.safetensors").write_bytes(b"\x10" + bytes(20))
    return tmp_path / "models"


def sources(tree):
    """All sources of a tree."""
    return [str(path) for path in sorted(tree.iterdir())]


def outcomes(summary):
    """How many sources came to what."""
    counts = {}
    for result in summary.results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    return counts


@pytest.mark.slow
def test_a_list_is_done_once(url, tree):
    """Equal weights are one model; the second run reads nothing, and tries what failed if asked."""
    with registry.Registry() as known:
        first = known.ingest_many(sources(tree), sharing=TWO, rank=16)
        assert outcomes(first) == {"new": 3, "unchanged": 2, None: 1}
        assert len(known.models()) == 3
        assert not first.is_complete

        second = known.ingest_many(sources(tree), sharing=TWO, rank=16)
        assert not second.results
        assert len(second.plan.known) == 5
        [failed] = second.plan.failed
        assert failed.failure.error == "BrokenFile"

        [left] = known.failed_sources()
        assert left == Wanted(str(tree / "broken"))
        write_folder(tree / "broken", llama(seed=9, hidden=32))
        third = known.ingest_many([left], sharing=TWO, rank=16)
        assert outcomes(third) == {"new": 1}
        assert third.is_complete
        with pytest.raises(NothingFailed, match="No source failed when it was tried last"):
            known.failed_sources()

        runs = known.runs()
        assert [(run.state, run.sources, run.skipped) for run in runs] == [
            ("ended", 1, 0),
            ("ended", 6, 5),
            ("ended", 6, 0),
        ]
        assert [run.done for run in runs] == [1, 0, 5]
        [job] = known.jobs(first.run, failed=True)
        assert (job.error, job.lasting, job.model) == ("BrokenFile", True, None)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(url, tree):
    """Its source is begun again, by a new process."""
    killed = []

    def kill_once(event):
        if isinstance(event, Started) and not killed:
            [worker] = multiprocessing.active_children()
            killed.append(event.task.source)
            worker.kill()

    finished = []

    def watch(event):
        kill_once(event)
        if isinstance(event, Finished):
            finished.append((event.result.task.source, event.attempts))

    good = [source for source in sources(tree) if not source.endswith("broken")]
    with registry.Registry() as known:
        summary = known.ingest_many(good, sharing=Sharing(workers=1), watch=watch, rank=16)
        assert summary.is_complete
        assert len(known.models()) == 3
    assert dict(finished)[killed[0]] == 2
    assert len(finished) == 5


def test_names_that_collide_are_told_before_anything_is_read(url, tmp_path):
    """And no run is recorded."""
    for run in ("a", "b"):
        write_folder(tmp_path / run / "model", llama())
    paths = [tmp_path / "a" / "model", tmp_path / "b" / "model"]
    with registry.Registry() as known:
        with pytest.raises(NamesCollide, match=r"given twice \(1\), such as 'model' to"):
            known.ingest_many(paths)
        assert known.runs() == []
