"""registry.fingerprints.progress."""

import pytest
from checkpoints_made import llama, write_folder

from registry.checkpoints import open_checkpoint
from registry.fingerprints.compute import open_layout, wanted_tensors
from registry.fingerprints.meter import WantedTensor
from registry.fingerprints.progress import SHARE, OrderedProgress, work_of
from registry.fingerprints.timing import Timing


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[WantedTensor]:
    """The tensors of a model."""
    folder = write_folder(tmp_path_factory.mktemp("progress"), llama())
    return wanted_tensors(open_layout(open_checkpoint(folder), Timing()))


def test_tensors_are_reported_in_their_order(wanted):
    """Whichever is done first: each once, with its bytes, as soon as all before it are done."""
    calls = []
    progress = OrderedProgress(lambda *call: calls.append(call), wanted)
    progress.finish(1)
    assert calls == []
    progress.finish(0)
    first, second = map(work_of, wanted[:2])
    total = sum(map(work_of, wanted))
    assert calls == [
        (first, total, wanted[0].entry.nbytes),
        (first + second, total, wanted[1].entry.nbytes),
    ]


def test_what_was_measured_before_is_done(wanted):
    """It is reported first, with no bytes; the work ends where all of it is done."""
    calls = []
    progress = OrderedProgress(lambda *call: calls.append(call), wanted, wanted[3:])
    for position in range(len(wanted) - 3):
        progress.finish(position)
    total = sum(map(work_of, wanted))
    assert calls[0] == (sum(map(work_of, wanted[:3])), total, 0)
    assert calls[-1][:2] == (total, total)


def test_what_takes_less_time_counts_for_less(wanted):
    """A byte of an embedding is less work than one of a matrix whose spectrum is computed."""
    works = {tensor.entry.name: work_of(tensor) for tensor in wanted}
    sizes = {tensor.entry.name: tensor.entry.nbytes for tensor in wanted}
    query = "model.layers.0.self_attn.q_proj.weight"
    assert works[query] == sizes[query]
    embedding = "model.embed_tokens.weight"
    assert works[embedding] == int(SHARE * sizes[embedding])


def test_nobody_listens(wanted):
    """Nothing is called, and nothing fails."""
    OrderedProgress(None, wanted).finish(0)
