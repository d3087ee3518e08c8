"""Torch's zip archives, packed and damaged in ways that tools or attackers do."""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

NUMBERS = "archive/data/0"


def members(content: object) -> dict[str, bytes]:
    """What torch.save writes of an object: the members of its archive by their names."""
    stream = io.BytesIO()
    torch.save(content, stream)
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, parts: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive of members."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def pickled(path: Path, program: bytes, numbers: bytes = bytes(64), method: int = 0) -> Path:
    """Write an archive around a pickle of any content, with one storage."""
    parts = {"archive/data.pkl": program, "archive/version": b"3\n", NUMBERS: numbers}
    return packed(path, parts, method)


def altered(path: Path, at: int, value: bytes) -> Path:
    """Overwrite bytes of a file."""
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


def directory_entry(path: Path, name: str) -> int:
    """Where an archive's directory describes a member."""
    return path.read_bytes().rindex(name.encode()) - 46


def text(value: str) -> bytes:
    """The operation that pushes a text."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    """The operation that pushes a number of any size."""
    if abs(value) < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def numbers(*values: int) -> bytes:
    """The operations that push a tuple of numbers."""
    return b"(" + b"".join(number(value) for value in values) + b"t"


def storage(kind: str = "FloatStorage", key: str = "0", count: int = 16) -> bytes:
    """The operations that push a storage."""
    named = b"ctorch\n" + kind.encode() + b"\n"
    return b"(" + text("storage") + named + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(
    offset: int = 0,
    shape: tuple[int, ...] = (4, 4),
    stride: tuple[int, ...] = (4, 1),
    stored: bytes = b"",
) -> bytes:
    """The operations that push a tensor."""
    place = (stored or storage()) + number(offset) + numbers(*shape) + numbers(*stride)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + b"\x89}tR"


def table(items: Mapping[str, bytes]) -> bytes:
    """A pickle of a table: names and the operations that push their values."""
    body = b"".join(text(name) + value for name, value in items.items())
    return b"\x80\x02}(" + body + b"u."
