"""registry.checkpoints.blob."""

import pytest
import torch
from safetensors.torch import save_file

from registry.checkpoints import open_checkpoint
from registry.checkpoints.blob import LocalBlob, Span, read_bytes
from registry.checkpoints.dtypes import F32
from registry.errors import BrokenFile, UnreadableFile


def test_a_file_cut_after_indexing(tmp_path):
    """A tensor that is not all there is an error when it is read."""
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(100)}, path)
    [entry] = open_checkpoint(path).entries
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BrokenFile, match="a tensor reaches beyond its end"):
        entry.load()
    path.unlink()
    with pytest.raises(UnreadableFile, match="not a regular file"):
        entry.load()


def test_spans_follow_strides(tmp_path):
    """A transposed tensor is read through its strides."""
    matrix = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    (tmp_path / "raw").write_bytes(bytes(4) + matrix.numpy().tobytes())
    assert torch.equal(
        Span(LocalBlob(tmp_path / "raw", "raw"), 4, F32, (4, 3), (1, 4)).read(), matrix.T
    )


def test_bytes_of_a_file(tmp_path):
    """All of them, those from an offset on, a part; beyond the end it is one BrokenFile."""
    (tmp_path / "raw").write_bytes(b"0123456789")
    blob = LocalBlob(tmp_path / "raw", "raw")
    assert blob.size == 10
    assert read_bytes(blob) == b"0123456789"
    assert read_bytes(blob, 7) == b"789"
    assert read_bytes(blob, 2, 3) == b"234"
    assert read_bytes(blob, 12) == b""
    with blob.open() as file:
        assert file.read() == b"0123456789"
    with pytest.raises(BrokenFile, match="it ends 4 bytes early"):
        read_bytes(blob, 8, 6)


def test_a_file_that_is_not_there(tmp_path):
    """Whatever is asked of it is one UnreadableFile."""
    blob = LocalBlob(tmp_path / "raw", "raw")
    with pytest.raises(UnreadableFile, match="not a regular file"):
        _ = blob.size
    with pytest.raises(UnreadableFile, match="No such file"):
        blob.open()
    with pytest.raises(UnreadableFile, match="No such file"):
        blob.fill(memoryview(bytearray(1)), 0)


def test_the_first_elements_of_a_tensor(tmp_path):
    """They are read alone, row by row."""
    (tmp_path / "raw").write_bytes(torch.arange(12, dtype=torch.float32).numpy().tobytes())
    span = Span(LocalBlob(tmp_path / "raw", "raw"), 0, F32, (3, 4))
    assert span.head(5).tolist() == [0, 1, 2, 3, 4]
