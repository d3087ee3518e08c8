"""registry.checkpoints.blob."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from registry.checkpoints import open_checkpoint
from registry.checkpoints.blob import LocalBlob, Span, read_bytes
from registry.checkpoints.dtypes import F32
from registry.errors import BrokenFile, ChangedFile, UnreadableFile


def cut(path: Path) -> None:
    """End a file early."""
    os.truncate(path, path.stat().st_size - 10)


def grow(path: Path) -> None:
    """Append to a file."""
    with path.open("ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    """Put another file of the same length in its place."""
    content = path.read_bytes()
    path.unlink()
    path.with_name("other").write_bytes(content)
    path.with_name("other").rename(path)
    os.utime(path, ns=(0, 0))


def overwrite(path: Path) -> None:
    """Write other numbers into a file."""
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\1\2\3\4")
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("change", [cut, grow, replace, overwrite])
@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_a_file_that_changes_after_indexing(tmp_path, change, suffix):
    """Numbers are read of the file that was indexed, or not at all."""
    path = tmp_path / f"x.{suffix}"
    save = save_file if suffix == "safetensors" else torch.save
    save({"a": torch.ones(100)}, path)
    [entry] = open_checkpoint(path).entries
    assert entry.load().sum() == 100
    change(path)
    with pytest.raises(ChangedFile, match=r"changed while it was being read; .* try again"):
        entry.load()
    path.unlink()
    with pytest.raises(UnreadableFile, match=r"not a regular file|No such file"):
        entry.load()
    save({"a": torch.ones(100)}, path)  # as the advice says
    assert open_checkpoint(path).entries[0].load().sum() == 100


def test_spans_follow_strides(tmp_path):
    """A transposed tensor is read through its strides."""
    matrix = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    (tmp_path / "raw").write_bytes(bytes(4) + matrix.numpy().tobytes())
    span = Span(LocalBlob(tmp_path / "raw", "raw"), 4, F32, (4, 3), (1, 4))
    assert (span.read() == matrix.T.numpy()).all()


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
