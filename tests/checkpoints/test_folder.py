"""registry.checkpoints.folder."""

import json
import os

import pytest
import torch
from checkpoints_made import llama, write_folder, write_raw, write_shards

from registry.checkpoints import open_checkpoint
from registry.checkpoints.contents import open_folder as open_files
from registry.checkpoints.folder import local_files, weight_files
from registry.errors import (
    BrokenFile,
    BrokenJSON,
    FormatNotRead,
    MissingShard,
    NoWeights,
    SeveralCheckpoints,
    ShardMismatch,
    ShardOutside,
    TensorTwice,
    UnreadableFile,
)


def open_folder(folder):
    return open_files(local_files(folder), str(folder)).entries


def open_file(path):
    return open_checkpoint(path).entries


CHOICES = {
    "safetensors before pickles": (
        ["model.safetensors", "pytorch_model.bin"],
        ["model.safetensors"],
    ),
    "training leftovers": (
        ["model.safetensors", "optimizer.pt", "rng_state_0.pth"],
        ["model.safetensors"],
    ),
    "only leftovers": (["training_args.bin", "scheduler.pt", "optimizer.bin"], []),
    "an adapter alone": (
        ["training_args.bin", "adapter_model.bin", "adapter_model.safetensors"],
        ["adapter_model.safetensors"],
    ),
    "an adapter beside its model": (
        ["adapter_model.safetensors", "model.safetensors"],
        ["model.safetensors"],
    ),
    "index and shards before another copy": (
        [
            "consolidated.safetensors",
            "model-00001-of-00001.safetensors",
            "model.safetensors.index.json",
        ],
        ["model.safetensors.index.json", "model-00001-of-00001.safetensors"],
    ),
    "the standard name": (["model.fp16.safetensors", "model.safetensors"], ["model.safetensors"]),
    "pickled shards": (["pytorch_model.bin.index.json"], ["pytorch_model.bin.index.json"]),
    "bin before pt": (["a.bin", "b.pt"], ["a.bin"]),
    "a subfolder": (["sub/model.safetensors", "README.md"], ["sub/model.safetensors"]),
    "the folder before its subfolders": (
        ["model.safetensors", "sub/model.safetensors"],
        ["model.safetensors"],
    ),
    "the nearer subfolder": (
        ["a/b/model.safetensors", "c/model.safetensors"],
        ["c/model.safetensors"],
    ),
    "two subfolders": (["a/model.bin", "b/model.bin"], ["a/model.bin", "b/model.bin"]),
    "an index in a subfolder": (
        [
            "sub/model-00001-of-00001.safetensors",
            "sub/model.safetensors.index.json",
            "sub/x.safetensors",
        ],
        ["sub/model.safetensors.index.json", "sub/model-00001-of-00001.safetensors"],
    ),
    "DeepSpeed": (
        [
            "latest",
            "global_step5/mp_rank_00_model_states.pt",
            "global_step5/zero_pp_rank_0_mp_rank_00_optim_states.pt",
        ],
        ["global_step5/mp_rank_00_model_states.pt"],
    ),
    "FSDP, consolidated": (["pytorch_model_fsdp.bin", "optimizer.bin"], ["pytorch_model_fsdp.bin"]),
    "pickles before GGUF": (["model.gguf", "pytorch_model.bin"], ["pytorch_model.bin"]),
    "GGUF without its projector": (
        ["m-Q8_0.gguf", "mmproj-m.gguf", "imatrix.gguf"],
        ["m-Q8_0.gguf"],
    ),
    "nothing": (["README.md", "config.json"], []),
}


@pytest.mark.parametrize(("names", "expected"), CHOICES.values(), ids=CHOICES.keys())
def test_which_files_are_the_model(names, expected):
    """One model is picked out of everything that repositories hold."""
    assert weight_files(names) == expected


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


def test_folders_without_one_model(tmp_path):
    """Empty folders, and folders with several, each get their sentence."""
    with pytest.raises(NoWeights, match="holds no weights"):
        open_folder(tmp_path)
    for name in ("a.pt", "b.pt"):
        torch.save({"w": torch.ones(2, 2)}, tmp_path / name)
    with pytest.raises(SeveralCheckpoints, match=r"a\.pt, b\.pt"):
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


def test_weights_in_a_subfolder(tmp_path):
    """They are found with their index; two subfolders with weights are too many; hidden ones do not count."""
    write_shards(tmp_path / "one" / "deep", llama())
    write_folder(tmp_path / ".cache", llama())
    assert len(open_folder(tmp_path)) == 17
    write_folder(tmp_path / "two" / "deep", llama())
    with pytest.raises(SeveralCheckpoints, match="one/deep, two/deep"):
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


def test_a_file_of_another_kind(tmp_path):
    """A file whose name says nothing of weights."""
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(NoWeights, match=r"notes\.txt"):
        open_file(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"\x08\x07", "'model.onnx' is an ONNX graph"),
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
