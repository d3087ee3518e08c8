"""registry.checkpoints.formats.unpickler and rebuilt, through archives around a pickle."""

import contextlib
import pickle
import struct

import pytest
import torch
from zips_made import number, pickled, storage, table, tensor, text

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.formats.pickle import read_pickle
from registry.checkpoints.limits import limit
from registry.errors import (
    BrokenFile,
    CheckpointError,
    FormatNotRead,
    QuantisedWeights,
    UnsafePickle,
)


def read(path):
    return {entry.name: entry.load() for entry in read_pickle(LocalBlob(path, path.name))}


def test_a_pickle_made_by_hand(tmp_path):
    """What the tests below alter is read as torch reads it."""
    numbers = torch.arange(16.0)
    path = pickled(
        tmp_path / "x.pt", table({"a": tensor(1, (3, 2), (4, 2))}), numbers.numpy().tobytes()
    )
    assert torch.equal(read(path)["a"], torch.load(path)["a"])


PLACES = {
    "beyond the storage": tensor(15, (2,), (1,)),
    "an offset that overflows": tensor(2**63, (1,), (1,)),
    "a negative offset": tensor(-1, (1,), (1,)),
    "a negative size": tensor(0, (-1, 4), (4, 1)),
    "a negative stride": tensor(8, (2, 2), (-4, 1)),
    "a stride that overflows": tensor(0, (2, 2), (2**63, 1)),
    "a size of a million digits": tensor(0, (2**3_000_000, 1), (1, 1)),
    "sizes whose product overflows": tensor(0, (2**40, 2**40), (0, 0)),
    "other dimensions than strides": tensor(0, (4, 4), (1,)),
    "too many dimensions": tensor(0, (1,) * 17, (1,) * 17),
    "a storage too long": tensor(stored=storage(count=17)),
    "a storage too short": tensor(0, (1,), (1,), storage(count=15)),
    "a storage of another type": tensor(stored=storage("DoubleStorage")),
    "a storage that lacks": tensor(stored=storage(key="1")),
    "a storage of no type": tensor(stored=storage("StringStorage")),
    "a storage of a huge count": tensor(stored=storage(count=2**100)),
}


@pytest.mark.parametrize("operations", PLACES.values(), ids=PLACES)
def test_places_that_no_tensor_has(tmp_path, operations, capfd):
    """Offsets, sizes and strides beyond the storage are one sentence, and torch says nothing."""
    with pytest.raises(BrokenFile, match=r"x\.pt' is damaged"):
        read(pickled(tmp_path / "x.pt", table({"a": operations})))
    assert capfd.readouterr() == ("", "")


def test_tensors_without_numbers(tmp_path):
    """A tensor of no numbers is read, whatever its place; a model of nothing else has no weights."""
    path = pickled(tmp_path / "x.pt", table({"a": tensor(0, (0, 2**40), (1, 1)), "b": tensor()}))
    assert [entry.shape for entry in read_pickle(LocalBlob(path, "x.pt"))] == [(0, 2**40), (4, 4)]


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch calls some of them a prototype
def test_tensors_of_other_kinds(tmp_path):
    """Sparse, nested and quantised tensors, those without data or negated are refused by kind."""
    meta = torch.empty(2, 2, device="meta")
    kinds = {
        "sparse tensors": torch.eye(3).to_sparse(),
        "sparse tensors of rows": torch.eye(3).to_sparse_csr(),
        "nested tensors": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "of the meta device": meta,
        "negated or conjugated": torch._neg_view(torch.ones(2)),
    }
    for kind, value in kinds.items():
        path = tmp_path / "x.pt"
        torch.save({"a": value}, path)
        with pytest.raises(FormatNotRead, match=kind.removesuffix(" of rows")):
            read(path)
    torch.save({"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, path)
    with pytest.raises(QuantisedWeights, match=r"'a' is stored quantised \(qint8\)"):
        read(path)


@pytest.mark.parametrize("protocol", range(1, 6))
def test_every_protocol(tmp_path, protocol):
    """Pickles of all protocols are read, torch's own and those it refuses; protocol 0 has no storages."""
    state = {"a": torch.randn(3, 4), "b": {1, 2}, "c": [b"x", "ä", 1.5, 10**30, (None, True)]}
    torch.save({"model": state, "set": frozenset({1})}, tmp_path / "x.pt", pickle_protocol=protocol)
    assert torch.equal(read(tmp_path / "x.pt")["model.a"], state["a"])


def test_subclasses_and_types(tmp_path):
    """Parameters, unsigned integers, 8-bit floats and complex numbers are read."""
    state = {
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "uint16": torch.arange(4).to(torch.uint16),
        "float8": torch.randn(4).to(torch.float8_e4m3fn),
        "complex": torch.randn(2, dtype=torch.complex64),
    }
    torch.save(state, tmp_path / "x.pt")
    for name, value in read(tmp_path / "x.pt").items():
        assert value.dtype == state[name].dtype
        assert torch.equal(value.view(torch.uint8), state[name].detach().view(torch.uint8))


def test_too_many_operations(tmp_path):
    """A pickle that packs well cannot make the machine run for long."""
    program = b"\x80\x02" + b"N0" * (limit("pickle-operations") // 2) + b"}."
    path = pickled(tmp_path / "x.pt", program, method=8)
    assert path.stat().st_size < 100_000
    with pytest.raises(BrokenFile, match="more operations than any model needs"):
        read(path)


def test_too_many_classes(tmp_path):
    """A pickle that names more classes than any is refused."""
    names = b"".join(b"cx\nC%d\n0" % i for i in range(limit("pickle-classes") + 1))
    with pytest.raises(UnsafePickle, match=r"asks for 'x\.C100'"):
        read(pickled(tmp_path / "x.pt", b"\x80\x02" + names + b"}."))


ODD = {
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a key of tuples in tuples": b"\x80\x02})" + b"2\x86" * 60 + b"Ns.",
    "a set of tuples in tuples": b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.",
    "a key of a million digits": b"\x80\x02}" + number(2**3_000_000) + b"Ns.",
    "a place of the memo": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a text longer than the file": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "bytes longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.",
    "a frame longer than the file": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"}.",
    "an extension": b"\x80\x02\x82\x01.",
    "deep lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "nothing": b"\x80\x02.",
    "marks": b"\x80\x02" + b"(" * 1000 + b".",
    "a call of a number": b"\x80\x02K\x01)R.",
    "a state of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
    "a tensor of nothing": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "a storage of nothing": b"\x80\x02)Q.",
    "a type within a type": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x00(h\x00NNNtR.",
}


@pytest.mark.parametrize("program", ODD.values(), ids=ODD)
def test_odd_programs(tmp_path, program, capfd):
    """Pickles that hold no tensor, or make no sense, are one short sentence or empty."""
    path = pickled(tmp_path / "x.pt", program)
    with contextlib.suppress(CheckpointError):
        assert read(path) == {}
    assert capfd.readouterr() == ("", "")


def test_a_table_of_python_2(tmp_path):
    """An ordered table is made of a list of pairs, with texts in bytes."""
    pair = b"]" + b"U\x01a" + b"a" + tensor() + b"a"
    program = b"\x80\x02ccollections\nOrderedDict\n]" + pair + b"a\x85R."
    assert list(read(pickled(tmp_path / "x.pt", program))) == ["a"]


def test_a_surrogate_in_a_name(tmp_path):
    """A name that is no Unicode is kept as it stands."""
    assert list(read(pickled(tmp_path / "x.pt", table({"\ud800": tensor()})))) == ["\ud800"]


def test_one_storage_of_two_types(tmp_path):
    """A storage that is given two types is refused."""
    both = {"a": tensor(), "b": tensor(stored=storage("IntStorage"))}
    with pytest.raises(BrokenFile, match="one storage two types"):
        read(pickled(tmp_path / "x.pt", table(both)))


LEGACY = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {}))


@pytest.mark.parametrize(("count", "kept"), [(16, 64), (15, 60), (17, 68), (16, 60), (2**63, 64)])
def test_storages_before_torch_1_6(tmp_path, count, kept):
    """The storages behind a pickle must be as long as it states, and all there."""
    path = tmp_path / "x.bin"
    numbers = torch.arange(20.0).numpy().tobytes()[:kept]
    keys = b"\x80\x02]" + text("0") + b"a."
    stored = storage().replace(b"tQ", b"NtQ")
    content = table({"a": tensor(stored=stored)})
    path.write_bytes(LEGACY + content + keys + struct.pack("<Q", count) + numbers)
    if (count, kept) == (16, 64):
        assert torch.equal(read(path)["a"], torch.load(path)["a"])
        return
    with pytest.raises(BrokenFile, match=r"beyond its end|lacks numbers of 'a'"):
        read(path)


def test_a_view_before_torch_0_4(tmp_path):
    """A storage that is a part of another one begins where it says."""
    path = tmp_path / "x.bin"
    part = b"(" + text("1") + number(4) + number(8) + b"t"
    stored = storage().replace(b"tQ", part + b"tQ")
    content = table({"a": tensor(2, (3, 2), (2, 1), stored)})
    keys = b"\x80\x02]" + text("0") + b"a."
    numbers = torch.arange(16.0).numpy().tobytes()
    path.write_bytes(LEGACY + content + keys + struct.pack("<Q", 16) + numbers)
    assert torch.equal(read(path)["a"], torch.load(path)["a"])
