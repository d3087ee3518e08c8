"""What every branch of a layer - attention, mlp - adds to the residual stream, as sketches.

A branch maps the stream to itself by M = diag(g') W_out W_in diag(g), g and g' the gains of the
norms before and after it: W_out W_in is output times value, or down times up. Function-preserving
re-parameterisations leave M as it is: in whatever order the neurons or heads between the two stand,
however these are scaled or rotated, wherever the gains are kept. Two sketches:

    stream   A^T M B with A, B of random signs less their means, without its part along A^T B,
             which the identity has: in the stream's own axes
    token    T M T^T with T the axes of the anchor tokens, without its trace: however the stream is
             rotated

Which two tensors are the sides of one branch follows from the names, by a heuristic: see
`BranchProducts`.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from registry.architectures.residual_stream import ResidualStream
from registry.architectures.roles import INWARD, OUTWARD
from registry.fingerprints.matrix_place import MatrixPlace
from registry.fingerprints.record import Branch
from registry.fingerprints.value_heads import head_size, repeated_values
from registry.numerics.arrays import Values
from registry.numerics.sketches import centred_signs, signs, without_identity
from registry.numerics.thin_products import squared_row_lengths, times, transposed_times
from registry.numerics.unit_vectors import unit

SIZE = 16  # rows and columns of a sketch in the stream's own axes
KEPT = 256  # numbers of a sketch in the tokens' axes
OUT_SEED, IN_SEED, KEPT_SEED = 21, 22, 23


@dataclass(frozen=True)
class BranchSide:
    """One side of a branch, inward W_in D or outward W_out^T D; D: the directions of the sketches.

    Sides of all layers may have to wait for their other sides, hence the packed form.

    Attributes:
        layer: of the branch.
        branch: 'attention' or 'mlp'.
        expert: the expert's number, None where the branch serves every token.
        outward: whether the side writes to the stream.
        tensor: name of the tensor; tells apart several branches of one kind in a layer.
        packed: inner x directions, float16, in units of `scale`; the norm's gains are in it.
        scale: the largest magnitude.
        lengths: squared length of each inner row (inward) or column (outward) of the matrix; none
            of an mlp, where no heads are.
    """

    layer: int
    branch: str
    expert: int | None
    outward: bool
    tensor: str
    packed: np.ndarray
    scale: float
    lengths: np.ndarray

    @property
    def thin(self) -> np.ndarray:
        """The side in float32, inner x directions."""
        return self.packed.astype(np.float32) * np.float32(self.scale)

    def __len__(self) -> int:
        """Return how many inner rows or columns the matrix has."""
        return len(self.packed)


def branch_side(stream: ResidualStream, place: MatrixPlace, matrix: Values) -> BranchSide | None:
    """Return a matrix's side of its branch; None if it has none, or is not as wide as the stream.

    Args:
        matrix: outputs x inputs.
    """
    is_outward = place.projection in OUTWARD
    width = matrix.shape[0 if is_outward else 1]
    directions = branch_directions(stream, place, width)
    if directions is None:
        return None
    product = transposed_times if is_outward else times
    return side_of(place, matrix, product(matrix, directions))


def branch_directions(stream: ResidualStream, place: MatrixPlace, width: int) -> np.ndarray | None:
    """Return what a matrix is multiplied with for its side, width x directions, float32.

    The norm's gains are in it. None where it has no side.

    Args:
        width: Of the matrix on the side of the stream.
    """
    is_outward = place.projection in OUTWARD
    branch = branch_of(place)
    if branch is None or width != stream.width:
        return None
    directions = side_directions(stream, OUT_SEED if is_outward else IN_SEED)
    gain = stream.gain(place.layer, f"{branch}_out" if is_outward else f"{branch}_in")
    return directions if gain is None else directions * gain[:, None]


def branch_of(place: MatrixPlace) -> str | None:
    """Return the branch that a projection is a side of, if any."""
    return OUTWARD.get(place.projection) or INWARD.get(place.projection)


def side_of(place: MatrixPlace, matrix: Values, thin: np.ndarray) -> BranchSide:
    """Return a matrix's side of its branch.

    Args:
        thin: inner x directions, what the matrix makes of `branch_directions`.
    """
    is_outward = place.projection in OUTWARD
    branch = branch_of(place) or ""
    lengths = np.zeros(0, np.float32)
    if branch == "attention":
        lengths = squared_row_lengths(matrix.T if is_outward else matrix)
    scale = float(np.abs(thin).max(initial=0.0)) or 1.0
    return BranchSide(
        layer=place.layer,
        branch=branch,
        expert=place.expert,
        outward=is_outward,
        tensor=place.tensor_name,
        packed=(thin / np.float32(scale)).astype(np.float16),
        scale=scale,
        lengths=lengths,
    )


def side_directions(stream: ResidualStream, seed: int) -> np.ndarray:
    """Return random signs beside the axes of the anchor tokens: width x (SIZE + anchors)."""
    random_signs = centred_signs(stream.width, SIZE, seed)
    if stream.tokens is None:
        return random_signs
    return np.concatenate([random_signs, stream.tokens.T], 1)


@dataclass(frozen=True)
class BranchKey:
    """What the two sides of one branch have in common.

    Attributes:
        layer: of the branch.
        branch: 'attention' or 'mlp'.
        expert: the expert's number, if any.
        inner: neurons of an mlp; None for attention, whose sides differ where heads share values.
    """

    layer: int
    branch: str
    expert: int | None
    inner: int | None

    @classmethod
    def of(cls, side: BranchSide) -> "BranchKey":
        """Return the key of a side."""
        inner = len(side) if side.branch == "mlp" else None
        return cls(side.layer, side.branch, side.expert, inner)


class BranchProducts:
    """The products of the sides of all branches, each formed as soon as two sides meet.

    Of experts the products are summed. Attention whose heads share values waits for the last layer,
    for the size of a head is estimated from all of them.

    The heuristic: a side is paired with a waiting side of the other direction and of equal
    BranchKey. Where several wait, as with a shared mlp beside a dense one or cross-attention beside
    self-attention, it takes the one whose tensor's name begins with the most characters in common
    (`layers.0.mlp.up` and `layers.0.mlp.down` before `layers.0.shared.down`), among equals the one
    that came first.

    Its limits: the name is no proof. Names that differ from each other in their endings alone
    (`up_a`, `up_b`, `down_a`, `down_b`) are paired in the order in which they come; and a side that
    meets only a foreign side takes it, though its own would have come later - in which order
    several threads bring them is not certain. Such branches get the sketch of a product that no
    layer computes: comparisons then miss a likeness, they do not invent one.
    """

    def __init__(self, stream: ResidualStream) -> None:
        """Begin without sides.

        Args:
            stream: The model's residual stream.
        """
        self._stream = stream
        self._waiting: defaultdict[BranchKey, list[BranchSide]] = defaultdict(list)
        self._products: dict[tuple[int, str], np.ndarray] = {}
        self._with_shared_values: list[tuple[BranchSide, BranchSide]] = []

    def add(self, side: BranchSide) -> None:
        """Pair a side with a waiting one, or let it wait."""
        waiting = self._waiting[BranchKey.of(side)]
        candidates = [other for other in waiting if other.outward != side.outward]
        if not candidates:
            waiting.append(side)
            return

        partner = closest_by_name(side, candidates)
        waiting.remove(partner)
        if side.outward:
            self._pair(partner, side)
        else:
            self._pair(side, partner)

    def branches(self) -> tuple[Branch, ...]:
        """Return the sketches of all branches of which both sides came, by layer."""
        pairs = self._with_shared_values
        head = self.value_head()
        for inward, outward in sorted(pairs, key=layer_of_pair):
            values = repeated_values(inward.thin, len(outward), head)
            self._add_product(inward, values, outward.thin)
        self._with_shared_values = []

        branches = []
        for (layer, branch), product in sorted(self._products.items()):
            if not product.any():  # a side of zeros
                continue
            branches.append(branch_record(self._stream, layer, branch, product))
        return tuple(branches)

    def value_head(self) -> int:
        """Return how many rows one value head has; 0 where no heads share values.

        From the weights, unless they leave it open: then as the model's config says.
        """
        pairs = self._with_shared_values
        lengths = [(inward.lengths, outward.lengths) for inward, outward in pairs]
        return head_size(lengths, self._stream.value_heads)

    def _pair(self, inward: BranchSide, outward: BranchSide) -> None:
        """Multiply two sides of one length; drop those that no number of heads makes fit."""
        if len(inward) == len(outward):
            self._add_product(inward, inward.thin, outward.thin)
        elif len(inward) and len(outward) % len(inward) == 0:
            self._with_shared_values.append((inward, outward))

    def _add_product(self, side: BranchSide, inward: np.ndarray, outward: np.ndarray) -> None:
        """Add D_out^T M D_in; float64 sums of such products do not depend on their order."""
        place = side.layer, side.branch
        product = (outward.T @ inward).astype(np.float64)
        if place in self._products:
            product = self._products[place] + product
        self._products[place] = product


def closest_by_name(side: BranchSide, candidates: list[BranchSide]) -> BranchSide:
    """Return the candidate whose tensor's name begins most alike; of several, the first."""
    lengths = [common_prefix_length(other.tensor, side.tensor) for other in candidates]
    return candidates[lengths.index(max(lengths))]


def common_prefix_length(one: str, other: str) -> int:
    """Return with how many equal characters two names begin."""
    length = 0
    for letter, other_letter in zip(one, other, strict=False):
        if letter != other_letter:
            break
        length += 1
    return length


def layer_of_pair(pair: tuple[BranchSide, BranchSide]) -> int:
    """Return the layer of two sides."""
    inward, _ = pair
    return inward.layer


def branch_record(stream: ResidualStream, layer: int, branch: str, product: np.ndarray) -> Branch:
    """Return the sketches of one branch.

    Args:
        product: D_out^T M D_in, (SIZE + anchors) square, float64.
    """
    product = product.astype(np.float32)
    outward_signs = centred_signs(stream.width, SIZE, OUT_SEED)
    inward_signs = centred_signs(stream.width, SIZE, IN_SEED)
    stream_sketch = without_identity(
        product[:SIZE, :SIZE], outward_signs.T @ inward_signs
    ).flatten()

    token_numbers = None
    if stream.tokens is not None:
        token_sketch = without_identity(
            product[SIZE:, SIZE:], stream.tokens @ stream.tokens.T
        ).flatten()
        token_numbers = unit_numbers(token_sketch @ signs(len(token_sketch), KEPT, KEPT_SEED))
    return Branch(layer, branch, unit_numbers(stream_sketch), token_numbers)


def unit_numbers(sketch: np.ndarray) -> tuple[float, ...]:
    """Return a flat sketch scaled to length 1, rounded to half precision."""
    return tuple(unit(sketch.astype(np.float64)).tolist())
