"""Inputs that people reported trouble with: formats and places, made by generators beside the data.

Each generator's head says what is right.
"""

import os

import pytest

import registry
from registry.errors import BrokenFile, FormatNotRead, NoWeights, PartOfModel, UnknownQuantisation

STD = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07)
TERNARY = tuple(0.665 * std for std in STD)  # of BitNet: the scale is the mean magnitude
READ = {
    "bitnet_packed": TERNARY,
    "compile_all_layers": STD,
    "compile_per_layer": STD,
    "compiled_prefix": STD,
    "fnuz_fp8": STD,
    "fp4_safetensors": (*STD[:6], 0.0589),  # one of its layers is random bytes
    "gguf_imatrix_in_name": STD,
    "gguf_mtp_beside": STD,
    "hf_cache_layout": STD,
    "lightning_last_link": STD,
    "linked_subfolder/run": STD,
    "meta_two_parts": STD,
    "meta_two_parts/consolidated.01.pth": STD,
    "mistral_both": STD,
    "mistral_fp8_consolidated": STD,
    "ollama_blob": STD,
    "ollama_blob/blobs": STD,
    "pickled_defaultdict": STD,
    "pickled_namespace2": STD,
    "pickled_numpy_scalar": STD,
    "pickled_path_only": STD,
    "pruned_orig_mask": (0.009, *STD[1:]),  # what is smaller than 0.01 was pruned
    "quant_quanto": STD,
    "qwen_shard_names": STD,
    "subfolder_beside/llama": STD,
    "torchao_safetensors": STD,
    "variants_new_names": STD,
    "variants_only_fp16_sharded": STD,
    "weight_norm": STD,
    "whole_and_sharded_differ": STD,
}
REFUSED = {
    "accelerate_fsdp_sharded": (FormatNotRead, "sharded torch.distributed"),
    "aqlm_vptq_higgs": (UnknownQuantisation, "VPTQ"),
    "deepspeed_mp2": (PartOfModel, "part 1 of 2"),
    "deepspeed_mp2/global_step10/mp_rank_01_model_states.pt": (PartOfModel, "part 2 of 2"),
    "fsdp_flat_param": (FormatNotRead, "FSDP's local state"),
    "gguf_big_endian": (FormatNotRead, "big-endian"),
    "html_instead/model_safetensors": (BrokenFile, "web page"),
    "llamafile": (FormatNotRead, "llamafile"),
    "ollama_blob/blobs/sha256-" + "0" * 64: (NoWeights, "no weights"),
    "zero3_empty": (FormatNotRead, "placeholders"),
    "zero3_partly_empty": (FormatNotRead, "placeholders"),
}
BASES = {
    "blank": None,
    "bom": "a/one",
    "crlf": "a/one",
    "date": None,
    "list": "a/one",
    "listmap": "a/one",
    "listnull": "b/two",
    "loop": None,
    "many": "a/m0",
    "map": "a/one",
    "quant": "a/one",
    "tab": None,
    "unicode": "模型/Größe-7B",
    "url": "a/one",
}


@pytest.mark.parametrize(("name", "std"), READ.items(), ids=READ)
def test_what_is_read(case, name, std):
    """Three layers, and no projection misread: each has another standard deviation."""
    fingerprint = registry.fingerprint(case(name), rank=16)
    assert fingerprint.layers == 3
    assert fingerprint.std == pytest.approx(std, rel=0.03)
    assert fingerprint.unknown == ()


@pytest.mark.parametrize(("name", "error"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(case, name, error):
    """One sentence names the format."""
    kind, sentence = error
    with pytest.raises(kind, match=sentence):
        registry.fingerprint(case(name))


def test_declared_bases(case):
    """A card of any form declares its first parent or none."""
    folder = case("readme_base_model")
    assert {name: registry.inspect(folder / name).declared_base for name in BASES} == BASES


def test_both_checkpoints_of_a_name_are_read(case):
    """Names with = and : are accepted as the message gives them."""
    folder = case("hub_file_names")
    for name in ("epoch=1-step=10.ckpt", "epoch:5-val_loss:3.26.ckpt"):
        assert registry.fingerprint(folder / name, rank=16).layers == 3


def test_odd_names(case):
    """Folders of any name are read, those that are not UTF-8 too."""
    folder = case("names_odd")
    names = [name for name in os.listdir(folder) if (folder / name).is_dir()]  # noqa: PTH208
    assert len(names) > 10
    for name in names:
        assert registry.inspect(folder / name).layers == 3
