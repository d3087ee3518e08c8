"""registry.fingerprints.meter: measuring one by one, in batches, and on a GPU."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints_made import llama, write_folder

from registry.checkpoints import Entry, open_checkpoint
from registry.fingerprints import compute as computing
from registry.fingerprints import digests
from registry.fingerprints import options as options_module
from registry.fingerprints.record import Fingerprint
from registry.fingerprints.whole_digests import whole_digests
from registry.numerics.flat_sketches import ROUND


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five layers, in bfloat16."""
    tensors = {
        name: tensor.bfloat16()
        for name, tensor in llama(layers=5, hidden=128, inner=320, keys=64).items()
    }
    return write_folder(tmp_path_factory.mktemp("batches"), tensors)


@pytest.mark.parametrize("limit", [1, 200_000, 1 << 40])
@pytest.mark.parametrize("threads", [1, 4])
def test_batches_change_nothing(folder, monkeypatch, limit, threads):
    """The fingerprint is the same, bit for bit, whatever is computed together."""
    expected = compute(folder)
    monkeypatch.setattr(options_module, "gathering", lambda *_: limit)
    assert compute(folder, threads=threads) == expected


def test_large_tables_come_in_pieces(tmp_path, monkeypatch):
    """An embedding that is never whole in memory has the digests and the sketch of one that is."""
    tensors = llama(layers=2, hidden=128, inner=320, keys=64)
    tensors["model.embed_tokens.weight"] = torch.randn(5000, 128)
    folder = write_folder(tmp_path / "model", tensors)
    expected, whole = compute(folder), whole_digests(open_checkpoint(folder))
    monkeypatch.setattr(digests, "PIECE", 4 * ROUND)
    monkeypatch.setattr(digests, "LARGE", 1 << 20)
    monkeypatch.setattr(Entry, "array", not_of_tables(Entry.array))
    assert compute(folder) == expected
    assert whole_digests(open_checkpoint(folder)) == whole


def not_of_tables(array: Callable[[Entry], np.ndarray]) -> Callable[[Entry], np.ndarray]:
    """Return what reads a whole tensor, unless it is an embedding."""

    def read(entry: Entry) -> np.ndarray:
        assert "embed" not in entry.name
        return array(entry)

    return read


def test_another_way_to_read_has_no_pieces(folder):
    """An entry whose values are changed as they are read does not come in pieces of the file."""
    [entry, *_] = open_checkpoint(folder).entries
    assert entry.comes_in_pieces
    assert not replace(entry, read=lambda: entry.array() + 1).comes_in_pieces


def compute(folder: Path, **options: object) -> Fingerprint:
    return computing.compute(open_checkpoint(folder), **options)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU here")
@pytest.mark.parametrize("threads", [1, 8])
def test_a_gpu_finds_the_same(folder, threads):
    """Digest and labels are those of the CPU, standard deviations to 1e-9, singular values within both bounds."""
    cpu, gpu = compute(folder, device="cpu"), compute(folder, device="cuda", threads=threads)
    assert gpu.std == pytest.approx(cpu.std, rel=1e-9)
    for own, other in zip(gpu.matrices, cpu.matrices, strict=True):
        apart = np.abs(np.subtract(own.singular_values, other.singular_values))
        assert (apart <= np.add(own.bounds, other.bounds)).all()
        assert own.std == pytest.approx(other.std, rel=1e-9)
    assert described(gpu) == described(cpu)


def described(found: Fingerprint) -> tuple[object, ...]:
    """What is the same to the bit: what holds no floating-point sum."""
    matrices = [
        (m.layer, m.projection, m.expert, m.rows, m.cols, m.min, m.max, m.digest)
        for m in found.matrices
    ]
    clusterings = [
        (c.rank, c.vector, c.labels, c.labels3, c.undetermined) for c in found.clusterings
    ]
    return replace(found, std=(), matrices=(), clusterings=()), matrices, clusterings
