"""registry.checkpoints.formats.gguf_header: headers that lie, and files that were damaged."""

import struct
import tracemalloc
from pathlib import Path

import pytest
from checkpoints_made import llama
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import converted, loaded, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.checkpoints import open_checkpoint
from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.formats.gguf_header import read_header
from registry.checkpoints.limits import limit
from registry.errors import BrokenFile, FormatNotRead, RegistryError

HUGE = 1 << 60


def text(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content


def fact(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def row(name: bytes = b"a", shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def raw(*parts: bytes, tensors: int = 0, facts: int = 0, version: int = 3, body: int = 64) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, facts) + b"".join(parts)
    return head + bytes(-len(head) % 32) + bytes(body)


HOSTILE = {
    "empty": b"",
    "magic alone": b"GGUF",
    "another magic": b"GGUX" + raw()[4:],
    "2^60 tensors": raw(tensors=HUGE),
    "2^60 facts": raw(facts=HUGE),
    "facts that are not there": raw(facts=1000),
    "tensors that are not there": raw(tensors=30_000),
    "key of 2^60": raw(text(b"", HUGE), facts=1),
    "key of 2^64 - 1": raw(text(b"", 2**64 - 1), facts=1),
    "text of 2^60": raw(fact(b"k", 8, text(b"", HUGE)), facts=1),
    "array of 2^60 numbers": raw(fact(b"k", 9, struct.pack("<IQ", 4, HUGE)), facts=1),
    "array of 2^60 texts": raw(fact(b"k", 9, struct.pack("<IQ", 8, HUGE)), facts=1),
    "array of arrays": raw(fact(b"k", 9, struct.pack("<IQ", 9, 1) * 5000), facts=1),
    "unknown type of fact": raw(fact(b"k", 99, b""), facts=1),
    "fact twice": raw(fact(b"k", 4, bytes(4)), fact(b"k", 4, bytes(4)), facts=2),
    "alignment 0": raw(fact(b"general.alignment", 4, bytes(4)), facts=1),
    "alignment -1": raw(fact(b"general.alignment", 5, b"\xff" * 4), facts=1),
    "alignment 2^31": raw(fact(b"general.alignment", 4, struct.pack("<I", 1 << 31)), facts=1),
    "alignment in words": raw(fact(b"general.alignment", 8, text(b"32")), facts=1),
    "name of 2^60": raw(text(b"", HUGE), tensors=1),
    "tensor twice": raw(row(), row(offset=32), tensors=2),
    "no dimension": raw(row(shape=()), tensors=1),
    "2^32 - 1 dimensions": raw(text(b"a") + b"\xff" * 4, tensors=1),
    "five dimensions": raw(row(shape=(1,) * 5), tensors=1),
    "dimension of zero": raw(row(shape=(0, 4)), tensors=1),
    "dimension of 2^60": raw(row(shape=(HUGE,)), tensors=1),
    "product of 2^240": raw(row(shape=(HUGE,) * 4), tensors=1),
    "unknown type of tensor": raw(row(kind=4), tensors=1),
    "type 2^32 - 1": raw(row(kind=2**32 - 1), tensors=1),
    "no whole blocks": raw(row(shape=(33,), kind=2), tensors=1),
    "offset beyond the file": raw(row(offset=64), tensors=1),
    "offset of 2^60": raw(row(offset=HUGE), tensors=1),
    "offset askew": raw(row(offset=4), tensors=1),
    "one upon the other": raw(row(), row(b"b"), tensors=2),
    "half upon the other": raw(row(shape=(9,)), row(b"b", (1,), offset=32), tensors=2),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_header_that_lies(tmp_path, content):
    """Each lie is one BrokenFile, and costs no memory."""
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(BrokenFile, match=r"m\.gguf"):
        open_checkpoint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20


BEYOND = {
    "gguf-keys": lambda most: raw(facts=most + 1),
    "gguf-tensors": lambda most: raw(tensors=most + 1),
    "gguf-name": lambda most: raw(row(b"n" * (most + 1)), tensors=1),
    "gguf-texts": lambda most: raw(fact(b"k", 9, struct.pack("<IQ", 8, most + 1)), facts=1),
    "gguf-alignment": lambda most: raw(
        fact(b"general.alignment", 4, struct.pack("<I", most + 1)), facts=1
    ),
    "gguf-header": lambda most: raw(fact(b"k", 8, text(bytes(most))), facts=1, body=100),
}
REASONS = "more than any|longer than 1,024|is 1048577|does not end within 33,554,432"


@pytest.mark.parametrize("name", BEYOND)
def test_claims_one_beyond_a_limit(tmp_path, name):
    """One more than a limit allows is refused by what there is too much of."""
    path = tmp_path / "m.gguf"
    path.write_bytes(BEYOND[name](limit(name)))
    with pytest.raises(BrokenFile, match=REASONS):
        open_checkpoint(path)


@pytest.mark.parametrize("more", [0, 1])
def test_long_lists_are_passed_over(tmp_path, more):
    """A list of more numbers than a model has layers is no fact."""
    count = limit("gguf-layers") + more
    numbers = struct.pack("<IQ", 0, count) + bytes(count)
    path = tmp_path / "m.gguf"
    path.write_bytes(raw(fact(b"k", 9, numbers), row(), facts=1, tensors=1))
    assert (read_header(LocalBlob(path, "m.gguf")).facts["k"] is None) is bool(more)


def test_what_the_lies_are_made_from_is_sound(tmp_path):
    """The same bytes without a lie are read."""
    (tmp_path / "m.gguf").write_bytes(raw(row(), row(b"b", offset=32), tensors=2))
    assert {name: tuple(t.shape) for name, t in loaded(tmp_path / "m.gguf").items()} == {
        "a": (8,),
        "b": (8,),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (raw(version=1), "GGUF of version 1"),
        (raw(version=4), "GGUF of version 4"),
        (raw(version=3 << 24), "a big-endian GGUF file"),
        (b"tjgg" + bytes(100), "GGML, which GGUF replaced"),
    ],
    ids=["old", "new", "big-endian", "ggml"],
)
def test_other_kinds_are_refused_by_name(tmp_path, content, message):
    """The sentence says what the file is and what to do."""
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(FormatNotRead, match=message):
        open_checkpoint(tmp_path / "m.gguf")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama in float16."""
    return write(
        tmp_path_factory.mktemp("small") / "m.gguf", converted(llama(), Kind.F16), tokens=10
    )


def attempt(path: Path, content: bytes) -> None:
    """Open and load everything: entries of the stated shapes, or a RegistryError."""
    path.write_bytes(content)
    try:
        for entry in open_checkpoint(path).entries:
            assert entry.load().shape == entry.shape
    except RegistryError:
        return


def test_a_file_that_was_cut_off(small, tmp_path):
    """Wherever it ends, before its last tensor does, it is one BrokenFile."""
    content = small.read_bytes()
    for end in [*range(0, 3000, 17), *range(3000, len(content) - 64, 211)]:
        (tmp_path / "m.gguf").write_bytes(content[:end])
        with pytest.raises(BrokenFile, match=r"m\.gguf"):
            open_checkpoint(tmp_path / "m.gguf")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flips=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, 2**16),
)
def test_flipped_and_cut_bytes(small, tmp_path, flips, cut):
    """A damaged file gives its tensors or one error."""
    content = bytearray(small.read_bytes())
    head = content.index(b"blk.1.ffn_up.weight")
    for at, byte in flips:
        content[at % head] = byte
    attempt(tmp_path / "m.gguf", bytes(content[: cut % len(content) if cut else None]))
