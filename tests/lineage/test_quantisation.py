"""registry.lineage.quantisation: to how many bits, by errors, zeros and the variety of values."""

from dataclasses import replace

import models_made as made
import pytest

from registry.lineage.comparison import ModelComparison
from registry.lineage.features import ModelFeatures
from registry.lineage.quantisation import (
    TERNARY,
    bits_of_error,
    bits_of_variety,
    quantisation,
    quantisation_error,
    quantised_bits,
    stated_bits,
)

ROOT = made.grown()


@pytest.mark.parametrize(
    ("size", "zeros", "bits"),
    [
        (0.01, 0.01, 8),  # int8, a scale for each row
        (0.03, 0.05, 8),  # e4m3 without a scale
        (0.1, 0.13, 4),  # int4, groups of 32
        (0.14, 0.13, 4),  # the same, error-compensated
        (0.09, 0.09, 4),  # quantiles of the normal distribution
        (0.18, 0.0, 3),  # eight levels between the extremes
        (0.41, 0.0, 2),  # four of them
        (0.8, 0.7, 2),  # minus one, zero and one times the largest
    ],
)
def test_errors_and_zeros_tell_the_bits(size, zeros, bits):
    """What these ways of rounding give on weights of a normal distribution."""
    assert bits_of_error(size, zeros) == bits


def test_variety_alone_tells_fewer_bits():
    """Where the axes are others, how far weights moved cannot be seen."""
    assert [bits_of_variety(share) for share in (0.12, 0.25, 0.6)] == [2, 4, 8]


@pytest.mark.parametrize(
    ("stored", "bits"),
    [
        ("gptq 4-bit", 4),
        ("Q5_0", 5),
        ("IQ2_XS", 2),
        ("bitsandbytes nf4", 4),
        ("bitsandbytes int8", 8),
        ("fp8", 8),
        ("mxfp4", 4),
        ("mlx 6-bit", 6),
        ("something", None),
        (None, None),
    ],
)
def test_names_of_formats_state_bits(stored, bits):
    """What the file says comes before what the values show."""
    assert stated_bits(stored) == bits


def test_ternary_values_are_recognised(fingerprinted):
    """Three values are fewer than 2 bits give."""

    def ternary(t):
        scale = t.abs().mean(1, keepdim=True)
        return (t / scale).round().clamp(-1, 1) * scale

    child = {name: ternary(t) if "proj" in name else t for name, t in ROOT.items()}
    comparison = ModelComparison.of(fingerprinted("ternary", child), fingerprinted("root", ROOT))
    assert quantised_bits(comparison) == TERNARY


@pytest.mark.parametrize(
    ("bits", "stored", "told", "stated"),
    [
        (4, "int8", 4, "int8"),
        (4, "fp8 e4m3", 4, "fp8 e4m3"),
        (8, "int8", 8, None),
        (4, "gptq 4-bit", 4, None),
        (4, "Q6_K", 6, None),  # no file of which was measured
        (8, None, 8, "bfloat16"),
    ],
)
def test_a_file_that_states_more_than_it_holds(fingerprinted, bits, stored, told, stated):
    """The values show it where they are fewer than in any file that states so, and moved too far."""
    later = ModelFeatures.of(fingerprinted(f"{bits} bits", made.quantised(ROOT, bits)))
    later = ModelFeatures(replace(later.model, stored=stored))
    earlier = ModelFeatures.of(fingerprinted("root", ROOT))
    (change,) = quantisation(ModelComparison(later, earlier))
    assert (change.amount, change.stated) == (told, stated)
    assert all(line.pairs for line in change.evidence)


def test_unquantised_weights_have_no_bits(fingerprinted):
    """Training leaves as many values as before."""
    comparison = ModelComparison.of(
        fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)
    )
    assert quantised_bits(comparison) is None
    assert quantisation_error(comparison) == 0
