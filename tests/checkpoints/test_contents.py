"""registry.checkpoints.contents."""

import json
import os

import pytest
import torch
from checkpoints_made import llama, write_folder, write_raw, write_shards

from registry.checkpoints import open_checkpoint
from registry.checkpoints.contents import open_folder as open_files
from registry.checkpoints.local import local_files
from registry.errors import (
    BrokenFile,
    BrokenJSON,
    FormatNotRead,
    MissingShard,
    ShardMismatch,
    ShardOutside,
    TensorTwice,
    UnreadableFile,
)


def open_folder(folder):
    return open_files(local_files(folder), str(folder)).entries


def open_file(path):
    return open_checkpoint(path).entries


def test_shards_hold_what_the_whole_holds(tmp_path):
    """The same tensors come out of one file and of three."""
    tensors = llama()
    whole, parts = write_folder(tmp_path / "a", tensors), write_shards(tmp_path / "b", tensors, 3)
    expected = {entry.name: entry.load().tolist() for entry in open_folder(whole)}
    assert {entry.name: entry.load().tolist() for entry in open_folder(parts)} == expected
    assert {entry.name for entry in open_file(parts / "model.safetensors.index.json")} == set(
        expected
    )


def test_a_missing_shard(tmp_path):
    """It is named, with and without an index."""
    folder = write_shards(tmp_path, llama(), 3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(MissingShard, match="'model-00002-of-00003.safetensors'"):
        open_folder(folder)
    (folder / "model.safetensors.index.json").unlink()
    with pytest.raises(MissingShard, match="'model-00002-of-00003.safetensors'"):
        open_folder(folder)


@pytest.mark.parametrize(
    "shard", ["../../etc/passwd", "/etc/passwd", "..\\x.safetensors", "C:\\x.safetensors"]
)
def test_a_shard_outside_the_folder(tmp_path, shard):
    """An index does not lead out of its folder."""
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(ShardOutside, match="outside its own folder"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 3}}', "[" * 100_000, "\xff"],
)
def test_a_broken_index(tmp_path, content):
    """Whatever is wrong with an index is one BrokenJSON."""
    (tmp_path / "model.safetensors.index.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BrokenJSON, match=r"index\.json"):
        open_folder(tmp_path)


def test_an_index_that_misplaces_a_tensor(tmp_path):
    """The index is checked against the shards' own headers."""
    folder = write_shards(tmp_path, llama())
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    index["weight_map"]["ghost.weight"] = "model-00001-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ShardMismatch, match=r"'ghost\.weight'"):
        open_folder(folder)


def test_a_tensor_in_two_shards(tmp_path):
    """Which one would it be?"""
    for number in (1, 2):
        row = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
        write_raw(tmp_path / f"model-0000{number}-of-00002.safetensors", {"a": row}, bytes(4))
    with pytest.raises(TensorTwice, match="'a' stands in both"):
        open_folder(tmp_path)


def test_a_git_lfs_pointer(tmp_path):
    """A clone without LFS holds pointers; the sentence says so."""
    (tmp_path / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    )
    with pytest.raises(BrokenFile, match="Git LFS pointer"):
        open_folder(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    """Only regular files are opened."""
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(UnreadableFile, match="not a regular file"):
        open_folder(tmp_path)


def test_deepspeed_keeps_the_module(tmp_path):
    """mp_rank_00_model_states.pt holds the state dict under `module`."""
    (tmp_path / "global_step1").mkdir()
    content = {
        "module": llama(),
        "optimizer": None,
        "param_shapes": [{"a": torch.Size([1])}],
        "ds_version": "0.1",
    }
    torch.save(content, tmp_path / "global_step1" / "mp_rank_00_model_states.pt")
    assert {entry.name.removeprefix("module.") for entry in open_folder(tmp_path)} == set(llama())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"\x08\x07", r"model\.onnx' is an ONNX graph whose names are lost"),
        ("tf_model.h5", b"\x89HDF", "is a Keras file"),
        ("flax_model.msgpack", b"\x83", "is a Flax file"),
        (
            "model.pth",
            bytes(257) + b"ustar" + bytes(300),
            r"model\.pth' is a tar archive, as torch wrote before",
        ),
    ],
    ids=["onnx", "keras", "flax", "tar"],
)
def test_formats_that_are_not_read(tmp_path, name, content, message):
    """The sentence names the format and says what to do, for the folder and for the file."""
    (tmp_path / name).write_bytes(content)
    for source in (tmp_path, tmp_path / name):
        with pytest.raises(FormatNotRead, match=message + ".*as safetensors"):
            open_checkpoint(source)
