"""Quantisation and pruning: how few values are left, how far they moved, and how many are zero."""

import math
import re
from collections.abc import Iterator

import numpy as np

from registry.lineage.changes import WeightChanges
from registry.lineage.comparison import ModelComparison
from registry.lineage.edit_nulls import EditNumber
from registry.lineage.verdict import Change, ChangeKind, EvidenceKind

# the number in `4-bit`, or behind Q, fp, mxfp, nf and int
BITS = re.compile(r"(\d+)(?=-bit)|(?<=Q)(\d)|(?<=fp|nf)(\d)|(?<=int)(\d)", re.IGNORECASE)
FLOAT8 = re.compile("fp8|float8|e4m3|e5m2", re.IGNORECASE)
FLOAT8_BITS = 8
MEASURED_LEVELS: dict[float | None, str] = {
    8: "int8",
    4: "int4",
}  # by bits, of which files were measured
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
    """Yield a quantisation: to about how many bits, and the format where it is stored so.

    And what the file states where its values have fewer bits.
    """
    bits = quantised_bits(comparison)
    if not bits:
        return
    stored = comparison.a.model.stored
    number = distinct_values(comparison)
    yield Change(
        ChangeKind.QUANTISED,
        amount=bits,
        parts=(stored,) if stored else (),
        evidence=(number.evidence,) if number else (),
        stated=stated_otherwise(comparison, bits),
    )


def distinct_values(comparison: ModelComparison) -> EditNumber | None:
    """Return how many distinct values neighbours have, of what is expected of the earlier model's.

    Beside children that were not quantised, or files of the format that is stored; None of a format
    of which none were measured.
    """
    variety = comparison.changes.variety
    expected = variety.earlier * variety.nonzero
    if not expected:
        return None
    share = variety.later / expected
    if not is_stored_quantised(comparison):
        return EditNumber(EvidenceKind.DISTINCT_VALUES, share)
    levels = levels_of(comparison.a.model.stored)
    if levels is None:
        return None
    bits = stated_bits(comparison.a.model.stored)
    count = round(bits) if bits else None
    return EditNumber(EvidenceKind.DISTINCT_VALUES, share, count=count, among=levels)


def levels_of(stored: str | None) -> str | None:
    """Return whose null a format's values stand beside; None for one that was not measured."""
    if FLOAT8.search(stored or ""):
        return "fp8"
    return MEASURED_LEVELS.get(stated_bits(stored))


def stated_otherwise(comparison: ModelComparison, bits: float) -> str | None:
    """Return the precision that a file states where its values have fewer bits; else None."""
    model = comparison.a.model
    if model.stored is not None:
        stated = stated_bits(model.stored)
        return model.stored if stated and bits < stated else None
    is_float8 = FLOAT8.search(model.dtype) is not None
    return None if is_float8 and bits >= FLOAT8_BITS else model.dtype


def is_stored_quantised(comparison: ModelComparison) -> bool:
    """Return whether the later model's file is quantised and the earlier's is not."""
    return bool(comparison.a.model.stored and not comparison.b.model.stored)


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

    stored_quantised = is_stored_quantised(comparison)
    expected = variety.earlier * variety.nonzero
    if variety.later > COARSER * expected and not stored_quantised:
        return None
    stated = stated_bits(comparison.a.model.stored) if stored_quantised else None
    if stated:
        return fewer_bits(comparison, stated) or stated
    if variety.later < FEW:
        return TERNARY
    size = size_in_same_axes(changes)
    return bits_of_variety(variety.later) if size is None else bits_of_error(size, changes.zeros)


def fewer_bits(comparison: ModelComparison, stated: float) -> float | None:
    """Return about how many bits the values have where that is fewer than stated; else None.

    Both have to show it: fewer distinct values than in any file that states so, and an error that
    so many bits do not leave.
    """
    number = distinct_values(comparison)
    size = size_in_same_axes(comparison.changes)
    if number is None or size is None or not number.is_beyond:
        return None
    if comparison.changes.variety.later < FEW:
        seen: float = TERNARY
    else:
        seen = bits_of_error(size, comparison.changes.zeros)
    return seen if seen < stated else None


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
