"""registry.bulk.shares: what a source takes of a node."""

import pytest

from registry.bulk.shares import GIB, Share, share_of
from registry.bulk.wanted import Task, Wanted

SMALL = Share(cores=4, memory=8 * GIB)
LARGE = Share(cores=16, memory=64 * GIB, gpus=2)


def task(size, largest):
    """A source of so many bytes."""
    return Task(Wanted("model"), "/model", size=size, largest=largest)


@pytest.mark.parametrize(
    ("size", "largest", "expected"),
    [
        pytest.param(1 << 20, 1 << 10, Share(1, GIB / 2), id="tiny"),
        pytest.param(4 * GIB, GIB // 2, Share(2, 2 * GIB), id="small"),
        pytest.param(140 * GIB, 4 * GIB, Share(8, 16 * GIB), id="large"),
        pytest.param(900 * GIB, 40 * GIB, Share(8, 64 * GIB), id="larger than every node"),
    ],
)
def test_a_source_takes_what_its_size_asks_for(size, largest, expected):
    """Cores by its weights, memory by its largest tensor; never more than the largest node has."""
    assert share_of(task(size, largest), [SMALL, LARGE], gpu=False) == expected


@pytest.mark.parametrize(
    ("largest", "gpus"),
    [(1 << 20, 0.25), (GIB // 2, 0.5), (4 * GIB, 1)],
)
def test_small_models_share_a_gpu(largest, gpus):
    """And a large one has it alone."""
    assert share_of(task(GIB, largest), [SMALL, LARGE], gpu=True).gpus == gpus


def test_a_source_waits_for_no_node_that_is_not_there():
    """Where no node has as much, all of one is enough, on a cluster without GPUs too."""
    assert share_of(task(140 * GIB, 8 * GIB), [SMALL], gpu=True) == SMALL
    assert share_of(task(GIB, GIB // 8), [SMALL], gpu=False, cores=64).cores == 4


def test_a_head_without_cores_takes_nothing():
    """Until there is another node, sources wait for one."""
    head = Share(cores=0, memory=64 * GIB)
    assert share_of(task(GIB, GIB // 8), [head], gpu=False).cores == 1
    assert share_of(task(140 * GIB, 8 * GIB), [head, SMALL], gpu=False) == SMALL
