"""registry.fingerprints.meter: measuring one by one, in batches, and on a GPU."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints_made import llama, write_folder

from registry.architectures.layout import layout_of
from registry.checkpoints import open_checkpoint
from registry.fingerprints import compute as computing
from registry.fingerprints.meter import Batches, Piece
from registry.fingerprints.record import Fingerprint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five layers, in bfloat16."""
    tensors = {
        name: tensor.bfloat16()
        for name, tensor in llama(layers=5, hidden=128, inner=320, keys=64).items()
    }
    return write_folder(tmp_path_factory.mktemp("batches"), tensors)


def pieces(folder: Path) -> list[Piece]:
    checkpoint = open_checkpoint(folder)
    sites = layout_of(checkpoint).projections
    return [Piece(site, 0, site.entry.load(), "", None, None) for site in sites]


def test_batches_are_of_one_shape(folder):
    """All are given out when they take more than the limit, each once; what is left comes at the end."""
    given = pieces(folder)
    batches = Batches(3 * 7 * 320 * 128, 1)
    found = [batch for piece in given for batch in batches.add(piece)]
    assert len(found) > 0
    found += batches.take()
    assert all(len({piece.matrix.shape for piece in batch}) == 1 for batch in found)
    assert max(map(len, found)) > 1
    names = [piece.site.entry.name for batch in found for piece in batch]
    assert sorted(names) == sorted(piece.site.entry.name for piece in given)
    assert batches.take() == []


def test_without_a_limit_each_is_given_out_by_itself(folder):
    """So that it is computed at once."""
    batches = Batches(0, 1)
    given = pieces(folder)
    assert [batches.add(piece) for piece in given] == [[[piece]] for piece in given]


@pytest.mark.parametrize("limit", [1, 200_000, 1 << 40])
@pytest.mark.parametrize("threads", [1, 4])
def test_batches_change_nothing(folder, monkeypatch, limit, threads):
    """The fingerprint is the same, bit for bit, whatever is computed together."""
    expected = compute(folder)
    monkeypatch.setattr(computing, "gathering", lambda *_: limit)
    assert compute(folder, threads=threads) == expected


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
