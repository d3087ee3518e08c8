"""registry.numerics.compiled.loading: kernels are found once, and spared where work is short."""

import sys

import pytest

from registry.numerics.compiled.loading import loaded, remembered, without_loading


@pytest.fixture
def find():
    """Count how often a kernel is looked for."""
    calls = []

    @remembered
    def kernel():
        calls.append(None)
        return loaded("passes")

    kernel.calls = calls
    return kernel


def test_kernels_are_found_once(find):
    """The second answer is the first."""
    pytest.importorskip("numba")
    assert find() is find() is not None
    assert len(find.calls) == 1


def test_short_work_spares_them(find, monkeypatch):
    """Unless numba was loaded before; what comes after finds them."""
    pytest.importorskip("numba")
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    with without_loading():
        assert find() is None
        assert find.calls == []
    monkeypatch.undo()
    with without_loading():
        assert find() is not None
