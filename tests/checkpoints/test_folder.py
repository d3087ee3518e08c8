"""registry.checkpoints.folder."""

import zipfile

import pytest
import torch
from adapters_made import query_factors, write_adapter
from checkpoints_made import llama, write_folder, write_shards
from command_line import run
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import converted, write
from safetensors.torch import save_file

import registry
from registry.checkpoints import open_checkpoint
from registry.checkpoints.contents import open_folder as open_files
from registry.checkpoints.folder import weight_files
from registry.checkpoints.local import local_files
from registry.errors import (
    BrokenFile,
    FormatNotRead,
    NoWeights,
    SeveralCheckpoints,
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
    "an adapter with the head of a reward model": (
        ["adapter_config.json", "adapter_model.safetensors", "value_head.bin", "training_args.bin"],
        ["adapter_model.safetensors", "value_head.bin"],
    ),
    "an adapter with what was trained whole, twice": (
        [
            "adapter_config.json",
            "adapter_model.bin",
            "config.json",
            "non_lora_trainables.bin",
            "value_head.bin",
            "value_head.safetensors",
        ],
        ["adapter_model.bin", "value_head.safetensors", "non_lora_trainables.bin"],
    ),
    "an adapter beside anything else": (
        ["adapter_config.json", "adapter_model.safetensors", "reward.safetensors", "a-lora.gguf"],
        ["adapter_model.safetensors"],
    ),
    "an adapter of MLX with its copies": (
        ["0000100_adapters.safetensors", "adapter_config.json", "adapters.safetensors"],
        ["adapters.safetensors"],
    ),
    "an adapter and its merged model": (
        ["adapter_config.json", "adapter_model.safetensors", "model-Q4_K_M.gguf"],
        ["model-Q4_K_M.gguf"],
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
    "the whole file before shards, as transformers loads it": (
        [
            "model-00001-of-00001.safetensors",
            "model.safetensors",
            "model.safetensors.index.json",
        ],
        ["model.safetensors"],
    ),
    "shards named after the whole file": (
        ["model.safetensors-00001-of-00001.safetensors", "model.safetensors.index.json"],
        ["model.safetensors.index.json", "model.safetensors-00001-of-00001.safetensors"],
    ),
    "a variant after the number": (
        ["model-00001-of-00001.fp16.safetensors", "model.safetensors.index.fp16.json"],
        ["model.safetensors.index.fp16.json", "model-00001-of-00001.fp16.safetensors"],
    ),
    "GGUF quantised with an importance matrix": (
        ["m-Q4_K_M-imatrix.gguf", "m.imatrix.gguf"],
        ["m-Q4_K_M-imatrix.gguf"],
    ),
    "GGUF beside its draft head": (["m-Q4.gguf", "mtp-m-Q4.gguf"], ["m-Q4.gguf"]),
    "a draft head alone": (["mtp-m-Q4.gguf"], ["mtp-m-Q4.gguf"]),
    "ranks of verl": (
        [
            "extra_state_world_size_1_rank_0.pt",
            "model_world_size_1_rank_0.pt",
            "optim_world_size_1_rank_0.pt",
        ],
        ["model_world_size_1_rank_0.pt"],
    ),
    "nothing": (["README.md", "config.json"], []),
}


@pytest.mark.parametrize(("names", "expected"), CHOICES.values(), ids=CHOICES.keys())
def test_which_files_are_the_model(names, expected):
    """One model is picked out of everything that repositories hold."""
    assert weight_files(names) == expected


def test_folders_without_one_model(tmp_path):
    """Empty folders, and folders with several, each get their sentence."""
    with pytest.raises(NoWeights, match="holds no weights"):
        open_folder(tmp_path)
    for name in ("a.pt", "b.pt"):
        torch.save({"w": torch.ones(2, 2)}, tmp_path / name)
    with pytest.raises(SeveralCheckpoints, match=r"a\.pt, b\.pt"):
        open_folder(tmp_path)


def test_weights_in_a_subfolder(tmp_path):
    """They are found with their index; two subfolders with weights are too many; hidden ones do not count."""
    write_shards(tmp_path / "one" / "deep", llama())
    write_folder(tmp_path / ".cache", llama())
    assert len(open_folder(tmp_path)) == 17
    write_folder(tmp_path / "two" / "deep", llama())
    with pytest.raises(SeveralCheckpoints, match="one/deep, two/deep"):
        open_folder(tmp_path)


def test_a_file_of_another_kind(tmp_path):
    """A file whose name says nothing of weights."""
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(NoWeights, match=r"notes\.txt"):
        open_file(tmp_path / "notes.txt")


def test_a_llamafile_is_unpacked_as_advised(tmp_path):
    """A llamafile is named, and the GGUF in it is found where the advice is followed."""
    model = write(tmp_path / "m.gguf", converted(llama(), Kind.F32))
    packed = tmp_path / "packed" / "m.llamafile"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(model, "m.gguf")
    for source in (packed, packed.parent):
        with pytest.raises(FormatNotRead, match=r"a llamafile.*unpack it with unzip"):
            open_checkpoint(source)
    zipfile.ZipFile(packed).extract("m.gguf", packed.parent)
    assert len(open_checkpoint(packed.parent).entries) == 17


def test_the_other_copy_is_told(tmp_path):
    """Beside a whole file, shards of another model are left aside, and said."""
    write_shards(tmp_path, llama(seed=1))
    write_folder(tmp_path, llama())
    opened = open_checkpoint(tmp_path)
    entries = {entry.name: entry for entry in opened.entries}
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(entries[name].load(), llama()[name])
    assert opened.left_aside == (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    )
    told = run("inspect", tmp_path).stdout
    assert "other files of weights, not read: model-00001-of-00002.safetensors" in told


def test_what_a_web_page_is(tmp_path):
    """A page saved under a weight's name is called one."""
    for name in ("model.safetensors", "pytorch_model.bin", "m.gguf"):
        (tmp_path / name).write_bytes(b"<!DOCTYPE html>\n<html></html>")
        with pytest.raises(BrokenFile, match="it is a web page"):
            open_checkpoint(tmp_path / name)


def test_what_was_trained_beside_an_adapter(tmp_path):
    """The head of a reward model is listed beside the adapter, and no model of its own."""
    folder = write_adapter(tmp_path, query_factors())
    torch.save({"v_head.summary.weight": torch.ones(1, 16)}, folder / "value_head.bin")
    save_file({"x": torch.ones(2)}, folder / "reward.safetensors")
    fingerprint = registry.fingerprint(folder)
    assert (fingerprint.kind, fingerprint.layers) == ("adapter", 2)
    assert fingerprint.adapter.beside == ("v_head.summary.weight",)
    assert open_checkpoint(folder).left_aside == ("reward.safetensors",)


def test_an_adapter_in_a_folder_of_its_name(tmp_path):
    """An adapter with a name is saved in a folder of its own, with its config there."""
    inner = write_adapter(tmp_path / "run" / "LoraAdapter", query_factors())
    torch.save({"state": {}}, tmp_path / "run" / "optimizer.pt")
    assert registry.fingerprint(tmp_path / "run") == registry.fingerprint(inner)
