"""What every branch of a layer - attention, mlp - does to the residual stream, as sketches that survive disguises.

A branch maps the stream to itself by M = diag(g') W_out W_in diag(g), g and g' the gains of the norms before and after
it: W_out W_in is output times value, or down times up. M is the same however the neurons or heads between the two are
ordered, scaled or turned, and wherever the gains are kept. Its sketches:

    stream   A^T M B with signs A and B, without its part along A^T B, which the identity has: of the stream's own axes
    token    T M T^T with T the axes of the anchor tokens, without its trace: however the stream is turned
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from registry.architectures.layout import ProjectionTensor
from registry.architectures.residual_stream import ResidualStream
from registry.architectures.roles import INWARD, OUTWARD
from registry.fingerprints.record import Branch
from registry.numerics.sketches import (
    finite,
    pieces,
    signs,
    times,
    transposed_times,
    without_identity,
)
from registry.numerics.unit_vectors import unit

SIZE = 16  # rows and columns of a sketch of the stream's own axes
KEPT = 256  # numbers of a sketch of the tokens' axes
OUT_SEED, IN_SEED, KEPT_SEED = 21, 22, 23


@dataclass(frozen=True)
class Half:
    """One side of a branch, inward W_in D or outward W_out^T D: inner x directions, those of both sketches.

    The norm's gains on that side are in it. It waits for the other side as `packed`, float16 in units of `scale`, for
    sides of all layers may have to. lengths: of the matrix's inner rows or columns, squared. tensor: tells apart
    several that no expert's number does.
    """

    layer: int
    branch: str
    expert: int
    outward: bool
    tensor: str
    packed: torch.Tensor
    scale: float
    lengths: torch.Tensor

    @property
    def thin(self) -> torch.Tensor:
        """In float32."""
        return self.packed.to(torch.float32) * self.scale

    def __len__(self) -> int:
        """How many inner rows or columns the matrix has."""
        return len(self.packed)


def half(
    stream: ResidualStream, site: ProjectionTensor, index: int, matrix: torch.Tensor
) -> Half | None:
    """One projection's side of its branch; None for those that have none, or do not fit the stream."""
    projection, expert = site.parts[index], site.experts[index]
    outward = projection in OUTWARD
    branch = INWARD.get(projection) or OUTWARD.get(projection)
    if branch is None or matrix.shape[0 if outward else 1] != stream.width:
        return None
    directions = inward_directions(stream) if not outward else outward_directions(stream)
    gain = stream.gain(site.layer, f"{branch}_{'out' if outward else 'in'}")
    if gain is not None:
        directions = directions * gain[:, None]
    thin = transposed_times(matrix, directions) if outward else times(matrix, directions)
    lengths = squared_lengths(matrix.T if outward else matrix).cpu()
    scale = float(thin.abs().max()) or 1.0
    own = (site.layer, branch, -1 if expert is None else expert, outward, site.entry.name)
    return Half(*own, (thin / scale).to(torch.float16).cpu(), scale, lengths)


def inward_directions(stream: ResidualStream) -> torch.Tensor:
    """Width x (SIZE + anchors): B beside T^T."""
    return torch.cat([signs(stream.width, SIZE, IN_SEED), *token_axes(stream)], 1)


def outward_directions(stream: ResidualStream) -> torch.Tensor:
    """Width x (SIZE + anchors): A beside T^T."""
    return torch.cat([signs(stream.width, SIZE, OUT_SEED), *token_axes(stream)], 1)


def token_axes(stream: ResidualStream) -> list[torch.Tensor]:
    """T^T, if there is one."""
    return [] if stream.tokens is None else [stream.tokens.T]


class Halves:
    """The sides of all branches, multiplied as soon as two belong together: what waits is small.

    Of experts the products are summed up. Attention waits for the last: how its heads share values is told by all.
    """

    def __init__(self, stream: ResidualStream) -> None:
        self.stream = stream
        self.waiting: defaultdict[tuple[object, ...], list[Half]] = defaultdict(list)
        self.products: dict[tuple[int, str], torch.Tensor] = {}
        self.sharing: list[tuple[Half, Half]] = []

    def add(self, half: Half) -> None:
        """Keep a side until its other side comes."""
        inner = len(half) if half.branch == "mlp" else None
        key = half.layer, half.branch, half.expert, inner
        others = [each for each in self.waiting[key] if each.outward != half.outward]
        if not others:
            self.waiting[key].append(half)
            return
        other = max(others, key=lambda each: alike(each.tensor, half.tensor))
        self.waiting[key].remove(other)
        self.pair(*((other, half) if half.outward else (half, other)))

    def pair(self, inward: Half, outward: Half) -> None:
        """Multiply two sides, if they are as long as each other."""
        if len(inward) == len(outward):
            self.multiply(inward, inward.thin, outward.thin)
        elif len(inward) and len(outward) % len(inward) == 0:
            self.sharing.append((inward, outward))

    def multiply(self, half: Half, inward: torch.Tensor, outward: torch.Tensor) -> None:
        """In float64, in which sums of these do not depend on their order."""
        place, product = (half.layer, half.branch), (outward.T @ inward).double()
        self.products[place] = self.products[place] + product if place in self.products else product

    def branches(self) -> tuple[Branch, ...]:
        """The sketches of all branches of which both sides came, by layer."""
        head = head_size([(inward.lengths, outward.lengths) for inward, outward in self.sharing])
        for inward, outward in sorted(self.sharing, key=lambda pair: pair[0].layer):
            self.multiply(inward, shared_out(inward.thin, outward.thin, head), outward.thin)
        self.sharing.clear()
        return tuple(
            described(self.stream, *place, product)
            for place, product in sorted(self.products.items())
        )


def alike(name: str, other: str) -> int:
    """How many characters two names begin with in common."""
    return next(
        (i for i, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]),
        len(name),
    )


def shared_out(inward: torch.Tensor, outward: torch.Tensor, head: int) -> torch.Tensor:
    """The inward side as long as the outward: every value head once for each of the query heads that share it."""
    sharing = len(outward) // len(inward)
    return inward.reshape(-1, head, inward.shape[1]).repeat_interleave(sharing, 0).flatten(0, 1)


def squared_lengths(matrix: torch.Tensor) -> torch.Tensor:
    """Of every row, in float32."""
    return torch.cat([finite(block).square().sum(1) for block in pieces(matrix)])


def head_size(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> int:
    """Rows of a head, told from the weights alone, for configs lie; 0 where none are given.

    Training keeps the rows of a value as long as the columns of the outputs that read them: under the true size these
    lengths go together over all layers, or against each other where somebody rescaled them.
    """
    if not pairs:
        return 0
    shortest = min(len(one) for one, _ in pairs)
    sizes = [
        size for size in range(1, shortest + 1) if all(len(one) % size == 0 for one, _ in pairs)
    ]
    return max(
        sizes, key=lambda size: (round(abs(sum(agreement(*pair, size) for pair in pairs)), 6), size)
    )


def agreement(inward: torch.Tensor, outward: torch.Tensor, head: int) -> float:
    """Correlation of the lengths of a value's rows with those of the columns that read them, if heads had this size."""
    groups = outward.reshape(len(inward) // head, -1, head).sum(1).flatten()
    lengths = torch.stack([inward, groups]).clamp_min(1e-30).log()
    return float(torch.nan_to_num(torch.corrcoef(lengths)[0, 1]))


def described(stream: ResidualStream, layer: int, branch: str, product: torch.Tensor) -> Branch:
    """The record of one branch from D_out^T M D_in."""
    product = product.float()
    own = without_identity(
        product[:SIZE, :SIZE],
        signs(stream.width, SIZE, OUT_SEED).T @ signs(stream.width, SIZE, IN_SEED),
    )
    token = None
    if stream.tokens is not None:
        seen = without_identity(product[SIZE:, SIZE:], stream.tokens @ stream.tokens.T).flatten()
        token = tuple(unit((seen @ signs(len(seen), KEPT, KEPT_SEED)).double().numpy()).tolist())
    return Branch(layer, branch, tuple(unit(own.flatten().double().numpy()).tolist()), token)
