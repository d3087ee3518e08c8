"""Slow, obvious writers of every quantised format, straight from its definition, one number at a time.

Each takes a matrix of outputs x inputs and returns the parts by the suffixes of their names, and the matrix that they
stand for.
"""

import json
import math

import torch

Parts = dict[str, torch.Tensor]
Written = tuple[Parts, torch.Tensor]

# The 16 quantiles of a normal distribution, scaled to -1 .. 1 (QLoRA, arXiv 2305.14314, appendix E).
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635]
NF4 += [-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725]
NF4 += [
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
]
# bitsandbytes' fp4: sign, then 0, 1/192, 2/3, 1, 1/3, 1/2, 1/6, 1/4.
FP4 = [0.0, 1 / 192, 2 / 3, 1.0, 1 / 3, 1 / 2, 1 / 6, 1 / 4]
FP4 += [-x for x in FP4]
CODES = {"nf4": NF4, "fp4": FP4}


def e2m1(number: int) -> float:
    """A 4-bit float: sign, two bits of exponent (bias 1), one of mantissa."""
    sign, exponent, mantissa = number >> 3, number >> 1 & 3, number & 1
    size = mantissa / 2 if exponent == 0 else (1 + mantissa / 2) * 2.0 ** (exponent - 1)
    return -size if sign else size


def stream(numbers: list[int], bits: int) -> list[int]:
    """Numbers one after the other, lowest bits first, as signed 32-bit words."""
    whole = sum(number << i * bits for i, number in enumerate(numbers))
    words = [whole >> 32 * i & 0xFFFFFFFF for i in range(math.ceil(len(numbers) * bits / 32))]
    return [word - (1 << 32) if word >> 31 else word for word in words]


def packed_rows(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """Each row as a stream of its own."""
    return torch.tensor([stream(row, bits) for row in numbers.tolist()], dtype=torch.int32)


def affine(
    matrix: torch.Tensor, bits: int, index: list[int], dtype: torch.dtype
) -> tuple[torch.Tensor, ...]:
    """Numbers, scales and zero points for groups of columns: numbers as the matrix, the rest outputs x groups."""
    groups, top = max(index) + 1, (1 << bits) - 1
    scales = torch.empty(len(matrix), groups, dtype=dtype)
    zeros = torch.empty(len(matrix), groups, dtype=torch.int32)
    for group in range(groups):
        own = matrix[:, [i for i, g in enumerate(index) if g == group]]
        low, high = own.amin(1).clamp(max=-1e-3), own.amax(1).clamp(min=1e-3)
        scales[:, group] = ((high - low) / top).to(dtype)
        zeros[:, group] = (-low / scales[:, group]).round().clamp(1, top).int()
    numbers = (matrix / scales[:, index].float()).round().int() + zeros[:, index]
    return numbers.clamp(0, top), scales, zeros


def one_by_one(numbers, scales, zeros, index):
    """(q - z) s for every single number, rounded once, to the type of the scales."""
    matrix = []
    for row, row_scales, row_zeros in zip(
        numbers.tolist(), scales.tolist(), zeros.tolist(), strict=True
    ):
        exact = [row_scales[g] * (q - row_zeros[g]) for q, g in zip(row, index, strict=True)]
        matrix.append(exact)
    return torch.tensor(matrix, dtype=torch.float64).to(scales.dtype)


def gptq(matrix, bits=4, size=32, order=None, version=1, dtype=torch.float16) -> Written:
    """`order`: the inputs in the order in which groups are filled (desc_act); None leaves g_idx out."""
    inputs = matrix.shape[1]
    index = [i // size for i in range(inputs)]
    for place, i in enumerate(order or []):
        index[i] = place // size
    numbers, scales, zeros = affine(matrix, bits, index, dtype)
    parts = {
        ".qweight": packed_rows(numbers, bits).T.contiguous(),
        ".qzeros": packed_rows((zeros.T - int(version == 1)) % (1 << bits), bits),
        ".scales": scales.T.contiguous(),
    }
    if order is not None:
        parts[".g_idx"] = torch.tensor(index, dtype=torch.int32)
    return parts, one_by_one(numbers, scales, zeros, index)


def awq(matrix, size=32, dtype=torch.float16) -> Written:
    """Eight outputs a word, in the order 0 2 4 6 1 3 5 7."""
    index = [i // size for i in range(matrix.shape[1])]
    numbers, scales, zeros = affine(matrix, 4, index, dtype)
    places = [8 * word + i for word in range(len(matrix) // 8) for i in (0, 2, 4, 6, 1, 3, 5, 7)]
    parts = {
        ".qweight": packed_rows(numbers.T[:, places], 4),
        ".qzeros": packed_rows(zeros.T[:, places], 4),
    }
    return parts | {".scales": scales.T.contiguous()}, one_by_one(numbers, scales, zeros, index)


def bitsandbytes_int8(matrix) -> Written:
    """The largest magnitude of a row becomes 127."""
    largest = matrix.abs().amax(1)
    numbers = (matrix * 127 / largest[:, None]).round().to(torch.int8)
    parts = {
        ".weight": numbers,
        ".SCB": largest,
        ".weight_format": torch.tensor(0, dtype=torch.uint8),
    }
    return parts, numbers.float() * largest[:, None] * torch.tensor(1 / 127, dtype=torch.float32)


def bitsandbytes_4bit(matrix, kind="nf4", block=64, nested=False, dtype=torch.bfloat16) -> Written:
    """Two numbers a byte, the first in the high half; `nested` quantises the scales too, by a table of 256."""
    flat, codes = matrix.flatten(), torch.tensor(CODES[kind])
    blocks = [flat[i : i + block] for i in range(0, len(flat), block)]
    absmax = torch.stack([own.abs().max() for own in blocks])
    parts = {".weight.quant_map": codes}
    state = {
        "quant_type": kind,
        "blocksize": block,
        "dtype": str(dtype)[6:],
        "shape": list(matrix.shape),
    }
    if nested:
        table = torch.linspace(-1, 1, 256)
        offset = absmax.mean()
        outer = torch.stack([part.abs().max() for part in (absmax - offset).split(256)])
        steps = [
            int((table - (a - offset) / outer[i // 256]).abs().argmin())
            for i, a in enumerate(absmax)
        ]
        absmax = torch.stack(
            [table[step] * outer[i // 256] + offset for i, step in enumerate(steps)]
        )
        parts |= {".weight.absmax": torch.tensor(steps, dtype=torch.uint8)}
        parts |= {".weight.nested_absmax": outer, ".weight.nested_quant_map": table}
        state |= {
            "nested_blocksize": 256,
            "nested_dtype": "float32",
            "nested_offset": float(offset),
        }
    else:
        parts[".weight.absmax"] = absmax
    scale_of_each = torch.stack([absmax[i // block] for i in range(len(flat))])
    in_units = flat / scale_of_each
    numbers = (codes - in_units[:, None]).abs().argmin(1).tolist()
    pairs = zip(numbers[::2], [*numbers[1::2], *([0] * (len(numbers) % 2))], strict=True)
    parts[".weight"] = torch.tensor([[high << 4 | low] for high, low in pairs], dtype=torch.uint8)
    text = json.dumps(state).encode()
    parts[f".weight.quant_state.bitsandbytes__{kind}"] = torch.tensor(list(text), dtype=torch.uint8)
    values = codes[numbers] * scale_of_each
    return parts, values.view(matrix.shape).to(dtype)


def blocks_of(matrix, height, width):
    """The corners of every block of a matrix, and the block."""
    for i in range(0, matrix.shape[0], height):
        for j in range(0, matrix.shape[1], width):
            yield i // height, j // width, (slice(i, i + height), slice(j, j + width))


def scaled(
    matrix, height, width, *, name="_scale", kind=torch.float8_e4m3fn, dtype=torch.float32, zeros=0
) -> Written:
    """One scale for each block of height x width; each with the zero point `zeros`, if any."""
    top = 127 if kind == torch.int8 else torch.finfo(kind).max
    shape = math.ceil(matrix.shape[0] / height), math.ceil(matrix.shape[1] / width)
    scales, points = torch.empty(shape, dtype=dtype), torch.zeros(shape, dtype=torch.int8)
    stored, values = torch.empty(matrix.shape, dtype=kind), torch.empty(matrix.shape, dtype=dtype)
    for i, j, own in blocks_of(matrix, height, width):
        scales[i, j] = matrix[own].abs().max() / (top - zeros)
        points[i, j] = zeros
        numbers = matrix[own] / scales[i, j].float() + zeros
        stored[own] = (numbers.round() if kind == torch.int8 else numbers).clamp(-top, top).to(kind)
        values[own] = ((stored[own].double() - zeros) * scales[i, j].double()).to(dtype)
    parts = {".weight": stored, f".weight{name}": scales}
    return parts | ({".weight_zero_point": points} if zeros else {}), values


def compressed(
    matrix, bits=4, size=32, order=None, asymmetric=False, dtype=torch.bfloat16
) -> Written:
    """Signed numbers, shifted by half their range to be packed."""
    inputs = matrix.shape[1]
    index = [i // size for i in range(inputs)]
    for place, i in enumerate(order or []):
        index[i] = place // size
    numbers, scales, zeros = affine(matrix, bits, index, dtype)
    if not asymmetric:
        zeros = torch.full_like(zeros, 1 << (bits - 1))
    parts = {".weight_packed": packed_rows(numbers, bits), ".weight_scale": scales}
    parts[".weight_shape"] = torch.tensor(matrix.shape)
    if asymmetric:
        parts[".weight_zero_point"] = packed_rows(zeros.T, bits).T.contiguous()
    if order is not None:
        parts[".weight_g_idx"] = torch.tensor(index, dtype=torch.int32)
    return parts, one_by_one(numbers, scales, zeros, index)


def mxfp4(tensor) -> Written:
    """Experts x inputs x outputs, whose inputs are cut into blocks of 32 with a power of two each."""
    experts, inputs, outputs = tensor.shape
    blocks = torch.empty(experts, outputs, inputs // 32, 16, dtype=torch.uint8)
    scales = torch.empty(experts, outputs, inputs // 32, dtype=torch.uint8)
    values = torch.empty(tensor.shape, dtype=torch.bfloat16)
    table = [e2m1(i) for i in range(16)]
    for e in range(experts):
        for o in range(outputs):
            for b in range(inputs // 32):
                own = tensor[e, 32 * b : 32 * b + 32, o].tolist()
                exponent = math.floor(math.log2(max(map(abs, own)))) - 2
                numbers = [
                    min(range(16), key=lambda n: abs(table[n] - w / 2.0**exponent)) for w in own
                ]
                scales[e, o, b] = exponent + 127
                blocks[e, o, b] = torch.tensor(
                    [numbers[i] | numbers[i + 1] << 4 for i in range(0, 32, 2)]
                )
                values[e, 32 * b : 32 * b + 32, o] = torch.tensor(
                    [table[n] * 2.0**exponent for n in numbers]
                )
    return {"_blocks": blocks, "_scales": scales}, values


def mlx(matrix, bits=4, size=32, dtype=torch.float16) -> Written:
    """W = q s + b, rounded after the product and after the sum."""
    index = [i // size for i in range(matrix.shape[1])]
    numbers, scales, zeros = affine(matrix, bits, index, dtype)
    biases = (-zeros * scales.float()).to(dtype)
    values = torch.empty(matrix.shape, dtype=dtype)
    for i, row in enumerate(numbers.to(dtype)):
        product = row * scales[i, index]
        values[i] = product + biases[i, index]
    words = packed_rows(numbers, bits).view(torch.uint32)
    return {".weight": words, ".scales": scales, ".biases": biases}, values


def hqq(matrix, bits=4, size=32, axis=1, dtype=torch.float16, as_float=False) -> Written:
    """Groups are rows (axis 1) or columns (axis 0) of a table; as_float: the words are kept as floats."""
    table = matrix.reshape(-1, size) if axis else matrix.reshape(size, -1)
    top = (1 << bits) - 1
    low, high = table.amin(axis, keepdim=True), table.amax(axis, keepdim=True)
    scale, zero = ((high - low) / top).to(dtype), (-low * top / (high - low)).to(dtype)
    numbers = (table / scale.float() + zero.float()).round().clamp(0, top).int()
    per_word = 10 if bits == 3 else 8 // bits
    step = math.ceil(len(table) / per_word)
    words = torch.zeros(step, table.shape[1], dtype=torch.int32 if bits == 3 else torch.uint8)
    for i, row in enumerate(numbers):
        words[i % step] |= (row << bits * (per_word - 1 - i // step)).to(words.dtype)
    values = torch.empty(table.shape, dtype=dtype)
    for i, row in enumerate(numbers.to(dtype)):
        group = i if axis else 0
        values[i] = (row - zero[group]) * scale[group]
    parts = {".W_q": words.view(dtype) if as_float else words, ".scale": scale, ".zero": zero}
    parts |= {
        ".shape": torch.tensor(matrix.shape),
        ".nbits": torch.tensor(bits),
        ".axis": torch.tensor(axis),
    }
    parts |= {".packing": torch.tensor(list(b"4bit_u8"), dtype=torch.uint8)}
    return parts, values.view(matrix.shape)


def fp4(matrix, layout="compressed-tensors", size=16) -> Written:
    """Blocks of 16 with a scale in e4m3 below one for the tensor (`layout`), or of 32 with a power of two (mx)."""
    blocks = matrix.float().unflatten(1, (-1, size))
    largest = blocks.abs().amax(2)
    table = torch.tensor([e2m1(i) for i in range(16)])
    whole = 448 * 6 / matrix.abs().max()
    if layout == "mx":
        exponents = (largest.log2().floor() - 2 + 127).to(torch.uint8)
        parts, scales = {".weight_scale": exponents}, 2.0 ** (exponents.float() - 127)
    elif layout == "modelopt":
        parts = {
            ".weight_scale": (largest / 6 * whole).to(torch.float8_e4m3fn),
            ".weight_scale_2": 1 / whole,
        }
        scales = parts[".weight_scale"].float() * parts[".weight_scale_2"]
    else:
        parts = {
            ".weight_scale": (largest / 6 * whole).to(torch.float8_e4m3fn),
            ".weight_global_scale": whole[None],
        }
        scales = parts[".weight_scale"].float() / whole
    numbers = (blocks / scales[:, :, None]).unsqueeze(-1).sub(table).abs().argmin(-1)
    flat = numbers.flatten(1).tolist()
    octets = [[row[i] | row[i + 1] << 4 for i in range(0, len(row), 2)] for row in flat]
    packed = ".weight" if layout == "modelopt" else ".weight_packed"
    values = table[numbers] * scales[:, :, None]
    return {packed: torch.tensor(octets, dtype=torch.uint8)} | parts, values.flatten(1).to(
        torch.bfloat16
    )
