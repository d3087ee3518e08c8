"""Quantisation and pruning: how few values are left, how far they moved, and how many are zero."""

import math
import re
from collections.abc import Iterator

import numpy as np

from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.verdict import Change, ChangeKind

# the number in `4-bit`, or behind Q, fp, mxfp, nf and int
BITS = re.compile(r"(\d+)(?=-bit)|(?<=Q)(\d)|(?<=fp|nf)(\d)|(?<=int)(\d)", re.IGNORECASE)
PRUNED = 0.02  # share of weights that became zero
COARSER = 0.85  # of the earlier model's variety of values: below, the later is quantised
FEW = 0.05  # variety of ternary values, whatever the groups that share a scale
TERNARY = math.log2(3)
WITH_ZERO = 0.04  # share of zeros from which the levels have one at zero
FINE = 0.06  # |change| / |weights| of about 8 bits at most
# |change| / |weights| that rounding gives at most, where no level is at zero: beyond, fewer bits
BETWEEN_LEVELS = {4: 0.125, 3: 0.28}
# share of zeros with a level at zero: the width of one level in a normal distribution
ZEROS = {4: 0.22, 3: 0.45}
COARSEST = 2
# |change| / |weights| that quantisation alone gives at most, error-compensated rounding included
ERRORS = {8: 0.06, 4: 0.2, 3: 0.3, 2: 0.5, TERNARY: 0.46}
VARIETY = {2: 0.18, 4: 0.45}  # of values, where nothing shows how far the weights moved


def quantisation(comparison: ModelComparison) -> Iterator[Change]:
    """Yield a quantisation: to about how many bits, and the format where it is stored so."""
    bits = quantised_bits(comparison)
    if bits:
        stored = comparison.a.model.stored
        yield Change(ChangeKind.QUANTISED, amount=bits, parts=(stored,) if stored else ())


def pruning(comparison: ModelComparison) -> Iterator[Change]:
    """Yield weights that became zero, unless quantisation explains them."""
    zeros = comparison.changes.zeros
    if zeros > PRUNED and not quantised_bits(comparison):
        yield Change(ChangeKind.PRUNED, amount=zeros)


def quantised_bits(comparison: ModelComparison) -> float | None:
    """Return about how many bits the weights were quantised to, None where they were not."""
    changes = comparison.changes
    variety = changes.variety
    if not variety.later or changes.equal == 1.0:
        return None

    stored_quantised = comparison.a.model.stored and not comparison.b.model.stored
    expected = variety.earlier * variety.nonzero
    if variety.later > COARSER * expected and not stored_quantised:
        return None
    stated = stated_bits(comparison.a.model.stored) if stored_quantised else None
    if stated:
        return stated
    if variety.later < FEW:
        return TERNARY
    size = size_in_same_axes(changes)
    return bits_of_variety(variety.later) if size is None else bits_of_error(size, changes.zeros)


def stated_bits(stored: str | None) -> float | None:
    """Return the bits that a format's name states: 4 of `gptq 4-bit`, `Q4_K` or `nf4`; or None."""
    found = BITS.search(stored or "")
    return float(found.group(found.lastindex or 0)) if found else None


def size_in_same_axes(changes: WeightChanges) -> float | None:
    """Return the median |change| / |weights| over the projections; None where the axes differ."""
    sizes = changes.pairs.sizes
    near = sizes[sizes < 1]  # NaN, of pairs without sketches, is not
    return float(np.median(near)) if len(near) else None


def bits_of_error(size: float, zeros: float) -> int:
    """Return about how many bits give such a rounding error and so many zeros."""
    if size <= FINE:
        return 8
    has_zero_level = zeros > WITH_ZERO
    limits = ZEROS if has_zero_level else BETWEEN_LEVELS
    value = zeros if has_zero_level else size
    for bits, limit in limits.items():
        if value < limit:
            return bits
    return COARSEST


def bits_of_variety(variety: float) -> int:
    """Return about how many bits leave such a share of different values among 128 neighbours."""
    for bits, limit in VARIETY.items():
        if variety < limit:
            return bits
    return 8


def quantisation_error(comparison: ModelComparison) -> float:
    """Return the |change| / |weights| that quantisation alone gives at most; 0 without any.

    Of bits between those measured, that of the next fewer.
    """
    bits = quantised_bits(comparison)
    if not bits:
        return 0.0
    measured = [known for known in ERRORS if known <= bits]
    return ERRORS[max(measured, default=TERNARY)]
