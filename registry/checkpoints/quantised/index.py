"""An index of tensors with every quantised one as a single entry with the plain name.

What has all parts of a scheme becomes one entry; what has only some of them is an error; everything
else is left as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.checkpoints.dtypes import F64
from registry.checkpoints.parallel import side_by_side
from registry.checkpoints.quantised.group import PLAIN, Group
from registry.checkpoints.quantised.refused import READ_METHODS, REFUSED, REFUSED_PAIRS
from registry.checkpoints.quantised.schemes import MARKS, SCHEMES, Scheme
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenQuantisation, IncompleteQuantisation, UnknownQuantisation

if TYPE_CHECKING:
    from torch import Tensor

# Bytes of a part that tells a shape, 200 as a rule; whoever reads a longer one refuses it.
LARGEST_TELLING = 1 << 16
SETTINGS_KEYS = ("quantization_config", "quantization", "compression_config")


class QuantisedTensor(NamedTuple):
    """The parts of one tensor and the scheme that they are stored in."""

    scheme: Scheme
    group: Group


def dequantised(entries: Sequence[Entry], config: Mapping[str, Any]) -> list[Entry]:
    """Return an index with every quantised tensor as one entry that dequantises when it is read.

    It stands where its weights stood; the other entries are the same. Of the parts, only those that
    tell a shape are read here.

    Args:
        entries: The index of a checkpoint's tensors.
        config: config.json.

    Raises:
        BrokenQuantisation: For parts that do not go together.
        IncompleteQuantisation: For parts without the others of their scheme.
        UnknownQuantisation: For a scheme that is not read.
    """
    index = {entry.name: entry for entry in entries}
    settings = quantisation_settings(config)
    tensors = with_shapes_read(list(find(index, settings)))

    by_weights: dict[str, QuantisedTensor] = {}
    used: set[str] = set()
    for tensor in tensors:
        weights = tensor.group.parts[tensor.scheme.weights]
        by_weights[weights.name] = tensor
        used.update(part.name for part in tensor.group.parts.values())
    check_leftovers(index, used, settings.get("quant_method"))

    plain = []
    for entry in entries:
        if entry.name in by_weights:
            plain.append(plain_entry(by_weights[entry.name], index))
        elif entry.name not in used:
            plain.append(entry)
    return plain


def quantisation_settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a config states of its quantisation, wherever; empty where it does not."""
    for place in (config, config.get("text_config")):
        if not isinstance(place, Mapping):
            continue
        for key in SETTINGS_KEYS:
            settings = place.get(key)
            if isinstance(settings, dict) and settings:
                return settings
    return {}


def find(index: Mapping[str, Entry], settings: Mapping[str, Any]) -> Iterator[QuantisedTensor]:
    """Find every tensor whose parts are complete; it belongs to the first scheme that fits it."""
    for entry in index.values():
        for scheme in SCHEMES:
            is_named = entry.name.endswith(scheme.weights)
            if not is_named or entry.dtype not in scheme.needs[scheme.weights]:
                continue
            stem = entry.name.removesuffix(scheme.weights)
            parts = parts_of(scheme, stem, index)
            is_whole = scheme.needs.keys() <= parts.keys()
            if is_whole and not (scheme.strict and misfits(scheme, parts)):
                yield QuantisedTensor(
                    scheme, Group(stem + scheme.plain, scheme.name, parts, settings)
                )
                break


def misfits(scheme: Scheme, parts: Mapping[str, Entry]) -> list[str]:
    """Return the needed parts that are of other types than the scheme's."""
    return [part for part, types in scheme.needs.items() if parts[part].dtype not in types]


def parts_of(scheme: Scheme, stem: str, index: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the parts of a scheme that are there for one stem, by their suffixes."""
    parts = {}
    for part in (*scheme.needs, *scheme.may, *scheme.unused):
        if stem + part in index:
            parts[part] = index[stem + part]
    return parts


def with_shapes_read(tensors: Sequence[QuantisedTensor]) -> list[QuantisedTensor]:
    """Read the parts that tell shapes, several at a time, for each may wait for a network."""
    telling = []
    for scheme, group in tensors:
        if scheme.telling and group.parts[scheme.telling].nbytes <= LARGEST_TELLING:
            telling.append(group.parts[scheme.telling])
    contents: dict[str, Tensor] = {}

    def read(part: Entry) -> None:
        contents[part.name] = part.load()

    side_by_side(read, telling)
    return [QuantisedTensor(scheme, with_contents(group, contents)) for scheme, group in tensors]


def with_contents(group: Group, contents: Mapping[str, "Tensor"]) -> Group:
    """Return a group whose parts that have been read are not read again."""
    parts = dict(group.parts)
    for suffix, part in group.parts.items():
        if part.name in contents:
            parts[suffix] = replace(part, read=contents[part.name].detach)
    return replace(group, parts=parts)


def plain_entry(tensor: QuantisedTensor, index: Mapping[str, Entry]) -> Entry:
    """Return the plain entry of a quantised tensor.

    Raises:
        BrokenQuantisation: Where its parts do not go together, or it is there unquantised, too.
    """
    scheme, group = tensor
    for part, types in scheme.read_parts.items():
        if part in group.parts:
            dtype = group.parts[part].dtype
            group.need(dtype in types, f"{part[1:]!r} is stored as {dtype.name}")
    if scheme.plain != scheme.weights and group.name in index:
        reason = "it is there unquantised, too"
        raise BrokenQuantisation(tensor=group.name, scheme=group.scheme, reason=reason)
    entry = scheme.entry(group)
    return replace(entry, bytes_stored=sum(part.stored_bytes for part in group.parts.values()))


def check_leftovers(index: Mapping[str, Entry], used: set[str], method: object) -> None:
    """Check that no part of a quantised tensor is left over.

    Args:
        index: All tensors.
        used: Those that are parts of tensors that are read.
        method: What the config calls the quantisation.

    Raises:
        UnknownQuantisation: For a part of a scheme that is not read.
        IncompleteQuantisation: For a part without the others of its scheme.
    """
    left = [name for name in index if name not in used]
    for name in left:
        for part, scheme in REFUSED.items():
            if name.endswith(part):
                raise UnknownQuantisation(tensor=name, scheme=scheme)
        for (first, second), scheme in REFUSED_PAIRS.items():
            if name.endswith(first) and name.removesuffix(first) + second in index:
                raise UnknownQuantisation(tensor=name, scheme=scheme)
    is_read = not isinstance(method, str) or method in READ_METHODS
    for name in left:
        if name.endswith(MARKS):
            try:
                check_leftover(name, index)
            except IncompleteQuantisation as exc:
                if is_read:
                    raise
                raise UnknownQuantisation(tensor=name, scheme=method) from exc


def check_leftover(name: str, index: Mapping[str, Entry]) -> None:
    """Check that the tensor of a part that stands alone is there and plain.

    Then the part says nothing.

    Raises:
        IncompleteQuantisation: Where it is not; of the schemes that have such a part the error
            names the one that most of what is there fits.
    """
    scheme, part = likeliest(name, index)
    stem = name.removesuffix(part)
    plain = index.get(stem + scheme.plain)
    is_plain = plain is not None and plain.dtype in (*PLAIN, F64)
    if is_plain and not part.startswith(".weight."):
        return
    missing = [suffix[1:] for suffix in scheme.needs if stem + suffix not in index]
    raise IncompleteQuantisation(
        tensor=stem + scheme.plain,
        part=part[1:],
        missing=", ".join(missing or ["parts of known types"]),
    )


class SchemePart(NamedTuple):
    """A scheme and the suffix of one of its parts."""

    scheme: Scheme
    part: str


def likeliest(name: str, index: Mapping[str, Entry]) -> SchemePart:
    """Return the scheme that most of what is there fits, of those that have such a part."""
    candidates = []
    for scheme in SCHEMES:
        marks = [part for part in scheme.read_parts if part in MARKS and name.endswith(part)]
        candidates += [SchemePart(scheme, part) for part in marks]

    def fitting_parts(candidate: SchemePart) -> int:
        stem = name.removesuffix(candidate.part)
        return count_fitting(candidate.scheme, stem, index)

    return max(candidates, key=fitting_parts)


def count_fitting(scheme: Scheme, stem: str, index: Mapping[str, Entry]) -> int:
    """Return how many of a scheme's parts are there, with the types that they must have."""
    count = 0
    for part, types in scheme.needs.items():
        name = stem + part
        if name in index and index[name].dtype in types:
            count += 1
    return count
