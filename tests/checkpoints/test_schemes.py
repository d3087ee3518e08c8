"""registry.checkpoints.quantised.schemes: the table of schemes."""

import pytest

from registry.checkpoints.quantised.schemes import COMMON, MARKS, SCHEMES


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_schemes_are_whole(scheme):
    """The part that tells a shape is a needed one, and no part has two meanings."""
    assert scheme.telling is None or scheme.telling in scheme.needs
    parts = [*scheme.needs, *scheme.may, *scheme.unused]
    assert len(set(parts)) == len(parts)
    assert scheme.weights in scheme.needs


def test_marks_prove_a_quantisation():
    """A suffix that plain models use is no mark."""
    assert not set(MARKS) & COMMON
    assert {".qweight", ".SCB", ".weight_scale_inv", "_proj_blocks"} <= set(MARKS)
