"""registry.fingerprints.progress."""

import pytest
from checkpoints_made import llama, write_folder

from registry.checkpoints import open_checkpoint
from registry.fingerprints.compute import open_layout, wanted_tensors
from registry.fingerprints.progress import SHARE, Reports, measured, work_of
from registry.fingerprints.timing import Timing
from registry.fingerprints.wanted import WantedTensor


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[WantedTensor]:
    """The tensors of a model."""
    folder = write_folder(tmp_path_factory.mktemp("progress"), llama())
    return wanted_tensors(open_layout(open_checkpoint(folder), Timing()))


def test_tensors_are_reported_as_they_are_done(wanted):
    """Each with its bytes and the work so far, whether or not those before it are done."""
    calls = []
    report = measured(Reports(lambda *call: calls.append(call), 1e6), wanted)
    report(1, wanted[1].entry.nbytes)
    report(0, wanted[0].entry.nbytes)
    first, second = map(work_of, wanted[:2])
    assert calls == [
        (round(second), 1_000_000, wanted[1].entry.nbytes),
        (round(first + second), 1_000_000, wanted[0].entry.nbytes),
    ]


def test_pieces_of_a_tensor_are_reported_as_they_are_done(wanted):
    """Each with what is new of it; that all are done is no more news."""
    calls = []
    report = measured(Reports(lambda *call: calls.append(call), 1e6), wanted)
    nbytes = wanted[0].entry.nbytes
    for so_far in (nbytes // 4, nbytes, nbytes):
        report(0, so_far)
    quarter, rest = nbytes // 4, nbytes - nbytes // 4
    assert [call[-1] for call in calls] == [quarter, rest]
    assert calls[-1][0] == round(work_of(wanted[0]))


def test_the_end_is_reported_once():
    """What was less work than was thought is done all the same; what was reported is not repeated."""
    calls = []
    reports = Reports(lambda *call: calls.append(call), 100)
    reports.add(60, 5)
    reports.end()
    reports.end()
    assert calls == [(60, 100, 5), (100, 100, 0)]


def test_work_that_was_not_foreseen():
    """All was done, then less of more is; the end comes with the rest."""
    calls = []
    reports = Reports(lambda *call: calls.append(call), 100)
    reports.add(110)
    reports.expect(60)
    reports.add(60)
    reports.end()
    assert calls == [(100, 100, 0), (100, 160, 0), (160, 160, 0)]


def test_no_more_is_done_than_there_is():
    """Work that was underestimated does not run over."""
    calls = []
    Reports(lambda *call: calls.append(call), 100).add(101)
    assert calls == [(100, 100, 0)]


def test_what_takes_less_time_counts_for_less(wanted):
    """A byte of an embedding is less work than one of a matrix whose spectrum is computed."""
    works = {tensor.entry.name: work_of(tensor) for tensor in wanted}
    sizes = {tensor.entry.name: tensor.entry.nbytes for tensor in wanted}
    query = "model.layers.0.self_attn.q_proj.weight"
    assert works[query] == sizes[query]
    embedding = "model.embed_tokens.weight"
    assert works[embedding] == SHARE * sizes[embedding]


def test_nobody_listens(wanted):
    """Nothing is called, and nothing fails."""
    measured(Reports(None, 1), wanted)(0, 1)
