"""registry.lineage.value_signs: signs in values of which of two models is the later."""

from dataclasses import replace

import models_made as made
import pytest
import torch

from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.ordered_pair import PairInOrder
from registry.lineage.value_signs import gains_folded, rounded_to_a_type, smallest

ROOT = made.grown()


@pytest.mark.parametrize(
    ("share", "energy"), [(0.0, 0.0), (0.5, 0.0713), (0.7, 0.2166), (1.0, 1.0)]
)
def test_the_smallest_values_hold_little(share, energy):
    """Half of a normal law's values hold 7 % of its energy."""
    assert smallest(share) == pytest.approx(energy, abs=0.02)


@pytest.mark.parametrize(
    ("later", "earlier", "shown"),
    [
        ("float16", "float32", True),
        ("float16", "bfloat16", True),
        ("bfloat16", "float16", False),
        ("float32", "float16", False),
    ],
)
def test_a_rounding_to_a_type_is_later(fingerprinted, later, earlier, shown):
    """Of values of the wider or finer type; not the other way round."""
    models = []
    for name, tensors in (("nudged", made.tuned(ROOT, 1e-5)), ("root", ROOT)):
        models.append(ModelFeatures.of(fingerprinted(f"typed {name}", tensors)).model)
    one, other = (
        ModelFeatures(replace(model, dtype=dtype))
        for model, dtype in zip(models, (later, earlier), strict=True)
    )
    places = tuple(range(other.layer_count))
    assert rounded_to_a_type(PairInOrder(one, other, places)) is shown


def test_gains_that_are_folded_are_later(fingerprinted):
    """Where the weights hold them; not where all weights are scaled alike."""
    folded = gains_side_by_side(fingerprinted, made.norms_folded(ROOT))
    assert gains_folded(folded)
    assert not gains_folded(folded.reversed)
    flat = {name: torch.ones_like(t) if "norm" in name else t for name, t in ROOT.items()}
    assert not gains_folded(gains_side_by_side(fingerprinted, flat))


def gains_side_by_side(fingerprinted, tensors):
    """Give a model beside the root."""
    later = fingerprinted(f"gains {id(tensors)}", tensors)
    comparison = ModelComparison.of(later, fingerprinted("gains", ROOT))
    return PairInOrder(comparison.a, comparison.b, comparison.changes.places)
