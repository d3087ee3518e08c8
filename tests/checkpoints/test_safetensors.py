"""registry.checkpoints.formats.safetensors and blob."""

import pytest
import torch
from checkpoints_made import write_raw
from further_quantisers import float4_pairs
from safetensors.torch import save_file

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.formats.safetensors import DTYPES
from registry.checkpoints.formats.safetensors import read_safetensors as read_blob
from registry.checkpoints.quantised import dequantised
from registry.errors import BrokenFile, QuantisedWeights


def read_safetensors(path):
    return read_blob(LocalBlob(path, path.name))


ROW = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_every_type_reads_back(tmp_path, dtype):
    """What the safetensors library writes is read bit for bit, in any type."""
    bits = torch.randint(0, 2, (3, 4, dtype.itemsize), dtype=torch.uint8)
    tensor = bits.view(dtype.torch).reshape(3, 4)
    save_file(
        {"a": torch.ones(5), "b": tensor, "empty": torch.empty(0, 7)},
        tmp_path / "x.safetensors",
        {"by": "us"},
    )
    entries = {entry.name: entry for entry in read_safetensors(tmp_path / "x.safetensors")}
    assert set(entries) == {"a", "b", "empty"}
    assert (entries["b"].dtype, entries["b"].shape, entries["b"].count) == (dtype, (3, 4), 12)
    assert torch.equal(entries["b"].load().view(torch.uint8), tensor.view(torch.uint8))
    assert entries["empty"].load().shape == (0, 7)


CASES = {
    "empty header": (b"", b"", None, "not JSON"),
    "cut in the header": ({"a": ROW}, b"", 1000, "shorter than its header"),
    "header as long as the address space": ({"a": ROW}, bytes(8), 2**63, "shorter than its header"),
    "not JSON": (b"\x80{]", bytes(8), None, "not JSON"),
    "deeply nested": (b"[" * 100_000, b"", None, "not JSON"),
    "a list": ([], b"", None, "not a table"),
    "named twice": (
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":0}',
        bytes(8),
        None,
        "twice",
    ),
    "row is no object": ({"a": 3}, bytes(8), None, "malformed"),
    "unknown type": ({"a": {**ROW, "dtype": "Q3"}}, bytes(8), None, "unknown type"),
    "negative shape": ({"a": {**ROW, "shape": [-2]}}, bytes(8), None, "number"),
    "shape of booleans": ({"a": {**ROW, "shape": [True, 2]}}, bytes(8), None, "number"),
    "shape of floats": ({"a": {**ROW, "shape": [2.0]}}, bytes(8), None, "number"),
    "shape and bytes disagree": ({"a": {**ROW, "shape": [3]}}, bytes(8), None, "do not have"),
    "offsets backwards": ({"a": {**ROW, "data_offsets": [8, 0]}}, bytes(8), None, "do not have"),
    "beyond the file": (
        {"a": {**ROW, "shape": [4], "data_offsets": [0, 16]}},
        bytes(8),
        None,
        "the file has 8",
    ),
    "more than described": ({"a": ROW}, bytes(9), None, "the file has 9"),
    "dimensions": ({"a": {**ROW, "shape": [1] * 16 + [2]}}, bytes(8), None, "17 dimensions"),
    "overlap": ({"a": ROW, "b": {**ROW, "data_offsets": [4, 12]}}, bytes(12), None, "overlap"),
    "gap": ({"a": ROW, "b": {**ROW, "data_offsets": [12, 20]}}, bytes(20), None, "gaps"),
}


@pytest.mark.parametrize(("header", "body", "length", "message"), CASES.values(), ids=CASES.keys())
def test_a_lying_header_is_refused(tmp_path, header, body, length, message):
    """Whatever is wrong with a header is one BrokenFile that names the file."""
    path = write_raw(tmp_path / "bad.safetensors", header, body, length)
    with pytest.raises(BrokenFile, match=message) as caught:
        read_safetensors(path)
    assert "bad.safetensors" in str(caught.value)


def test_an_empty_file(tmp_path):
    """Not even the header's length is there."""
    (tmp_path / "x.safetensors").touch()
    with pytest.raises(BrokenFile, match="shorter than its header"):
        read_safetensors(tmp_path / "x.safetensors")


def test_a_header_of_100_megabytes_is_refused_unread(tmp_path):
    """Its length alone refuses it."""
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write((100_000_000).to_bytes(8, "little"))
        file.truncate(100_000_100)
    with pytest.raises(BrokenFile, match="100,000,000 bytes is longer than any model needs"):
        read_safetensors(path)


def test_pairs_of_four_bit_floats(tmp_path):
    """The type F4 with powers of two beside it is MXFP4, under either name of the scales."""
    octets, exponents, expected = float4_pairs((4, 64))
    for scales in ("x.weight_scale", "x.scale"):
        header = {
            "x.weight": {"dtype": "F4", "shape": [4, 64], "data_offsets": [0, 128]},
            scales: {"dtype": "F8_E8M0", "shape": [4, 2], "data_offsets": [128, 136]},
        }
        body = octets.numpy().tobytes() + exponents.numpy().tobytes()
        path = write_raw(tmp_path / "x.safetensors", header, body)
        (entry,) = dequantised(read_safetensors(path), {})
        assert (entry.name, entry.shape, entry.stored) == ("x.weight", (4, 64), "mxfp4")
        assert torch.equal(entry.load(), expected)


def test_types_across_bytes_are_named(tmp_path):
    """Floats of six bits are refused by their type, with what to do, not called damage."""
    header = {"x.weight": {"dtype": "F6_E2M3", "shape": [4, 4], "data_offsets": [0, 12]}}
    path = write_raw(tmp_path / "x.safetensors", header, bytes(12))
    with pytest.raises(QuantisedWeights, match=r"'x.weight'.*\(F6_E2M3\).* give the model in bf16"):
        read_safetensors(path)


def test_an_odd_number_of_half_bytes(tmp_path):
    """F4 counts in pairs along the last axis."""
    header = {"x.weight": {"dtype": "F4", "shape": [4, 3], "data_offsets": [0, 6]}}
    path = write_raw(tmp_path / "x.safetensors", header, bytes(6))
    with pytest.raises(BrokenFile, match="pairs of numbers cannot have"):
        read_safetensors(path)
