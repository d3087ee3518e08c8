"""Compiled passes: the power sums of a tensor in memory at the speed of memory, with numba.

Storage is read as words of 32 (float64: 64) bits, whose parts are moved to where float32 has its sign, exponent and
fraction, and multiplied by a power of two: exact for every narrower type. Minimum, maximum and the presence of NaN or
infinities are told from the bit patterns, since min and max instructions drop NaN in silence. A block is visited twice,
the second time in the first-level cache.

Sums and sums of squares are always in float64. Where values are taken about zero, third and fourth powers are added up
in float32 over at most 256 values at a time: wrong by at most 1.6e-5 of the sum of |x|^3 or x^4, and by about 1e-7 as a
rule. In float64 they would cost a quarter of the time.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numba.core.errors import NumbaError
from numba.extending import register_jitable

from registry.numerics.compiled.jit import compiled
from registry.numerics.passes import Pass, joined, plain

BLOCK = (
    2048  # values: what is visited twice, and what is fetched ahead, stays in the first-level cache
)
SIGN = 0x80000000
SINGLE = (
    2.0**-20,
    2.0**31,
)  # largest magnitudes whose fourth powers neither vanish nor overflow in float32
DOUBLE = 64  # bits of float64

Found = tuple[int, int, int, float, float, float, float]
"""Largest and smallest pattern as signed and largest as unsigned integer, and the four power sums."""


@dataclass(frozen=True)
class Format:
    """How a type of `width` bits lies in float32: moved right by `shift`, kept where `mask` is set, times `scale`.

    infinity: the first pattern without sign that is no finite number.
    """

    width: int
    shift: int
    mask: int
    scale: float
    infinity: int


FORMATS = {
    torch.float64: Format(64, 0, 0, 1.0, 0x7FF0000000000000),
    torch.float32: Format(32, 0, 0x7FFFFFFF, 1.0, 0x7F800000),
    torch.bfloat16: Format(16, 0, 0x7FFF0000, 1.0, 0x7F80),
    torch.float16: Format(16, 3, 0x0FFFE000, 2.0**112, 0x7C00),
    torch.float8_e5m2: Format(8, 3, 0x0FE00000, 2.0**112, 0x7C),
    torch.float8_e4m3fn: Format(8, 4, 0x07F00000, 2.0**120, 0x7F),
}


def compiled_pass(values: torch.Tensor, pivot: float) -> Pass | None:
    """Power sums of a flat tensor in memory; None for what no kernel takes: other types, NaN, infinities."""
    form = FORMATS.get(values.dtype)
    if form is None:
        return None
    whole = values.numel() // 4 * 4  # a word of 32 bits holds up to four values
    stored = (
        values[:whole] if values.data_ptr() % 8 == 0 else values[:whole].clone()
    )  # words are aligned
    found = run(form, stored, pivot, single=form.width < DOUBLE and not pivot)
    limits = extremes(form, values.dtype, *found[:3]) if found else None
    if (
        limits
        and form.width < DOUBLE
        and not pivot
        and not SINGLE[0] <= max(map(abs, limits)) < SINGLE[1]
    ):
        found = run(form, stored, pivot, single=False)
    if found is None or limits is None:
        return None
    body = Pass(whole, found[3:], *limits, 0, pivot)
    return joined([body, plain(values[whole:], pivot)]) if whole < values.numel() else body


def run(form: Format, stored: torch.Tensor, pivot: float, *, single: bool) -> Found | None:
    """One pass over views of the storage as words and as signed and unsigned patterns; None where nothing compiles."""
    kernel = single_powers(form) if single else double_powers(form)
    raw = stored.view(torch.uint8).numpy()
    words = raw.view(np.float64 if form.width == DOUBLE else np.uint32)
    return (
        kernel(words, raw.view(f"i{form.width // 8}"), raw.view(f"u{form.width // 8}"), pivot)
        if kernel
        else None
    )


def extremes(
    form: Format, dtype: torch.dtype, high: int, low: int, top: int
) -> tuple[float, float] | None:
    """Minimum and maximum from the patterns, which are sign and magnitude: among negative ones the order is turned."""
    half = 1 << form.width - 1
    if max(high, top & half - 1) >= form.infinity:
        return None
    ends = [top - 2 * half if top >= half else low, high if high >= 0 else low]
    values = (
        torch.tensor(ends, dtype=getattr(torch, f"int{form.width}")).view(dtype).double().tolist()
    )
    return values[0] + 0.0, values[1] + 0.0  # no negative zero


def built(form: Format, function: Callable[..., Found]) -> Callable[..., Found] | None:
    """The function compiled for a format; None on a machine that numba cannot serve."""
    word = "float64" if form.width == DOUBLE else "uint32"
    with suppress(NumbaError):
        return compiled(
            function, f"({word}[::1], int{form.width}[::1], uint{form.width}[::1], float64)"
        )
    return None


@register_jitable
def part(word: Any, j: int, width: int, shift: int, mask: int) -> Any:
    """The j-th value of a word as float32, before its scale."""
    w = word << np.uint32(32 - width * (j + 1))
    return np.uint32((w >> np.uint32(shift) & np.uint32(mask)) | (w & np.uint32(SIGN))).view(
        np.float32
    )


@register_jitable
def widened(signed: Any, unsigned: Any, high: Any, low: Any, top: Any) -> Any:
    """The extreme patterns with those of one more block."""
    for i in range(signed.size):
        high, low, top = max(high, signed[i]), min(low, signed[i]), max(top, unsigned[i])
    return high, low, top


@cache
def single_powers(form: Format) -> Callable[..., Found] | None:
    """The kernel about zero: third and fourth powers in float32 within a block."""
    width, shift, mask, scale = form.width, form.shift, form.mask, np.float32(form.scale)
    zero: Any = np.float32(0)
    per = 32 // width
    size = BLOCK // per

    def single(words: Any, signed: Any, unsigned: Any, _pivot: float) -> Any:
        high, low, top = signed[0], signed[0], unsigned[0]
        s1 = s2 = s3 = s4 = 0.0
        for start in range(0, words.size, size):
            block = words[start : start + size]
            b1 = b2 = 0.0
            b3 = b4 = zero
            for i in range(block.size):
                for j in range(per):
                    f = part(block[i], j, width, shift, mask) * scale
                    x, f2 = np.float64(f), f * f
                    b1, b2, b3, b4 = b1 + x, b2 + x * x, b3 + f2 * f, b4 + f2 * f2
            s1, s2, s3, s4 = s1 + b1, s2 + b2, s3 + b3, s4 + b4
            here = slice(start * per, (start + size) * per)
            high, low, top = widened(signed[here], unsigned[here], high, low, top)
        return high, low, top, s1, s2, s3, s4

    return built(form, single)


@cache
def double_powers(form: Format) -> Callable[..., Found] | None:
    """The kernel about a pivot: everything in float64."""
    width, shift, mask, scale = form.width, form.shift, form.mask, np.float32(form.scale)
    per = max(1, 32 // width)
    size = BLOCK // per

    def double(words: Any, signed: Any, unsigned: Any, pivot: float) -> Any:
        high, low, top = signed[0], signed[0], unsigned[0]
        s1 = s2 = s3 = s4 = 0.0
        for start in range(0, words.size, size):
            block = words[start : start + size]
            b1 = b2 = b3 = b4 = 0.0
            for i in range(block.size):
                for j in range(per):
                    value = (
                        block[i]
                        if width == DOUBLE
                        else part(block[i], j, width, shift, mask) * scale
                    )
                    x = np.float64(value) - pivot
                    x2 = x * x
                    b1, b2, b3, b4 = b1 + x, b2 + x2, b3 + x2 * x, b4 + x2 * x2
            s1, s2, s3, s4 = s1 + b1, s2 + b2, s3 + b3, s4 + b4
            here = slice(start * per, (start + size) * per)
            high, low, top = widened(signed[here], unsigned[here], high, low, top)
        return high, low, top, s1, s2, s3, s4

    return built(form, double)
