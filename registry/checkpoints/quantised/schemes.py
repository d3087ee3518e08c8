"""Every quantisation that is read, as a table of the parts that it stores a tensor in.

Parts are known by the suffixes of their names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from registry.checkpoints.dtypes import (
    BOOL,
    F4_PAIRS,
    F8_E4M3,
    F8_E4M3FNUZ,
    F8_E5M2,
    F8_E5M2FNUZ,
    F8_E8M0,
    F32,
    I8,
    I32,
    I64,
    U8,
    U32,
    DType,
)
from registry.checkpoints.quantised.bitnet import bitnet
from registry.checkpoints.quantised.bitsandbytes import STATE, four_bits, int8
from registry.checkpoints.quantised.compressed import packed
from registry.checkpoints.quantised.fp4 import Fp4Format, fp4
from registry.checkpoints.quantised.gptq_awq import gptq_or_awq
from registry.checkpoints.quantised.group import PLAIN, Group
from registry.checkpoints.quantised.hqq import SETTINGS, hqq
from registry.checkpoints.quantised.mlx import mlx
from registry.checkpoints.quantised.mxfp4 import mxfp4
from registry.checkpoints.quantised.reparameterised import masked, normalised
from registry.checkpoints.quantised.scaled import KINDS, scaled
from registry.checkpoints.quantised.sparse import sparse
from registry.checkpoints.tensors import Entry

Types = tuple[DType, ...]
WORD: Types = (I32, U32)
OCTET: Types = (U8,)
FLAG: Types = (U8, I8)
INDEX: Types = (I32, I64)
SCALE: Types = (*PLAIN, F8_E8M0)
NUMBERS: Types = tuple(KINDS)
FP8: Types = (F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ)
EXPONENT: Types = (F8_E8M0, U8)
PAIRS: Types = (F4_PAIRS,)
E4M3: Types = (F8_E4M3,)
SINGLE: Types = (F32,)
# FSDP wants one type for all parameters, so bitsandbytes can keep its bytes in any.
ANY: Types = (U8, I8, *PLAIN)


@dataclass(frozen=True)
class Scheme:
    """One way to store a tensor in parts.

    Attributes:
        name: As errors call it.
        entry: Makes the plain tensor's entry.
        needs: Suffixes of the parts that must be there, with the types that they may have. The
            first holds the weights; where that is of another type the scheme is not meant.
        may: Suffixes of the parts that may be there, with their types.
        unused: Suffixes of parts that say nothing of the weights.
        plain: The suffix that takes the place of the weights'.
        telling: The part that `entry` reads, for it states the shape.
        strict: Whether the types of all needed parts tell the scheme from others of their names.
    """

    name: str
    entry: Callable[[Group], Entry]
    needs: Mapping[str, Types]
    may: Mapping[str, Types] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    plain: str = ".weight"
    telling: str | None = None
    strict: bool = False

    @property
    def weights(self) -> str:
        """The suffix of the part that holds the weights."""
        return next(iter(self.needs))

    @property
    def read_parts(self) -> dict[str, Types]:
        """The parts that the weights are made of, needed or not."""
        return {**self.needs, **self.may}


# What activations were calibrated to.
CALIBRATION = (
    ".input_scale",
    ".activation_scale",
    ".input_zero_point",
    ".input_scale_ub",
    ".weight_scale_ub",
    ".input_global_scale",
    ".output_scale",
    ".qscale_act",
)


def bitsandbytes_4bit(kind: str) -> Scheme:
    """Return the scheme of one of bitsandbytes' code books, nf4 or fp4."""
    return Scheme(
        name=f"bitsandbytes {kind}",
        entry=partial(four_bits, kind),
        needs={
            ".weight": ANY,
            f"{STATE}{kind}": OCTET,
            ".weight.absmax": (*PLAIN, U8),
            ".weight.quant_map": PLAIN,
        },
        may={".weight.nested_absmax": PLAIN, ".weight.nested_quant_map": PLAIN},
        telling=f"{STATE}{kind}",
    )


def scaled_numbers(part: str, scales: str, types: Types) -> Scheme:
    """Return the scheme of numbers beside scales, which stand in for them.

    int8 beside a scale_inv can be pairs of 4-bit floats, so that the types of the numbers are part
    of the scheme.
    """
    return Scheme(
        name="fp8 or int8",
        entry=partial(scaled, part, scales),
        needs={part: types, scales: SCALE},
        may={".weight_zero_point": (I8, I32, *KINDS)},
        unused=CALIBRATION,
        plain=part,
    )


def in_pieces(library: str, part: str, scales: str, zeros: str | None = None) -> Scheme:
    """Return the scheme of a library that saves a tensor of its own class in pieces."""
    return Scheme(
        name=library,
        entry=partial(scaled, part, scales),
        needs={part: NUMBERS, scales: SCALE},
        may={zeros: (I8, I32, *KINDS, *PLAIN)} if zeros else {},
        unused=CALIBRATION,
    )


def sparse_numbers(types: Types, scales: Mapping[str, Types] | None = None) -> Scheme:
    """Return the scheme of a sparse matrix of these numbers, with scales where they need them."""
    return Scheme(
        name="compressed-tensors' sparse",
        entry=sparse,
        needs={
            ".weight.compressed": types,
            ".weight.bitmask": OCTET,
            ".weight.shape": INDEX,
            **(scales or {}),
        },
        unused=(".weight.row_offsets", *CALIBRATION),
        telling=".weight.shape",
    )


def weight_normalised(lengths: str, directions: str) -> Scheme:
    """Return the scheme of torch's weight normalisation, by the names that one of its forms has."""
    return Scheme(
        name="weight normalisation",
        entry=partial(normalised, lengths, directions),
        needs={directions: PLAIN, lengths: PLAIN},
    )


def float4(
    stored_as: Fp4Format, name: str, scales: Mapping[str, Types], types: Types = OCTET
) -> Scheme:
    """Return the scheme of 4-bit floats with these scales."""
    return Scheme(
        name=name,
        entry=partial(fp4, stored_as),
        needs={stored_as.weights: types, **scales},
        unused=CALIBRATION,
    )


# A tensor belongs to the first scheme that fits it.
SCHEMES = (
    Scheme(
        name="GPTQ or AWQ",
        entry=gptq_or_awq,
        needs={".qweight": WORD, ".qzeros": WORD, ".scales": PLAIN},
        may={".g_idx": INDEX},
    ),
    bitsandbytes_4bit("nf4"),
    bitsandbytes_4bit("fp4"),
    Scheme(
        name="bitsandbytes int8",
        entry=int8,
        needs={".weight": (I8,), ".SCB": PLAIN},
        may={".weight_format": FLAG},
    ),
    Scheme(
        name="compressed-tensors",
        entry=packed,
        needs={".weight_packed": WORD, ".weight_scale": PLAIN, ".weight_shape": INDEX},
        may={".weight_zero_point": WORD, ".weight_g_idx": INDEX},
        unused=CALIBRATION,
        telling=".weight_shape",
    ),
    scaled_numbers(".weight", ".weight_scale_inv", FP8),
    Scheme(
        name="MXFP8",
        entry=partial(scaled, ".weight", ".weight_scale"),
        needs={".weight": FP8, ".weight_scale": OCTET},
        unused=CALIBRATION,
        strict=True,
    ),
    scaled_numbers(".weight", ".weight_scale", NUMBERS),
    scaled_numbers(".weight", ".qscale_weight", FP8),  # Mistral's own
    scaled_numbers("_proj", "_proj_scale_inv", FP8),  # experts in one tensor
    scaled_numbers("_proj", "_proj_scale", NUMBERS),
    Scheme(
        name="MXFP4",
        entry=mxfp4,
        needs={"_proj_blocks": OCTET, "_proj_scales": OCTET},
        plain="_proj",
    ),
    float4(
        Fp4Format("nvfp4", 16, ".weight_packed"),
        name="NVFP4",
        scales={".weight_scale": E4M3, ".weight_global_scale": SINGLE},
    ),
    float4(
        Fp4Format("nvfp4", 16, ".weight"),
        name="NVFP4",
        scales={".weight_scale": E4M3, ".weight_scale_2": SINGLE},
    ),
    float4(
        Fp4Format("mxfp4", 32, ".weight_packed"),
        name="MXFP4",
        scales={".weight_scale": OCTET},
    ),
    float4(
        Fp4Format("mxfp4", 32, ".weight"),
        name="MXFP4",
        scales={".weight_scale": EXPONENT},
        types=PAIRS,
    ),
    float4(
        Fp4Format("mxfp4", 32, ".weight", ".scale"),
        name="MXFP4",
        scales={".scale": (F8_E8M0,)},
        types=PAIRS,
    ),
    Scheme(
        name="BitNet",
        entry=bitnet,
        needs={".weight": OCTET, ".weight_scale": PLAIN},
        strict=True,
    ),
    in_pieces("quanto", ".weight._data", ".weight._scale"),
    in_pieces("torchao", "._weight_qdata", "._weight_scale", "._weight_zero_point"),
    sparse_numbers(PLAIN),
    sparse_numbers(NUMBERS, {".weight_scale": PLAIN}),
    weight_normalised(".weight_g", ".weight_v"),
    weight_normalised(".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    Scheme(
        name="pruning with a mask",
        entry=masked,
        needs={".weight_orig": PLAIN, ".weight_mask": (*PLAIN, BOOL)},
    ),
    Scheme(
        name="HQQ",
        entry=hqq,
        needs={".W_q": (U8, I32, *PLAIN), ".scale": PLAIN, ".zero": PLAIN, ".shape": INDEX},
        unused=SETTINGS,
        telling=".shape",
    ),
    Scheme(
        name="MLX",
        entry=mlx,
        needs={".weight": (U32,), ".scales": PLAIN, ".biases": PLAIN},
    ),
)
# Suffixes that other models use too; one of these alone proves no quantisation.
COMMON = {
    ".weight",
    "_proj",
    ".scales",
    ".biases",
    ".scale",
    ".zero",
    ".shape",
    ".weight_g",
    ".weight_v",
    ".weight_orig",
    ".weight_mask",
    *(f".parametrizations.weight.original{part}" for part in (0, 1)),
}
MARKS = tuple({part for scheme in SCHEMES for part in scheme.read_parts} - COMMON)
