"""What a change is called: phrases for what was done to a model, from the numbers of a comparison."""

from collections.abc import Iterator

from registry.lineage.calibration import nulls
from registry.lineage.changes import Changes
from registry.lineage.comparison import Comparison

ALIKE = 0.5  # cosine of two matrices' sketches above which they stand in the same axes
NEAR = 0.9999  # below which a matrix has changed visibly
FAITHFUL = 0.5  # of a matrix's own change: a branch that changed less was rewritten, not trained
HEAVY = 0.25  # |change| / |weights| from which training is called continued
PRUNED = 0.08  # share of weights that became zero
COARSER = 0.85  # of the earlier model's variety of values: below, the later is on a grid
FOUR_BITS, EIGHT_BITS = 0.25, 0.75  # variety up to which the grid has so many bits
GRID_ERROR = {4: 0.2, 8: 0.03}  # |change| / |weights| that quantisation alone gives at most
NEURONS = ("up", "down")  # of the mlp's branch
HEADS = ("value", "output")  # of attention's


def phrases(found: Comparison) -> list[str]:
    """Everything that was done, the largest step first; empty where nothing was."""
    changes = found.changes
    return [
        *depth(changes),
        *disguises(found),
        *grid(found),
        *pruning(found),
        *training(found),
        *vocabulary(found),
    ]


def depth(changes: Changes) -> Iterator[str]:
    """Layers that went, came twice or are new."""
    new = tuple(i for i, place in enumerate(changes.places) if place is None)
    if changes.removed:
        yield f"layers removed: {numbered(changes.removed)}"
    if changes.repeated:
        yield f"layers stacked: {numbered(changes.repeated)} repeated"
    if new:
        yield f"layers without a source: {numbered(new)}"


def numbered(layers: tuple[int, ...]) -> str:
    """Layer numbers, the first few."""
    return ", ".join(map(str, layers[:6])) + (" ..." if len(layers) > 6 else "")  # noqa: PLR2004


def disguises(found: Comparison) -> Iterator[str]:
    """Changes that leave the function alone: the axes differ, what is invariant agrees."""
    cosines = found.changes.cosines
    turned = stream_turned(found)
    if turned:
        yield "re-parameterised to hide: the residual stream was turned or reordered"
        return
    branches = {p: cosines[p] for p in (*NEURONS, *HEADS) if cosines.get(p, 1.0) < NEAR}
    rewritten = [p for p, own in branches.items() if branch_change(found, p) < FAITHFUL * (1 - own)]
    if set(rewritten) & set(NEURONS):
        yield "re-parameterised to hide: neurons were reordered, rescaled or their norm folded"
    if set(rewritten) & set(HEADS):
        yield "re-parameterised to hide: heads were reordered, rescaled or their norm folded"


def stream_turned(found: Comparison) -> bool:
    """Whether the tokens' axes, or the spectra, agree where the stream's own do not."""
    own = found.p_values.get("stream", 1.0)
    return all(value < ALIKE for value in found.changes.cosines.values()) and own > min(
        found.p_values.values()
    )


def branch_change(found: Comparison, projection: str) -> float:
    """How far the branch of a projection is from what it was: 1 - cosine of its sketch, at the layers' best matches."""
    alignment = found.alignment
    if alignment is None or alignment.z <= nulls()["stream"].strongest:
        return 1.0
    branch = "mlp" if projection in NEURONS else "attention"
    own = found.branch_cosine(branch)
    return 1.0 if own is None else 1 - own


def grid(found: Comparison) -> Iterator[str]:
    """Quantisation, told from how few different values are left."""
    bits = grid_bits(found)
    if bits:
        yield f"quantised to about {bits} bits"


def grid_bits(found: Comparison) -> int | None:
    """Bits of the grid that the later model's weights are on, where the earlier's are not; None without one."""
    later, earlier = found.changes.texture
    stored = found.a.fingerprint.stored if not found.b.fingerprint.stored else None
    if not later or (
        later > COARSER * earlier * (1 - max(0.0, found.changes.zeros)) and not stored
    ):
        return None
    return 4 if later < FOUR_BITS else 8


def pruning(found: Comparison) -> Iterator[str]:
    """Weights that became zero, but for a grid's."""
    changes = found.changes
    if changes.zeros > PRUNED and not grid_bits(found):
        yield f"pruned: {changes.zeros:.0%} of the weights became zero"


def training(found: Comparison) -> Iterator[str]:
    """Changes of the values themselves, by their size and rank, beyond what a grid or pruning explains."""
    changes = found.changes
    size = changes.relative
    bits = grid_bits(found)
    direct = [value for value in changes.cosines.values() if value > ALIKE]
    if (
        not changes.sizes
        or not direct
        or (bits and size <= GRID_ERROR[bits])
        or changes.zeros > PRUNED
    ):
        return
    if size <= changes.rounding or any(disguises(found)):
        return
    if changes.rank:
        yield f"LoRA-like: the change has rank {changes.rank}"
    elif size > HEAVY:
        yield f"continued training, or merged: the weights moved by {size:.0%}"
    else:
        yield f"fine-tuned: the weights moved by {size:.1%}"


def vocabulary(found: Comparison) -> Iterator[str]:
    """Tokens that were added, taken away or embedded anew."""
    one, other = found.a.fingerprint, found.b.fingerprint
    if one.vocabulary and other.vocabulary and one.vocabulary != other.vocabulary:
        yield f"vocabulary of {one.vocabulary} instead of {other.vocabulary} tokens"
    elif {"stream", "token"} <= set(found.alignments) and found.alignments[
        "token"
    ].similarity < ALIKE / 2:
        if found.alignments["stream"].similarity > ALIKE:
            yield "tokens embedded anew or reordered"
    elif found.changes.whole and not found.same:
        yield "embedding, head or norms changed"
