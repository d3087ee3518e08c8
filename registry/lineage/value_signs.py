"""Signs in values of which of two models is the later: a grid, zeros, a type, folded gains."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from registry.fingerprints.record import Tensor
from registry.lineage.features import ModelFeatures
from registry.lineage.ordered_pair import PairInOrder
from registry.lineage.reparameterisations import READING, is_one
from registry.lineage.tensor_pairs import NORM

ZEROS = 0.08  # share of weights that are zero in one model alone
FITTING = (0.5, 1.3)  # what zeroing takes, of what it takes of a normal law's smallest values
COARSE = 0.75  # of the other's variety of values, below which values stand on a grid
# (|model|^2 - |other|^2) / |model - other|^2 of a rounded model; of one that was rounded first and
# trained later it is -1 or less
ROUNDED = -0.6
FINE = 1e-3  # |model - other|^2 / |model|^2 of a rounding so fine that no training is as slight
# the same of weights of one type, by the coarser or narrower one that they were rounded to once;
# rounding to bf16 takes more than the last allows
ROUNDING = {
    ("float16", "float32"): 2.0**-22,
    ("bfloat16", "float32"): 2.0**-16,
    ("float16", "bfloat16"): 2.0**-21,
}
VISIBLE_GAIN = 0.02  # logarithm of the gains' mean square, below which folding leaves no trace
EXPLAINED = 0.5  # of it, by which the change of the reading weights' energy may differ


def on_a_grid(pair: PairInOrder) -> bool:
    """Return whether the model's values stand on a grid that the other lacks, and were rounded."""
    mine, theirs = pair.distinct_shares
    zeros, others = pair.zero_shares
    nonzero = 1 - max(0.0, zeros - others)
    if not mine or mine > COARSE * theirs * nonzero or not pair.apart:
        return False
    later, earlier = pair.energies
    return (later - earlier) / pair.apart > ROUNDED or pair.apart < FINE * later


def zeroed(pair: PairInOrder) -> bool:
    """Return whether the smallest weights of the other are zero in the model.

    They take the energy of a normal law's smallest values; a model trained from one with zeros is
    apart from it by another amount.
    """
    zeros, others = pair.zero_shares
    share = zeros - others
    mine, theirs = pair.distinct_shares
    is_quantised = mine < COARSE * theirs * (1 - zeros)
    if share < ZEROS or is_quantised:
        return False
    _, earlier = pair.energies
    expected = smallest(zeros) - smallest(others)
    low, high = FITTING
    return low < pair.apart / earlier / expected < high


def smallest(share: float) -> float:
    """Return the part of a normal law's energy in this share of its smallest values."""
    normal = NormalDist()
    bound = normal.inv_cdf((1 + min(share, 0.999)) / 2)
    return share - 2 * bound * normal.pdf(bound)


def rounded_to_a_type(pair: PairInOrder) -> bool:
    """Return whether the model is the other rounded to the type that it has."""
    step = ROUNDING.get((pair.model.model.dtype, pair.other.model.dtype))
    same_depth = pair.model.layer_count == pair.other.layer_count
    if step is None or pair.equal or not same_depth:
        return False
    return pair.apart < step * pair.energies[0]


def gains_folded(pair: PairInOrder) -> bool:
    """Return whether the model's gains are all one and the other's are in its weights.

    They were multiplied into what reads the stream, as before it is rotated: its energy changed by
    the mean square of the gains, layer by layer.
    """
    mine, theirs = gains(pair.model), gains(pair.other)
    if not mine or not theirs or not all(map(is_one, mine)) or any(map(is_one, theirs)):
        return False

    expected = gains_by_layer(theirs)
    apart = []
    sizes = []
    for number, change in reading_by_layer(pair).items():
        if number in expected:
            apart.append(abs(change - expected[number]))
            sizes.append(abs(expected[number]))
    if not sizes or np.median(sizes) < VISIBLE_GAIN:
        return False
    return bool(np.median(apart) < EXPLAINED * np.median(sizes))


def gains_by_layer(every: Sequence[Tensor]) -> dict[int, float]:
    """Return the logarithm of the mean square of the gains of each layer."""
    squares: defaultdict[int, list[float]] = defaultdict(list)
    for gain in every:
        if gain.layer is not None and gain.length:
            squares[gain.layer].append(gain.length**2 / math.prod(gain.shape))
    return {layer: math.log(sum(values) / len(values)) for layer, values in squares.items()}


def reading_by_layer(pair: PairInOrder) -> dict[int, float]:
    """Return by the other's layer how the energy of what reads the stream changed, as logarithm."""
    model, other = pair.model.matrices, pair.other.matrices
    reading = model.of_projections(*READING)[pair.matched.ours]
    ours, theirs = pair.matched.ours[reading], pair.matched.theirs[reading]
    changes = {}
    for layer in np.unique(other.layers[theirs]).tolist():
        of_layer = other.layers[theirs] == layer
        later = float(model.energies[ours[of_layer]].sum())
        earlier = float(other.energies[theirs[of_layer]].sum())
        if later and earlier:
            changes[layer] = math.log(later / earlier)
    return changes


def gains(model: ModelFeatures) -> list[Tensor]:
    """Return the gains of a model's norms, those of its layers."""
    return [tensor for tensor in model.model.tensors if is_layer_gain(tensor)]


def is_layer_gain(tensor: Tensor) -> bool:
    """Return whether a tensor is the gain of a layer's norm."""
    return tensor.group == NORM and tensor.layer is not None and tensor.name.endswith("weight")
