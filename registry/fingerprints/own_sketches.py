"""What the middle layers' branches do, in axes that the model itself gives, as sketches.

Neither the tokens nor the axes of the residual stream are needed: the branches' products M
(registry.fingerprints.branch_sketches), and those of queries and keys, W_q^T W_k between the gains
of the norm, are written in the directions that they together use most. So a rotated stream, a new
vocabulary, another width, and experts made of a dense layer change little. The axes are known only
once the products are: the tensors of at most six layers are read a second time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from registry.architectures.layout import Layout
from registry.architectures.residual_stream import ResidualStream
from registry.fingerprints.device import Device, on_device
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.options import MeasureOptions
from registry.fingerprints.room import Room
from registry.fingerprints.value_heads import summed_values
from registry.numerics.arrays import Values
from registry.numerics.own_axes import LeadingPart, SquareMap, in_own_axes, leading_part
from registry.numerics.thin_products import times, trace_of_product, transposed_times, widened
from registry.numerics.unit_vectors import unit

LAYERS = 6  # in the middle of the model
HELD = 1 << 30  # bytes of one branch's matrices that are kept while it is computed
FEW_THREADS = 4  # that share these bytes; there are as many more of them where there are more

INNER = {"value": "attention", "up": "mlp", "key": "scores"}  # side of a product that reads
OUTER = {"output": "attention", "down": "mlp", "query": "scores"}  # and its other side
NORMS = {
    "attention": ("attention_in", "attention_out"),
    "mlp": ("mlp_in", "mlp_out"),
    "scores": ("attention_in", "attention_in"),
}  # before and after each product

BranchPlace = tuple[int, str]
"""A layer, and 'attention', 'mlp' or 'scores', the product of queries and keys."""


@dataclass(frozen=True)
class SidePair:
    """Where the two sides of one branch, or of one expert of it, are stored."""

    inward: MatrixPlace
    outward: MatrixPlace

    @property
    def places(self) -> tuple[MatrixPlace, MatrixPlace]:
        """Both places."""
        return self.inward, self.outward


@dataclass(frozen=True)
class Sides:
    """The matrices of one pair on the device.

    Attributes:
        inward: inner x width; of keys and values every head once, whatever it serves.
        outward: width x inner; of heads that share one of those the sum.
    """

    inward: Values
    outward: Values

    def apply(self, block: np.ndarray) -> np.ndarray:
        """Return W_out W_in X."""
        return times(self.outward, times(self.inward, block))

    def apply_transposed(self, block: np.ndarray) -> np.ndarray:
        """Return (W_out W_in)^T X."""
        return transposed_times(self.inward, transposed_times(self.outward, block))

    def trace(self, gains: np.ndarray) -> float:
        """Return the trace of diag(gains) W_out W_in."""
        return trace_of_product(self.outward, self.inward, gains)


def own_sketches(
    layout: Layout,
    stream: ResidualStream,
    head: int,
    options: MeasureOptions,
    finished: Callable[[int], None] = lambda _: None,
) -> dict[BranchPlace, tuple[float, ...]]:
    """Return the sketches of the middle layers' branches, 24 x 24 numbers each, of length 1.

    Args:
        head: rows of one key or value head, where heads share these.
        finished: called for each branch, in order, with the bytes of its tensors.
    """
    branches = middle_branches(layout, stream.width)
    room = Room(room_of(options.threads))

    def leading(place: BranchPlace) -> LeadingPart | None:
        with room.taking(bytes_of(branches[place])):
            return leading_part(square_map(place, branches[place], stream, head, options.device))

    computed = []
    known = []
    with ThreadPoolExecutor(options.threads) as pool:
        for place, part in zip(branches, pool.map(leading, branches), strict=True):
            finished(bytes_of(branches[place]))
            if part is not None:
                computed.append(place)
                known.append(part)
    if not known:
        return {}

    sketches = {}
    for place, square in zip(computed, in_own_axes(known), strict=True):
        sketches[place] = tuple(unit(square.reshape(-1)).tolist())
    return sketches


def room_of(threads: int) -> int:
    """Return the bytes of the branches that may be computed side by side."""
    return max(FEW_THREADS, threads) * HELD // FEW_THREADS


def own_bytes(layout: Layout, width: int) -> int:
    """Return the bytes of all tensors that `own_sketches` reads, by each branch that has them."""
    return sum(map(bytes_of, middle_branches(layout, width).values()))


def idle_factor(layout: Layout, width: int, threads: int) -> float:
    """Return by how much longer it takes as fewer branches have room than there are threads."""
    largest = max(map(bytes_of, middle_branches(layout, width).values()), default=0)
    side_by_side = max(1, room_of(threads) // max(1, largest))
    return threads / min(threads, side_by_side)


def middle_branches(layout: Layout, width: int) -> dict[BranchPlace, list[SidePair]]:
    """Return the branches of the middle layers that fit the residual stream, in order.

    Args:
        width: Of the stream.
    """
    pairs = branch_pairs(layout, width)
    chosen = middle_layers(sorted({layer for layer, _ in pairs}))
    return {place: pairs[place] for place in sorted(pairs) if place[0] in chosen}


def middle_layers(layers: Sequence[int]) -> Sequence[int]:
    """Return at most LAYERS of the layers, those in the middle."""
    start = max(0, (len(layers) - LAYERS) // 2)
    return layers[start : start + LAYERS]


def branch_pairs(layout: Layout, width: int) -> dict[BranchPlace, list[SidePair]]:
    """Return the pairs of sides of every branch that fits the residual stream, in order."""
    sides: defaultdict[tuple[int, str, int], list[MatrixPlace]] = defaultdict(list)
    for tensor in layout.projections:
        for index, (projection, expert) in enumerate(
            zip(tensor.parts, tensor.experts, strict=True)
        ):
            branch = INNER.get(projection) or OUTER.get(projection)
            if branch is not None:
                number = -1 if expert is None else expert
                sides[tensor.layer, branch, number].append(MatrixPlace(tensor, index))

    pairs: defaultdict[BranchPlace, list[SidePair]] = defaultdict(list)
    for (layer, branch, _), places in sorted(sides.items()):
        pairs[layer, branch] += fitting_pairs(places, width)
    return {place: branch for place, branch in pairs.items() if branch}


def fitting_pairs(places: Sequence[MatrixPlace], width: int) -> Iterator[SidePair]:
    """Pair the inward with the outward sides of one branch, in the order of their names.

    A side of another width, and one without a partner of its inner size, is left out.
    """
    inwards = sorted((place for place in places if place.projection in INNER), key=name_of)
    outwards = sorted((place for place in places if place.projection in OUTER), key=name_of)
    for inward in inwards:
        inner, read = inward.tensor.shapes[inward.index]
        for outward in outwards:
            written, outer = outward.tensor.shapes[outward.index]
            if outward.projection == "query":
                written, outer = outer, written
            if read == written == width and inner and outer % inner == 0:
                outwards.remove(outward)
                yield SidePair(inward, outward)
                break


def name_of(place: MatrixPlace) -> str:
    """Return the name of a place's tensor, to sort by."""
    return place.tensor_name


def square_map(
    place: BranchPlace,
    pairs: Sequence[SidePair],
    stream: ResidualStream,
    head: int,
    device: Device,
) -> SquareMap:
    """Return the product of a branch, summed over its experts, as a map of the residual stream."""
    layer, branch = place
    before, after = NORMS[branch]
    reads = gain_column(stream, layer, before)
    writes = gain_column(stream, layer, after)
    load = partial(loaded, pairs, head, device)
    held = list(load()) if bytes_of(pairs) <= HELD else None

    def each_pair() -> Iterator[Sides]:
        return load() if held is None else iter(held)

    def apply(block: np.ndarray) -> np.ndarray:
        gained = reads * block
        image: np.ndarray = np.zeros_like(gained)
        for sides in each_pair():
            image += sides.apply(gained)
        image *= writes
        return image

    def apply_transposed(block: np.ndarray) -> np.ndarray:
        gained = writes * block
        image: np.ndarray = np.zeros_like(gained)
        for sides in each_pair():
            image += sides.apply_transposed(gained)
        image *= reads
        return image

    gains = (reads * writes).reshape(-1)
    trace = 0.0
    for sides in each_pair():
        trace += sides.trace(gains)
    return SquareMap(stream.width, apply, apply_transposed, trace)


def gain_column(stream: ResidualStream, layer: int, where: str) -> np.ndarray:
    """Return the gains of one norm as a column, ones where there is none: width x 1, float32."""
    gain = stream.gain(layer, where)
    if gain is None:
        return np.ones((stream.width, 1), np.float32)
    return gain[:, None]


def bytes_of(pairs: Sequence[SidePair]) -> int:
    """Return the bytes of a branch's tensors, each counted once."""
    entries = {}
    for pair in pairs:
        for place in pair.places:
            entries[place.tensor_name] = place.tensor.entry
    return sum(entry.nbytes for entry in entries.values())


def loaded(pairs: Sequence[SidePair], head: int, device: Device) -> Iterator[Sides]:
    """Read the matrices of pairs.

    A tensor that holds those of several pairs, as stacked experts are, is read once.
    """
    cut: dict[str, tuple[np.ndarray, ...]] = {}
    for pair in pairs:
        names = {place.tensor_name for place in pair.places}
        cut = {name: matrices for name, matrices in cut.items() if name in names}
        for place in pair.places:
            if place.tensor_name not in cut:
                cut[place.tensor_name] = place.tensor.cut(place.tensor.entry.array())

        inward, outward = (cut[place.tensor_name][place.index] for place in pair.places)
        if pair.outward.projection == "query":
            outward = outward.T
        inner = len(inward)
        if inner != outward.shape[1]:
            if not head or inner % head:  # the heads are unknown
                continue
            outward = summed_values(widened(outward.T), inner, head).T
        yield Sides(on_device(inward, device), on_device(outward, device))
