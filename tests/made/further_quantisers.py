"""More writers of quantised formats, from their definitions: see quantisers."""

import torch
from quantisers import Written, e2m1


def bitnet(matrix, multiplies=False, dtype=torch.bfloat16) -> Written:
    """Ternary numbers, four rows a byte, whose scale divides them or multiplies."""
    ternary = (matrix / matrix.abs().mean()).round().clamp(-1, 1).int()
    scale = (1 / matrix.abs().mean()).reshape(1).to(dtype)
    count = len(matrix) // 4
    packed = torch.zeros(count, matrix.shape[1], dtype=torch.uint8)
    for row in range(len(matrix)):
        for column in range(matrix.shape[1]):
            code = int(ternary[row, column]) + 1
            packed[row % count, column] += code << (2 * (row // count))
    factor = scale if multiplies else 1 / scale
    return {".weight": packed, ".weight_scale": scale}, ternary.to(dtype) * factor


def in_pieces(matrix, part, scale, dtype=torch.int8, zeros=None) -> Written:
    """Numbers and scales of each row under the names of a library's pieces."""
    most = 127 if dtype is torch.int8 else 240
    scales = matrix.abs().amax(1, keepdim=True) / most
    numbers = matrix / scales
    numbers = numbers.round().to(dtype) if dtype is torch.int8 else numbers.to(dtype)
    parts = {part: numbers, scale: scales}
    expected = numbers.float()
    if zeros:
        parts[zeros] = torch.arange(len(matrix), dtype=torch.int8).reshape(-1, 1)
        expected = expected - parts[zeros]
    return parts, expected * scales


def sparse(matrix, two_of_four=True, fp8=False) -> Written:
    """The numbers that are not zero, and a bit for each place."""
    matrix = matrix.clone()
    for group in matrix.view(-1, 4):
        group[group.abs().argsort()[:2]] = 0
    bits = torch.zeros(len(matrix), -(-matrix.shape[1] // 8), dtype=torch.uint8)
    for row, column in (matrix != 0).nonzero().tolist():
        bits[row, column // 8] += 1 << (column % 8)
    values = matrix[matrix != 0]
    parts = {".weight.bitmask": bits, ".weight.shape": torch.tensor(matrix.shape)}
    if fp8:
        scale = torch.tensor([matrix.abs().max() / 448])
        values = (values / scale).to(torch.float8_e4m3fn)
        expected = torch.zeros_like(matrix)
        expected[matrix != 0] = values.float() * scale
        parts[".weight_scale"] = scale
    else:
        expected = matrix
        parts[".weight.row_offsets"] = (matrix != 0).sum(1)
    shape = (len(matrix), -1) if two_of_four else (-1,)
    return {".weight.compressed": values.reshape(shape), **parts}, expected


def normalised(matrix, lengths, directions) -> Written:
    """Lengths of the rows, and vectors of other lengths in their directions."""
    rows = matrix * 3
    size = matrix.norm(dim=1, keepdim=True)
    return {directions: rows, lengths: size}, rows * (size / rows.norm(dim=1, keepdim=True))


def masked(matrix) -> Written:
    """The weight before pruning, and a mask."""
    mask = (matrix.abs() > 0.01).float()
    return {".weight_orig": matrix, ".weight_mask": mask}, matrix * mask


def float4_pairs(shape, seed=0):
    """Random pairs of 4-bit floats with a power of two for every 32, and what they stand for."""
    draw = torch.Generator().manual_seed(seed)
    rows, columns = shape
    octets = torch.randint(0, 256, (rows, columns // 2), dtype=torch.uint8, generator=draw)
    exponents = torch.randint(120, 124, (rows, columns // 32), dtype=torch.uint8, generator=draw)
    expected = torch.zeros(rows, columns, dtype=torch.bfloat16)
    for row in range(rows):
        for column in range(columns):
            octet = int(octets[row, column // 2])
            number = octet >> 4 if column % 2 else octet & 15
            expected[row, column] = e2m1(number) * 2.0 ** (int(exponents[row, column // 32]) - 127)
    return octets, exponents, expected


def mxfp8(matrix) -> Written:
    """fp8 with a power of two for every 32 columns, stored as its exponent."""
    blocks = matrix.unflatten(1, (-1, 32))
    exponents = (blocks.abs().amax(2).log2().floor() - 8 + 127).to(torch.uint8)
    scales = 2.0 ** (exponents.float() - 127)
    numbers = (blocks / scales[:, :, None]).clamp(-448, 448).to(torch.float8_e4m3fn)
    parts = {".weight": numbers.flatten(1), ".weight_scale": exponents}
    return parts, (numbers.float() * scales[:, :, None]).flatten(1)
