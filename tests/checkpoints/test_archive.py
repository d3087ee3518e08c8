"""registry.checkpoints.formats.archive, through torch's archives packed in other ways."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from zips_made import (
    NUMBERS,
    altered,
    directory_entry,
    members,
    packed,
    pickled,
    table,
    tensor,
)

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.formats import archive
from registry.checkpoints.formats.pickle import read_pickle
from registry.checkpoints.limits import limit
from registry.errors import BrokenFile, FormatNotRead

STATE = {"a": torch.arange(24.0).reshape(4, 6), "b": torch.arange(6.0).bfloat16()}


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return {entry.name: entry.load() for entry in read_pickle(LocalBlob(path, path.name))}


def same(path: Path, expected: dict[str, torch.Tensor] = STATE) -> bool:
    read = tensors(path)
    return all(torch.equal(read[name], expected[name]) for name in expected)


METHODS = {"stored": 0, "deflated": 8, "bz2": 12, "lzma": 14}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_members_are_unpacked(tmp_path, method):
    """A repacked archive has the numbers that it had; views of one storage are cut out of it."""
    base = torch.randn(40, 30)
    state = {**STATE, "base": base, "view": base[3:9, ::2], "t": base.T, "none": torch.empty(0, 3)}
    path = packed(tmp_path / "model.pt", members(state), method)
    assert same(path, state)
    entries = {entry.name: entry for entry in read_pickle(LocalBlob(path, path.name))}
    assert (entries["base"].first(7) == base.numpy().reshape(-1)[:7]).all()


@pytest.mark.parametrize("method", [0, 8], ids=["stored", "deflated"])
@pytest.mark.parametrize("change", [-4, -96, 4, 400])
def test_records_of_another_length(tmp_path, method, change):
    """Numbers that lack or are too many are refused, as torch refuses them."""
    parts = members(STATE)
    parts[NUMBERS] = (parts[NUMBERS] + bytes(max(change, 0)))[: 96 + change]
    path = packed(tmp_path / "model.pt", parts, method)
    with pytest.raises(RuntimeError):
        torch.load(path)
    with pytest.raises(BrokenFile, match="lacks numbers of 'a', or has too many"):
        tensors(path)


def test_a_record_that_lacks(tmp_path):
    """A storage without its member is refused."""
    parts = members(STATE)
    del parts[NUMBERS]
    with pytest.raises(BrokenFile, match="lacks numbers of 'a'"):
        tensors(packed(tmp_path / "model.pt", parts))


def test_names_in_other_case(tmp_path):
    """Members are found in upper and lower case, as torch finds them."""
    parts = {name.upper(): part for name, part in members(STATE).items()}
    path = packed(tmp_path / "model.pt", parts)
    assert torch.equal(torch.load(path)["a"], STATE["a"])
    assert same(path)


def test_a_folder_above(tmp_path):
    """Members below another folder are refused, as torch does."""
    parts = {f"x/{name}": part for name, part in members(STATE).items()}
    with pytest.raises(BrokenFile, match=r"holds no data\.pkl"):
        tensors(packed(tmp_path / "model.pt", parts))


def test_numbers_of_a_big_endian_machine(tmp_path):
    """Numbers that are stored the other way round are turned, complex ones by halves."""
    state = {**STATE, "c": torch.complex(STATE["a"], STATE["a"] + 1), "f": torch.ones(2, 2).bool()}
    parts = members(state)
    for name, part in parts.items():
        if name.startswith("archive/data/"):
            width = {12: 2, 4: 1}.get(len(part), 4)
            parts[name] = np.frombuffer(part, f"u{width}").byteswap().tobytes()
    parts["archive/byteorder"] = b"big"
    path = packed(tmp_path / "model.pt", parts)
    expected = torch.load(path)
    assert torch.equal(expected["a"], state["a"])
    assert same(path, expected)


def test_an_unknown_byte_order(tmp_path):
    """A byte order that there is not is refused."""
    parts = {**members(STATE), "archive/byteorder": b"middle"}
    with pytest.raises(BrokenFile, match="byte order is none that torch knows"):
        tensors(packed(tmp_path / "model.pt", parts))


def test_offsets_are_read_and_not_reckoned(tmp_path):
    """Stored again by another tool, which aligns nothing, an archive keeps its numbers."""
    parts = members(STATE)
    assert "archive/.format_version" in parts  # by which torch would reckon them
    assert same(packed(tmp_path / "model.pt", parts))


def test_a_comment_and_bytes_behind(tmp_path):
    """A comment or a few bytes after the archive do not matter; bytes before it are refused."""
    path = packed(tmp_path / "model.pt", members(STATE))
    content = path.read_bytes()
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"made by a tool"
    assert same(path)
    path.write_bytes(b"#!/bin/sh\n" + content)
    with pytest.raises(BrokenFile, match="no pickle of tensors"):
        tensors(path)


def test_zip64_and_data_descriptors(tmp_path):
    """Members written as a stream, with sizes after them and in 64 bits, are read."""
    path = tmp_path / "model.pt"
    with path.open("wb") as file, zipfile.ZipFile(Unseekable(file), "w") as stream:
        for name, part in members(STATE).items():
            with stream.open(name, "w", force_zip64=True) as member:
                member.write(part)
    assert same(path)


class Unseekable:
    """A file that is written in one go, such as a pipe."""

    def __init__(self, file):
        self.write, self.flush = file.write, file.flush


def test_two_members_of_one_name(tmp_path):
    """Of two members with one name torch takes either: refused."""
    path = packed(tmp_path / "model.pt", members(STATE))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr(NUMBERS, bytes(96))
    with pytest.raises(BrokenFile, match="two members .* called 'archive/data/0'"):
        tensors(path)


def test_an_encrypted_member(tmp_path):
    """A member with a password is named as one."""
    path = packed(tmp_path / "model.pt", members(STATE))
    altered(path, directory_entry(path, NUMBERS) + 8, b"\x01")
    with pytest.raises(FormatNotRead, match="an encrypted zip archive.*without a password"):
        tensors(path)


def test_a_method_that_is_not_read(tmp_path):
    """A compression that Python does not know is named by its number."""
    path = packed(tmp_path / "model.pt", members(STATE), zipfile.ZIP_DEFLATED)
    altered(path, directory_entry(path, NUMBERS) + 10, b"\x09")
    with pytest.raises(FormatNotRead, match="compressed by method 9.*stored"):
        tensors(path)


def test_a_checksum_of_packed_members(tmp_path):
    """A compressed member whose checksum is another is damaged."""
    path = packed(tmp_path / "model.pt", members(STATE), zipfile.ZIP_DEFLATED)
    altered(path, directory_entry(path, NUMBERS) + 16, b"1234")
    with pytest.raises(BrokenFile, match="'archive/data/0' cannot be unpacked"):
        tensors(path)


def test_headers_that_contradict_the_directory(tmp_path):
    """A member that is elsewhere, of another length or beyond the file is refused."""
    path = packed(tmp_path / "model.pt", members(STATE))
    content = path.read_bytes()
    entry = directory_entry(path, NUMBERS)
    for at, value, reason in (
        (entry + 42, struct.pack("<I", 7), "is not where its directory says"),
        (entry + 24, struct.pack("<I", 7), "contradicts itself"),
        (entry + 42, b"\xff\xff\xff\x7f", "ends .* bytes early"),
        (content.index(NUMBERS.encode()) - 4, b"\xff\xff", "ends .* bytes early|beyond"),
        (entry, b"PX", "archive is incomplete"),
    ):
        path.write_bytes(content)
        with pytest.raises(BrokenFile, match=reason):
            tensors(altered(path, at, value))


def test_a_torchscript_program(tmp_path):
    """A program is named as one."""
    parts = {**members(STATE), "archive/constants.pkl": b"\x80\x02)."}
    with pytest.raises(FormatNotRead, match="a TorchScript program.*state dict"):
        tensors(packed(tmp_path / "model.pt", parts))


def test_tensors_larger_than_their_file(tmp_path):
    """Packed zeros and strides of zero that make much more than the file are refused unread."""
    most = limit("expanded-bytes")
    side = int((most / 4) ** 0.5) + 1000
    shapes = {"a": tensor(shape=(side, side), stride=(0, 0))}
    with pytest.raises(BrokenFile, match=r"would take [\d,]+ bytes and more, out of [\d,]+;?"):
        tensors(pickled(tmp_path / "model.pt", table(shapes)))
    zeros = {"a": torch.zeros(side, side)}
    with pytest.raises(BrokenFile, match=r"would take [\d,]+ bytes and more"):
        tensors(packed(tmp_path / "model.pt", members(zeros), zipfile.ZIP_DEFLATED))
    few = {"a": tensor(shape=(90, 70), stride=(0, 0))}
    assert tensors(pickled(tmp_path / "model.pt", table(few)))["a"].shape == (90, 70)


def test_an_archive_of_too_many_members(tmp_path, monkeypatch):
    """The members of an archive are counted."""
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    with pytest.raises(BrokenFile, match="members, more than any model"):
        tensors(packed(tmp_path / "model.pt", members(STATE)))


def test_a_member_with_a_long_name(tmp_path):
    """The name of a member has a longest length."""
    parts = {**members(STATE), "archive/" + "x" * limit("zip-name"): b""}
    with pytest.raises(BrokenFile, match="has a name of 1,032 characters"):
        tensors(packed(tmp_path / "model.pt", parts))


def test_a_pickle_that_unpacks_to_too_much(tmp_path):
    """A pickle of a few kilobytes that unpacks to more than any is refused before it is unpacked."""
    path = pickled(tmp_path / "model.pt", b"\x80\x02}.", method=zipfile.ZIP_DEFLATED)
    entry = directory_entry(path, "archive/data.pkl")
    altered(path, entry + 24, struct.pack("<I", limit("pickle-bytes") + 1))
    with pytest.raises(BrokenFile, match=r"'archive/data.pkl' has [\d,]+ bytes, more than any"):
        tensors(path)


def test_a_member_shorter_than_it_states(tmp_path):
    """A member that unpacks to less than its directory states is refused."""
    parts = members(STATE)
    path = packed(tmp_path / "model.pt", parts, zipfile.ZIP_DEFLATED)
    entry = directory_entry(path, NUMBERS)
    short = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = short.compress(bytes(8)) + short.flush()
    begin = path.read_bytes().index(NUMBERS.encode()) + len(NUMBERS)
    altered(path, begin, stream)
    altered(path, entry + 16, struct.pack("<I", zlib.crc32(bytes(8))))
    with pytest.raises(BrokenFile, match=r"'archive/data/0' (is shorter than|cannot be)"):
        tensors(path)
