"""registry.fingerprints.partial: reading the smallest informative tensors first."""

import models_made as made
import pytest
from checkpoints_made import write_folder

import registry
from registry.checkpoints import open_checkpoint
from registry.fingerprints.partial import Glimpse

ROOT = {name: tensor.float() for name, tensor in made.grown().items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("m") / "m", ROOT)


def test_what_is_read_is_what_the_fingerprint_has(folder):
    """The start, and without a limit every branch, each once."""
    glimpse, whole = Glimpse(open_checkpoint(folder)), registry.fingerprint(folder, rank=16)
    assert glimpse.start == whole.start
    places = [(branch.layer, branch.branch) for branch in glimpse.branches(1 << 40)]
    assert sorted(places) == sorted((branch.layer, branch.branch) for branch in whole.branches)
    assert glimpse.looked == len(places)


def test_no_more_is_read_than_the_limit(folder):
    """The sketches end before; what was read is counted in bytes."""
    glimpse = Glimpse(open_checkpoint(folder))
    assert glimpse.read == 0
    assert list(glimpse.branches(0)) == []
    limit = glimpse.total // 2
    found = list(glimpse.branches(limit))
    assert found
    assert 0 < glimpse.read <= limit < glimpse.total


def test_smaller_tensors_come_first(folder):
    """Attention is smaller than the mlp here; of one size the middle layer is first."""
    found = list(Glimpse(open_checkpoint(folder)).branches(1 << 40))
    sizes = {"attention": 2 * made.HIDDEN * made.HIDDEN, "mlp": 2 * made.HIDDEN * made.INNER}
    assert found[0].branch == min(sizes, key=sizes.get)
    layers = [branch.layer for branch in found if branch.branch == found[0].branch]
    middle = (made.LAYERS - 1) / 2
    assert [abs(layer - middle) for layer in layers] == sorted(abs(i - middle) for i in layers)
