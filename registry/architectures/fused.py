"""How a tensor of several projections is cut: rows of each, and how they alternate."""

from typing import Any, NamedTuple

from registry.architectures.name_table import Row
from registry.checkpoints import Entry
from registry.errors import CannotSplit

# The number of attention heads, as configs spell it.
HEAD_COUNTS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
# Where the config of a larger model keeps that of its language model.
NESTED_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder")
MISFIT = "its rows do not add up"


class Split(NamedTuple):
    """Rows of each part of a fused matrix, and how often the parts alternate (1: stacked)."""

    sizes: tuple[int, ...]
    groups: int


def split_of(
    entry: Entry, row: Row, height: int, attention_width: int | None, config: dict[str, Any]
) -> Split:
    """Return how a tensor's rows are cut into its projections.

    Args:
        entry: The tensor, for its name and shape.
        row: Its row of the name table.
        height: Rows of one matrix, once it lies outputs x inputs.
        attention_width: Inputs of the layer's output projection, None where it has none.
        config: config.json, asked only for the number of heads, which interleaved tensors do not
            show.

    Raises:
        CannotSplit: Where the rows do not add up, or the config does not state the heads.
    """
    sizes = part_sizes(entry, row, height, attention_width)
    if not row.interleaved:
        return Split(sizes, groups=1)

    reason = MISFIT
    if row.groups:
        groups = row.groups
    elif "up" in row.parts:
        groups = sizes[0]  # gate and up alternate by row
    else:
        heads = head_count(config)
        groups = key_heads(row, sizes, heads)
        stated = "missing" if heads is None else repr(heads)
        reason = f"num_attention_heads is {stated}"

    if groups < 1 or any(size % groups for size in sizes):
        raise cannot_split(entry, row, reason)
    return Split(sizes, groups)


def part_sizes(entry: Entry, row: Row, height: int, attention_width: int | None) -> tuple[int, ...]:
    """Return the rows of each part: equal shares, but for grouped-query attention.

    There the query, or where it is elsewhere the value, has as many rows as the output projection
    has inputs.

    Raises:
        CannotSplit: Where the rows do not add up.
    """
    count = len(row.parts)
    if count == 1:
        return (height,)

    widest = ""
    if "query" in row.parts:
        widest = "query"
    elif row.interleaved:
        widest = "value"

    if attention_width and widest in row.parts:
        widest_rows, remainder = attention_width, 0
    else:
        widest_rows, remainder = divmod(height, count)

    other_rows, other_remainder = divmod(height - widest_rows, count - 1)
    if remainder or other_remainder or other_rows < 1:
        raise cannot_split(entry, row, MISFIT)
    return tuple(widest_rows if part == widest else other_rows for part in row.parts)


def key_heads(row: Row, sizes: tuple[int, ...], heads: Any) -> int:
    """Return by how many key heads attention's parts alternate, 0 where that cannot be derived.

    There are as many as the value has heads of the query's head size.

    Args:
        row: The tensor's row of the name table.
        sizes: Rows of each part.
        heads: The number of query heads as the config states it, which may be anything.
    """
    widest = "query" if "query" in row.parts else "value"
    width = sizes[row.parts.index(widest)]  # heads x head size
    if type(heads) is not int or heads < 1 or width % heads:
        return 0
    value_rows = sizes[row.parts.index("value")]
    groups, remainder = divmod(value_rows * heads, width)
    return 0 if remainder else groups


def head_count(config: dict[str, Any]) -> Any:
    """Return the number of heads that a config states, its language part's before its own."""
    places = [config.get(nested) for nested in NESTED_CONFIGS]
    for place in (*places, config):
        if not isinstance(place, dict):
            continue
        for key in HEAD_COUNTS:
            if key in place:
                return place[key]
    return None


def cannot_split(entry: Entry, row: Row, reason: str) -> CannotSplit:
    """Return the error for a fused tensor that does not fit."""
    parts = ", ".join(row.parts)
    return CannotSplit(tensor=entry.name, shape=list(entry.shape), parts=parts, reason=reason)
