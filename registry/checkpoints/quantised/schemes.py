"""Every quantisation that is read, as a table of the parts that it stores a tensor in; and how an index is searched.

Parts are known by the suffixes of their names. What has all parts of a scheme becomes one entry with the plain name;
what has only some of them is an error; everything else is left as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from registry.checkpoints.dtypes import (
    F8_E4M3,
    F8_E5M2,
    F8_E8M0,
    F32,
    F64,
    I8,
    I32,
    I64,
    U8,
    U32,
    DType,
)
from registry.checkpoints.parallel import side_by_side
from registry.checkpoints.quantised.bitsandbytes import STATE, four_bits, int8
from registry.checkpoints.quantised.compressed import packed
from registry.checkpoints.quantised.fp4 import fp4
from registry.checkpoints.quantised.group import PLAIN, Group
from registry.checkpoints.quantised.hqq import SETTINGS, hqq
from registry.checkpoints.quantised.mlx import mlx
from registry.checkpoints.quantised.mxfp4 import mxfp4
from registry.checkpoints.quantised.scaled import KINDS, scaled
from registry.checkpoints.quantised.words import words
from registry.checkpoints.tensors import Entry
from registry.errors import BrokenQuantisation, IncompleteQuantisation, UnknownQuantisation

if TYPE_CHECKING:
    from torch import Tensor

Types = tuple[DType, ...]
WORD: Types = (I32, U32)
OCTET: Types = (U8,)
FLAG: Types = (U8, I8)
INDEX: Types = (I32, I64)
SCALE: Types = (*PLAIN, F8_E8M0)


@dataclass(frozen=True)
class Scheme:
    """One way to store a tensor in parts.

    needs, may: suffixes of the parts that must and may be there, with the types that they may have; the first holds
    the weights, and where that is of another type the scheme is not meant. plain: the suffix that takes their place.
    unused: suffixes of parts that say nothing of the weights. telling: the part that `entry` reads, for it tells the
    shape. entry: makes the plain tensor's entry.
    """

    name: str
    entry: Callable[[Group], Entry]
    needs: Mapping[str, Types]
    may: Mapping[str, Types] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    plain: str = ".weight"
    telling: str | None = None

    @property
    def weights(self) -> str:
        """The suffix of the part that holds the weights."""
        return next(iter(self.needs))


CALIBRATION = (
    ".input_scale",
    ".activation_scale",
    ".input_zero_point",
    ".input_scale_ub",
    ".weight_scale_ub",
    ".input_global_scale",
)
NUMBERS: Types = tuple(KINDS)
FP8: Types = (F8_E4M3, F8_E5M2)
E4M3: Types = (F8_E4M3,)
SINGLE: Types = (F32,)
ZEROS: Mapping[str, Types] = {".weight_zero_point": (I8, I32, *KINDS)}
BLOCKS: dict[str, Types] = {".weight.absmax": (*PLAIN, U8), ".weight.quant_map": PLAIN}
NESTED: Mapping[str, Types] = {".weight.nested_absmax": PLAIN, ".weight.nested_quant_map": PLAIN}
# FSDP wants one type for all parameters, so bitsandbytes can keep its bytes in any.
ANY: Types = (U8, I8, *PLAIN)

# Weights, their scales, and the types of the weights: int8 beside a scale_inv can be pairs of 4-bit floats.
TABLES: tuple[tuple[str, str, Types], ...] = (
    (".weight", ".weight_scale_inv", FP8),
    (".weight", ".weight_scale", NUMBERS),
    ("_proj", "_proj_scale_inv", FP8),  # experts in one tensor
    ("_proj", "_proj_scale", NUMBERS),
)

SCHEMES = (
    Scheme(
        "GPTQ or AWQ",
        words,
        {".qweight": WORD, ".qzeros": WORD, ".scales": PLAIN},
        {".g_idx": INDEX},
    ),
    *(
        Scheme(
            f"bitsandbytes {kind}",
            partial(four_bits, kind),
            {".weight": ANY, f"{STATE}{kind}": OCTET} | BLOCKS,
            NESTED,
            telling=f"{STATE}{kind}",
        )
        for kind in ("nf4", "fp4")
    ),
    Scheme("bitsandbytes int8", int8, {".weight": (I8,), ".SCB": PLAIN}, {".weight_format": FLAG}),
    Scheme(
        "compressed-tensors",
        packed,
        {".weight_packed": WORD, ".weight_scale": PLAIN, ".weight_shape": INDEX},
        {".weight_zero_point": WORD, ".weight_g_idx": INDEX},
        CALIBRATION,
        telling=".weight_shape",
    ),
    *(
        Scheme(
            "fp8 or int8",
            partial(scaled, part, table),
            {part: types, table: SCALE},
            ZEROS,
            CALIBRATION,
            part,
        )
        for part, table, types in TABLES
    ),
    Scheme("MXFP4", mxfp4, {"_proj_blocks": OCTET, "_proj_scales": OCTET}, plain="_proj"),
    Scheme(
        "NVFP4",
        partial(fp4, "nvfp4", 16, ".weight_packed"),
        {".weight_packed": OCTET, ".weight_scale": E4M3, ".weight_global_scale": SINGLE},
        unused=CALIBRATION,
    ),
    Scheme(
        "NVFP4",
        partial(fp4, "nvfp4", 16, ".weight"),
        {".weight": OCTET, ".weight_scale": E4M3, ".weight_scale_2": SINGLE},
        unused=CALIBRATION,
    ),
    Scheme(
        "MXFP4",
        partial(fp4, "mxfp4", 32, ".weight_packed"),
        {".weight_packed": OCTET, ".weight_scale": OCTET},
        unused=CALIBRATION,
    ),
    Scheme(
        "HQQ",
        hqq,
        {".W_q": (U8, I32, *PLAIN), ".scale": PLAIN, ".zero": PLAIN, ".shape": INDEX},
        unused=SETTINGS,
        telling=".shape",
    ),
    Scheme("MLX", mlx, {".weight": (U32,), ".scales": PLAIN, ".biases": PLAIN}),
)
TELLING = (
    1 << 16
)  # bytes of a part that tells a shape, 200 as a rule; what is longer is refused by whoever reads it
# Suffixes that other models use too; one of these alone proves no quantisation.
COMMON = {".weight", "_proj", ".scales", ".biases", ".scale", ".zero", ".shape"}
MARKS = tuple({part for scheme in SCHEMES for part in (*scheme.needs, *scheme.may)} - COMMON)
# Schemes that are known but not read, by a part that only they have.
REFUSED = {
    ".codebooks": "AQLM",
    ".Qidxs": "QuIP#",
    ".q_invperm": "EXL2",
    ".trellis": "EXL3",
}


def dequantised(entries: Sequence[Entry], config: Mapping[str, Any]) -> list[Entry]:
    """The index with every quantised tensor as one entry that dequantises when it is loaded; the others untouched.

    Of the parts, only those that tell a shape are read here. Raises BrokenQuantisation, IncompleteQuantisation and
    UnknownQuantisation.
    """
    index = {entry.name: entry for entry in entries}
    found = informed(list(find(index, settings(config))))
    groups = {group.parts[scheme.weights].name: (scheme, group) for scheme, group in found}
    used = {part.name for _, group in groups.values() for part in group.parts.values()}
    check_leftovers(index, used)
    plain = [
        make(*groups[entry.name], index) if entry.name in groups else entry for entry in entries
    ]
    return [
        new
        for new, old in zip(plain, entries, strict=True)
        if old.name in groups or old.name not in used
    ]


def settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a config says of its quantisation, wherever it says it."""
    text = config.get("text_config")
    for place in (config, text if isinstance(text, dict) else {}):
        for key in ("quantization_config", "quantization", "compression_config"):
            if isinstance(told := place.get(key), dict) and told:
                return told
    return {}


def find(index: Mapping[str, Entry], told: Mapping[str, Any]) -> Iterator[tuple[Scheme, Group]]:
    """Every complete group; a tensor belongs to the first scheme that fits it."""
    for entry in index.values():
        for scheme in SCHEMES:
            if entry.name.endswith(scheme.weights) and entry.dtype in scheme.needs[scheme.weights]:
                stem = entry.name.removesuffix(scheme.weights)
                parts = {part: index[stem + part] for part in present(scheme, stem, index)}
                if scheme.needs.keys() <= parts.keys():
                    yield scheme, Group(stem + scheme.plain, scheme.name, parts, told)
                    break


def informed(found: list[tuple[Scheme, Group]]) -> list[tuple[Scheme, Group]]:
    """The groups with the parts that tell their shapes read, several at a time, for each may wait for a network."""
    told: dict[str, Tensor] = {}
    parts = [group.parts[scheme.telling] for scheme, group in found if scheme.telling]
    small = [part for part in parts if part.nbytes <= TELLING]
    side_by_side(lambda part: told.__setitem__(part.name, part.load()), small)

    def with_read(group: Group) -> Group:
        read = {
            suffix: replace(part, read=told[part.name].detach)
            for suffix, part in group.parts.items()
            if part.name in told
        }
        return replace(group, parts={**group.parts, **read})

    return [(scheme, with_read(group)) for scheme, group in found]


def present(scheme: Scheme, stem: str, index: Mapping[str, Entry]) -> list[str]:
    """The suffixes of a scheme that are there for one stem."""
    return [part for part in (*scheme.needs, *scheme.may, *scheme.unused) if stem + part in index]


def make(scheme: Scheme, group: Group, index: Mapping[str, Entry]) -> Entry:
    """The plain entry of a group. Raises BrokenQuantisation."""
    for part, types in {**scheme.needs, **scheme.may}.items():
        if part in group.parts:
            dtype = group.parts[part].dtype
            group.need(dtype in types, f"{part[1:]!r} is stored as {dtype.name}")
    if scheme.plain != scheme.weights and group.name in index:
        raise BrokenQuantisation(
            tensor=group.name, scheme=group.scheme, reason="it is there unquantised, too"
        )
    return scheme.entry(group)


def check_leftovers(index: Mapping[str, Entry], used: set[str]) -> None:
    """Raises UnknownQuantisation and IncompleteQuantisation for parts of quantised tensors that no group took."""
    left = [name for name in index if name not in used]
    for name in left:
        for part, scheme in REFUSED.items():
            if name.endswith(part):
                raise UnknownQuantisation(tensor=name, scheme=scheme)
    for name in left:
        if name.endswith(MARKS):
            check_leftover(name, index)


def check_leftover(name: str, index: Mapping[str, Entry]) -> None:
    """A part alone is an error, except where the tensor itself is there and plain: then it says nothing.

    Of the schemes that have such a part the one is named that most of what is there fits.
    """
    pairs = [
        (scheme, part)
        for scheme in SCHEMES
        for part in (*scheme.needs, *scheme.may)
        if part in MARKS and name.endswith(part)
    ]
    scheme, part = max(pairs, key=lambda pair: fitting(pair[0], name.removesuffix(pair[1]), index))
    stem = name.removesuffix(part)
    plain = index.get(stem + scheme.plain)
    if plain is None or plain.dtype not in (*PLAIN, F64) or part.startswith(".weight."):
        missing = [p[1:] for p in scheme.needs if stem + p not in index] or ["parts of known types"]
        raise IncompleteQuantisation(
            tensor=stem + scheme.plain, part=part[1:], missing=", ".join(missing)
        )


def fitting(scheme: Scheme, stem: str, index: Mapping[str, Entry]) -> int:
    """How many of a scheme's parts are there, with the types that they must have."""
    return sum(
        stem + part in index and index[stem + part].dtype in types
        for part, types in scheme.needs.items()
    )
