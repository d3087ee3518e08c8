"""Tensor names and shapes become the seven projections of every layer. The names themselves are projections.toml."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import torch

from registry.checkpoints import Entry
from registry.errors import CannotSplit, NotAMatrix, QuantisedWeights
from registry.fingerprints import PROJECTIONS

FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
HEAD_COUNTS = ("num_attention_heads", "n_head", "n_heads", "num_heads")  # as configs spell it


@dataclass(frozen=True)
class Row:
    """One row of the name table: a compiled name and the projections that a tensor of that name holds."""

    naming: str
    pattern: re.Pattern[str]
    parts: tuple[str, ...]
    interleaved: bool
    wide: re.Pattern[str] | None


@dataclass(frozen=True)
class Site:
    """A tensor that holds projections: where it stands in the model and how to cut it.

    sizes: rows of each part. heads: number of heads for interleaved parts, else 0.
    """

    entry: Entry
    naming: str
    layer: int
    parts: tuple[str, ...]
    transposed: bool
    sizes: tuple[int, ...]
    heads: int

    def cut(self, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The projections in the tensor, outputs x inputs, in the order of `parts`."""
        matrix = tensor.T if self.transposed else tensor
        if self.heads:
            each = (self.heads, len(self.parts), -1, matrix.shape[1])  # heads x parts x head size x inputs
            return tuple(part.reshape(-1, matrix.shape[1]) for part in matrix.reshape(each).unbind(1))
        parts: tuple[torch.Tensor, ...] = matrix.split(self.sizes)
        return parts


@dataclass(frozen=True)
class Layout:
    """Every tensor of a checkpoint, classified. `others` hold weights that are no projection; buffers are left out."""

    sites: tuple[Site, ...]
    others: tuple[Entry, ...]
    unknown: tuple[Entry, ...]

    @property
    def naming(self) -> str:
        """The naming that most of the projections follow."""
        names = [site.naming for site in self.sites]
        return max(sorted(set(names)), key=names.count)


@cache
def table() -> dict[str, Any]:
    """projections.toml, parsed."""
    return tomllib.loads(files("registry").joinpath("projections.toml").read_text(encoding="utf-8"))


@cache
def rows() -> tuple[Row, ...]:
    """The name table as rows, in the file's order."""
    found = []
    for naming, content in table().items():
        wide = compiled(content["wide"]) if "wide" in content else None
        for name, role in content.get("tensors", {}).items():
            parts = tuple(re.split(r" [+/] ", role))
            found.append(Row(naming, compiled(name), parts, " / " in role, wide))
    return tuple(found)


@cache
def ignored(kind: str) -> re.Pattern[str]:
    """One pattern for all the names under [ignored]."""
    return re.compile(rf"(?:.*\.)?(?:{'|'.join(map(re.escape, table()['ignored'][kind]))})")


def compiled(name: str) -> re.Pattern[str]:
    """`layers.{layer}.x.weight` as a pattern with the groups stack (all before the number) and layer."""
    before, _, after = name.partition("{layer}")
    return re.compile(rf"(?P<stack>(?:.*\.)?{re.escape(before)})(?P<layer>\d{{1,6}}){re.escape(after)}")


def classify(entries: Iterable[Entry], config: dict[str, Any]) -> Layout:
    """Find the projections among a checkpoint's tensors, by name and shape alone.

    config is asked only for the number of heads, which interleaved tensors do not show.
    Raises QuantisedWeights, NotAMatrix, CannotSplit.
    """
    matched: list[tuple[Entry, Row, re.Match[str]]] = []
    rest: list[Entry] = []
    for entry in entries:
        hits = [(entry, row, match) for row in rows() if (match := row.pattern.fullmatch(entry.name))]
        if hits:
            matched.append(hits[0])
        elif entry.shape and entry.dtype in FLOATING and not ignored("buffers").fullmatch(entry.name):
            rest.append(entry)
    unknown = [entry for entry in rest if len(entry.shape) > 1 and not ignored("matrices").fullmatch(entry.name)]
    return Layout(tuple(place(matched, config)), tuple(rest), tuple(unknown))


def place(matched: list[tuple[Entry, Row, re.Match[str]]], config: dict[str, Any]) -> list[Site]:
    """Give every matched tensor its layer and its cuts, in the order of layers and projections."""
    for entry, _, _ in matched:
        check(entry)
    numbers = layer_numbers([match for *_, match in matched])
    wide = {row.naming for entry, row, _ in matched if row.wide and is_wide(entry, row.wide)}
    placed = [(entry, row, numbers[match["stack"], int(match["layer"])]) for entry, row, match in matched]
    inputs = {
        layer: entry.shape[0 if row.naming in wide else 1] for entry, row, layer in placed if row.parts == ("output",)
    }
    sites = []
    for entry, row, layer in placed:
        heads = head_count(entry, row, config) if row.interleaved else 0
        height = entry.shape[1 if row.naming in wide else 0]
        sizes = (
            (height // len(row.parts),) * len(row.parts) if heads else part_sizes(entry, row, height, inputs.get(layer))
        )
        sites.append(Site(entry, row.naming, layer, row.parts, row.naming in wide, sizes, heads))
    return sorted(sites, key=lambda site: (site.layer, PROJECTIONS.index(site.parts[0])))


def check(entry: Entry) -> None:
    """A projection must be a matrix of floating numbers."""
    if entry.dtype not in FLOATING:
        raise QuantisedWeights(tensor=entry.name, dtype=str(entry.dtype).removeprefix("torch."))
    if len(entry.shape) != 2:  # noqa: PLR2004
        raise NotAMatrix(tensor=entry.name, shape=list(entry.shape))


def layer_numbers(matches: list[re.Match[str]]) -> dict[tuple[str, int], int]:
    """Layer numbers as they stand in the names; with several stacks (an encoder and a decoder), counted through."""
    layers = sorted({(match["stack"], int(match["layer"])) for match in matches})
    if len({stack for stack, _ in layers}) == 1:
        return {key: key[1] for key in layers}
    return {key: number for number, key in enumerate(layers)}


def is_wide(entry: Entry, pattern: re.Pattern[str]) -> bool:
    """Whether this is the tensor that tells a Conv1D layout, and it does."""
    return pattern.fullmatch(entry.name) is not None and entry.shape[1] > entry.shape[0]


def head_count(entry: Entry, row: Row, config: dict[str, Any]) -> int:
    """The number of attention heads that an interleaved tensor is made of. Raises CannotSplit."""
    heads = next((config[key] for key in HEAD_COUNTS if key in config), None)
    if type(heads) is not int or heads < 1 or entry.shape[0] % (heads * len(row.parts)):
        told = "num_attention_heads is missing" if heads is None else f"num_attention_heads is {heads!r}"
        raise CannotSplit(tensor=entry.name, shape=list(entry.shape), parts=", ".join(row.parts), reason=told)
    return heads


def part_sizes(entry: Entry, row: Row, height: int, inputs: int | None) -> tuple[int, ...]:
    """Rows of each stacked part: query as many as the output projection has inputs, the others in equal shares."""
    n = len(row.parts)
    first, left = (inputs, 0) if inputs and n > 1 and "query" in row.parts else divmod(height, n)
    others, rest = divmod(height - first, n - 1) if n > 1 else (0, 0)
    if left or rest or others < 0 or (n > 1 and others == 0):
        raise CannotSplit(
            tensor=entry.name,
            shape=list(entry.shape),
            parts=", ".join(row.parts),
            reason="its rows do not add up",
        )
    return (first, *(others,) * (n - 1))
