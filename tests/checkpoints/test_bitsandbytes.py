"""registry.checkpoints.quantised.bitsandbytes: parts that fit, and parts that do not."""

import json

import pytest
import quantisers as q
import torch
from quantised_made import (
    INT8,
    NESTED,
    NF4,
    broken,
    changed,
    check_broken,
    in_memory,
    random_matrix,
    same,
    under,
)

from registry.checkpoints.quantised import dequantised

STATE = ".weight.quant_state.bitsandbytes__nf4"


def state(**changes):
    """NF4 parts whose JSON states something else."""
    content = json.loads(bytes(NF4[STATE].tolist())) | changes
    return {**NF4, STATE: torch.tensor(list(json.dumps(content).encode()), dtype=torch.uint8)}


BROKEN = {
    "NaN absmax": (
        broken(NF4, weight__absmax=changed(NF4[".weight.absmax"], torch.nan)),
        "holds NaN",
    ),
    "SCB too short": (broken(INT8, SCB=torch.ones(3)), "one number for each row"),
    "turing layout": (
        broken(INT8, weight_format=torch.tensor(2, dtype=torch.uint8)),
        "'weight_format' is [2]",
    ),
    "absmax too short": (broken(NF4, weight__absmax=torch.ones(3)), "has not 64 numbers"),
    "code book too short": (broken(NF4, weight__quant_map=torch.ones(3)), "has not 16 numbers"),
    "bytes too few": (broken(NF4, weight=NF4[".weight"][:9]), "do not make up"),
    "state is no JSON": ({**NF4, STATE: NF4[STATE][:40]}, "not a JSON object"),
    "state is a list": (
        {**NF4, STATE: torch.tensor(list(b"[[]]"), dtype=torch.uint8)},
        "not a JSON object",
    ),
    "state is long": ({**NF4, STATE: torch.zeros(1 << 17, dtype=torch.uint8)}, "too long"),
    "hostile shape": (state(shape=[1 << 39, 1 << 39]), "do not make up"),
    "negative shape": (state(shape=[-64, -64]), "the shape [-64, -64]"),
    "shape of words": (state(shape="64"), "the shape 64"),
    "unknown block size": (state(blocksize=3), "blocksize is 3"),
    "unknown dtype": (state(dtype=["float64"]), "dtype is"),
    "nested offset NaN": (state(nested_offset=float("nan")), "nested_offset"),
    "nested parts lost": (
        broken(NF4, weight__absmax=NESTED[".weight.absmax"]),
        "'weight.nested_absmax' is missing",
    ),
}


@pytest.mark.parametrize(("parts", "reason"), BROKEN.values(), ids=BROKEN)
def test_parts_that_do_not_fit(parts, reason):
    """Parts that contradict each other are an error that names the tensor."""
    check_broken(parts, reason)


def test_bytes_in_another_type():
    """Bitsandbytes keeps its bytes in any type (quant_storage); they are the same bytes."""
    parts, expected = q.bitsandbytes_4bit(random_matrix())
    parts[".weight"] = parts[".weight"].flatten().view(torch.bfloat16).reshape(-1, 1)
    (entry,) = dequantised(in_memory(under("x", parts)), {})
    assert same(entry.load(), expected)


def test_a_row_of_zeros_is_no_error():
    """Bitsandbytes writes a scale of 0 for a row or block of zeros."""
    matrix = random_matrix()
    matrix[3:5] = 0
    int8, _ = q.bitsandbytes_int8(matrix)
    int8[".weight"][3:5] = 0
    nf4, _ = q.bitsandbytes_4bit(matrix)
    for parts in (int8, nf4):
        (entry,) = dequantised(in_memory(under("x", parts)), {})
        assert not entry.load()[3:5].any()
        assert entry.load()[:3].any()
