"""Tensor names and shapes become the seven projections of every layer. The names themselves are projections.toml."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from registry.architectures.names import (
    Hit,
    Row,
    find,
    form_of,
    in_module,
    is_ignored,
    marked,
    parse,
    tower,
)
from registry.architectures.roles import PROJECTIONS
from registry.checkpoints import Entry
from registry.checkpoints.dtypes import FLOATING
from registry.errors import CannotSplit, NotAMatrix, QuantisedWeights

if TYPE_CHECKING:
    from torch import Tensor

HEAD_COUNTS = ("num_attention_heads", "n_head", "n_heads", "num_heads")  # as configs spell it
NESTS = (
    "text_config",
    "llm_config",
    "language_config",
    "thinker_config",
    "decoder",
)  # where wholes keep their part
MOST_EXPERTS = 1 << 14  # in one tensor; the largest known have hundreds
Matched = tuple[Entry, Hit]


@dataclass(frozen=True)
class ProjectionTensor:
    """A tensor that holds projections: where it stands in the model and how to cut it.

    parts, experts: projection and expert of every matrix that `cut` gives. transposed: stored inputs x outputs.
    sizes: rows of each part of one expert. groups: how many times the parts alternate; 1 where they are stacked.
    """

    entry: Entry
    naming: str
    layer: int
    parts: tuple[str, ...]
    experts: tuple[int | None, ...]
    transposed: bool
    sizes: tuple[int, ...]
    groups: int

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Outputs x inputs of what `cut` gives of the whole tensor."""
        inputs = self.entry.shape[-2 if self.transposed else -1]
        return tuple((size, inputs) for size in self.sizes) * (len(self.parts) // len(self.sizes))

    def cut(self, tensor: "Tensor") -> tuple["Tensor", ...]:
        """The projections in the tensor, outputs x inputs, in the order of `parts`."""
        matrices = tensor if tensor.ndim == 3 else tensor[None]  # noqa: PLR2004  # experts x rows x columns
        return tuple(
            part
            for matrix in matrices
            for part in self.split(matrix.T if self.transposed else matrix)
        )

    def split(self, matrix: "Tensor") -> list["Tensor"]:
        """The parts of one matrix."""
        rows, inputs = matrix.shape
        grouped = matrix.reshape(
            self.groups, rows // self.groups, inputs
        )  # groups x rows of all parts x inputs
        parts = grouped.split([size // self.groups for size in self.sizes], 1)
        return [part.reshape(size, inputs) for part, size in zip(parts, self.sizes, strict=True)]


@dataclass(frozen=True)
class Layout:
    """Every tensor of a checkpoint, classified.

    others: hold weights that are no projection; buffers are left out. unknown: those of them that no rule knows.
    towers: where the parts of another kind stand (`model.vision_tower`) that are not fingerprinted.
    """

    projections: tuple[ProjectionTensor, ...]
    others: tuple[Entry, ...]
    unknown: tuple[Entry, ...]
    towers: tuple[str, ...] = ()

    @property
    def naming(self) -> str:
        """The naming that most of the projections follow."""
        names = [site.naming for site in self.projections]
        return max(sorted(set(names)), key=names.count)


def classify(entries: Iterable[Entry], config: dict[str, Any]) -> Layout:
    """Find the projections among a checkpoint's tensors, by name and shape alone.

    config is asked only for the number of heads, which interleaved tensors do not show.
    Raises QuantisedWeights, NotAMatrix, CannotSplit.
    """
    entries = list(entries)
    present = marked({form_of(entry.name) for entry in entries})
    own: list[Matched] = []
    apart: list[Matched] = []
    rest: list[tuple[Entry, str]] = []
    for entry in entries:
        name = parse(entry.name)
        if not in_module(name.form) and (hit := find(name, present)):
            (apart if tower(name.form) else own).append((entry, hit))
        elif entry.shape and entry.dtype in FLOATING and not is_ignored(name.form, "buffers"):
            rest.append((entry, name.form))
    unknown = tuple(entry for entry, form in rest if len(entry.shape) > 1 and not is_expected(form))
    others = tuple(entry for entry, _ in rest)
    if not own:  # a vision model of its own is no tower of another
        return Layout(tuple(place(join(apart), config)), others, unknown)
    aside = tuple(entry for entry, _ in apart)
    towers = {tower(form_of(entry.name)) for entry in (*others, *aside)}
    return Layout(
        tuple(place(join(own), config)),
        others + aside,
        unknown,
        tuple(sorted(filter(None, towers))),
    )


def is_expected(form: str) -> bool:
    """Whether a tensor that is no projection is left out on purpose."""
    return is_ignored(form, "matrices") or in_module(form) or tower(form) is not None


def join(matched: list[Matched]) -> list[Matched]:
    """One entry for the heads of a projection that are tensors of their own, called as the first of them is."""
    heads: dict[tuple[Row, str, int], list[Matched]] = {}
    for entry, hit in matched:
        if hit.head is not None:
            heads.setdefault((hit.row, hit.stack, hit.layer), []).append((entry, hit))
    if not heads:
        return matched
    whole = [(entry, hit) for entry, hit in matched if hit.head is None]
    return whole + [
        concatenated(sorted(own, key=lambda pair: pair[1].head or 0)) for own in heads.values()
    ]


def concatenated(heads: list[Matched]) -> Matched:
    """The heads of one projection as one tensor, rows of head 0 first."""
    entries = [entry for entry, _ in heads]
    for entry in entries:
        check(entry, 2)
        if entry.shape != entries[0].shape:
            raise NotAMatrix(tensor=entry.name, shape=list(entry.shape))
    rows, cols = entries[0].shape
    shape = (rows * len(entries), cols)
    return replace(
        entries[0], shape=shape, read=partial(one_below_another, entries), head=None
    ), heads[0][1]


def one_below_another(entries: list[Entry]) -> "Tensor":
    """The rows of several matrices."""
    import torch  # noqa: PLC0415  # only whoever reads waits for it

    return torch.cat([entry.load() for entry in entries])


def place(matched: list[Matched], config: dict[str, Any]) -> list[ProjectionTensor]:
    """Give every matched tensor its layer and its cuts, in the order of layers and projections."""
    for entry, hit in matched:
        check(entry, 3 if hit.row.experts else 2)
    numbers = layer_numbers([hit for _, hit in matched])
    turned = transposed(matched)
    inputs = {
        (hit.stack, hit.layer): entry.shape[-2 if turned(entry, hit) else -1]
        for entry, hit in matched
        if hit.row.parts == ("output",)
    }
    sites = []
    for entry, hit in matched:
        wide = turned(entry, hit)
        height = entry.shape[-1 if wide else -2]
        sizes, groups = cuts(entry, hit.row, height, inputs.get((hit.stack, hit.layer)), config)
        experts = range(entry.shape[0]) if hit.row.experts else (hit.expert,)
        parts = hit.row.parts * len(experts)
        owners = tuple(expert for expert in experts for _ in hit.row.parts)
        layer = numbers[hit.stack, hit.layer]
        sites.append(
            ProjectionTensor(entry, hit.row.naming, layer, parts, owners, wide, sizes, groups)
        )
    return sorted(
        sites, key=lambda site: (site.layer, PROJECTIONS.index(site.parts[0]), site.experts[0] or 0)
    )


def check(entry: Entry, dimensions: int) -> None:
    """A projection must be a matrix of floating numbers, or as many of them as a model may have experts."""
    if entry.dtype not in FLOATING:
        raise QuantisedWeights(tensor=entry.name, dtype=entry.dtype.name)
    if len(entry.shape) != dimensions or (
        dimensions == 3 and not 0 < entry.shape[0] <= MOST_EXPERTS  # noqa: PLR2004  # a stack
    ):
        raise NotAMatrix(tensor=entry.name, shape=list(entry.shape))


def layer_numbers(hits: list[Hit]) -> dict[tuple[str, int], int]:
    """Layer numbers as they stand in the names; with several stacks (an encoder and a decoder), counted through."""
    layers = sorted({(hit.stack, hit.layer) for hit in hits})
    if len({stack for stack, _ in layers}) == 1:
        return {key: key[1] for key in layers}
    return {key: number for number, key in enumerate(layers)}


def transposed(matched: list[Matched]) -> Callable[[Entry, Hit], bool]:
    """Tells of a tensor whether it is stored inputs x outputs: by its naming's `wide`, experts by their layer."""
    wide = {
        hit.row.naming
        for entry, hit in matched
        if hit.row.wide == hit.row.name and entry.shape[1] > entry.shape[0]
    }
    experts = {
        (hit.stack, hit.layer, hit.row.parts[-1]): (entry.shape[1:], len(hit.row.parts))
        for entry, hit in matched
        if hit.row.experts
    }

    def turned(entry: Entry, hit: Hit) -> bool:
        if not hit.row.experts:
            return hit.row.naming in wide
        up, parts = experts.get((hit.stack, hit.layer, "up"), (entry.shape[1:], 1))
        down, _ = experts.get((hit.stack, hit.layer, "down"), (up[::-1], 1))
        straight = (up[0], up[1]) == (
            parts * down[1],
            down[0],
        )  # parts * inner x hidden beside hidden x inner
        return not straight and (up[1], up[0]) == (parts * down[0], down[1])

    return turned


def cuts(
    entry: Entry, row: Row, height: int, inputs: int | None, config: dict[str, Any]
) -> tuple[tuple[int, ...], int]:
    """Rows of each part of a tensor of `height` rows, and how many times the parts alternate. Raises CannotSplit."""
    sizes = part_sizes(entry, row, height, inputs)
    groups, reason = group_count(row, sizes, config) if row.interleaved else (1, "")
    if groups < 1 or any(size % groups for size in sizes):
        raise cannot_split(entry, row, reason)
    return sizes, groups


def part_sizes(entry: Entry, row: Row, height: int, inputs: int | None) -> tuple[int, ...]:
    """Rows of each part, in equal shares but for attention.

    There the query, or where it is elsewhere the value, has as many rows as the output projection has inputs.
    """
    n = len(row.parts)
    if n == 1:
        return (height,)
    told = "query" if "query" in row.parts else "value" if row.interleaved else None
    own, left = (inputs, 0) if inputs and told in row.parts else divmod(height, n)
    others, rest = divmod(height - own, n - 1)
    if left or rest or others < 1:
        raise cannot_split(entry, row, "its rows do not add up")
    return tuple(own if part == told else others for part in row.parts)


def group_count(row: Row, sizes: tuple[int, ...], config: dict[str, Any]) -> tuple[int, str]:
    """How many times the parts alternate, 0 where that cannot be told, and the reason to give then.

    Gate and up alternate by row, attention by key head: as many as the value has heads of the query's head size.
    """
    if row.groups:
        return row.groups, "its rows do not add up"
    if "up" in row.parts:
        return sizes[0], "its rows do not add up"
    heads = head_count(config)
    told = (
        "num_attention_heads is missing" if heads is None else f"num_attention_heads is {heads!r}"
    )
    width = sizes[
        row.parts.index("query" if "query" in row.parts else "value")
    ]  # heads x head size
    if type(heads) is not int or heads < 1 or width % heads:
        return 0, told
    groups, left = divmod(sizes[row.parts.index("value")] * heads, width)
    return (0 if left else groups), told


def head_count(config: dict[str, Any]) -> Any:
    """The number of attention heads that a config tells, its language part's before its own."""
    nests = [config[nest] for nest in NESTS if isinstance(config.get(nest), dict)]
    return next((own[key] for own in (*nests, config) for key in HEAD_COUNTS if key in own), None)


def cannot_split(entry: Entry, row: Row, reason: str) -> CannotSplit:
    """The error for a fused tensor that does not fit."""
    return CannotSplit(
        tensor=entry.name, shape=list(entry.shape), parts=", ".join(row.parts), reason=reason
    )
