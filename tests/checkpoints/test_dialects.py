"""registry.checkpoints.peft.dialects: adapters of MLX and llama.cpp, said in peft's words."""

import json

import numpy as np
import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import converted, permuted, write
from safetensors.torch import save_file

import registry
from registry.architectures.adapter_merge import open_merged
from registry.checkpoints import open_checkpoint
from registry.errors import (
    AdapterMismatch,
    BrokenAdapter,
    MissingAdapterConfig,
    UnsupportedAdapter,
)

RANK, SCALE = 3, 20.0
QUERY = "model.layers.{}.self_attn.q_proj"
KEY = "model.layers.{}.self_attn.k_proj"
EMBEDDING = "model.embed_tokens"
SHAPES = {
    QUERY.format(0): (16, 16),
    QUERY.format(1): (16, 16),
    KEY.format(0): (8, 16),
    EMBEDDING: (32, 16),
}


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def factors():
    """B and A of the made-up Llama's weights, outputs x r and r x inputs, by module."""
    made = {}
    for module, (outputs, inputs) in SHAPES.items():
        made[module] = (draw(outputs, RANK), draw(RANK, inputs))
    return made


def merged_by_hand(scaling):
    """The Llama's tensors with W + scaling * B A for each module."""
    tensors = llama()
    for module, (b, a) in factors().items():
        tensors[f"{module}.weight"] = tensors[f"{module}.weight"] + scaling * (b @ a)
    return tensors


def write_mlx(folder, tensors, **settings):
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, folder / "adapters.safetensors")
    parameters = {"rank": RANK, "scale": SCALE, "dropout": 0.0}
    config = {"fine_tune_type": "lora", "lora_parameters": parameters, "model": "org/base"}
    (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}))
    return folder


def mlx_tensors():
    tensors = {}
    for module, (b, a) in factors().items():
        if module == EMBEDDING:  # tokens x r, r x hidden
            tensors |= {f"{module}.lora_a": b, f"{module}.lora_b": a}
        else:
            tensors |= {f"{module}.lora_a": a.T, f"{module}.lora_b": b.T}
    return tensors


def assert_merged(adapter, base, expected):
    weights = {entry.name: entry.load() for entry in open_merged(adapter, base).entries}
    assert set(weights) == set(expected)
    for name, tensor in expected.items():
        assert torch.allclose(weights[name].float(), tensor, rtol=1e-4, atol=1e-4), name


def test_mlx_is_merged_as_mlx_fuses_it(tmp_path):
    """W + scale * (lora_a lora_b)^T; of an embedding the product as it is."""
    base = write_folder(tmp_path / "base", llama())
    adapter = write_mlx(tmp_path / "adapter", mlx_tensors())
    assert_merged(adapter, base, merged_by_hand(SCALE))
    checkpoint = open_checkpoint(adapter)
    assert (checkpoint.kind, checkpoint.base) == ("adapter", "org/base")


def test_mlx_says_what_peft_says(tmp_path):
    """The same factors in peft's file have the same fingerprint."""
    in_pefts = {}
    for module, (b, a) in factors().items():
        if module != EMBEDDING:
            in_pefts[f"base_model.model.{module}.lora_A.weight"] = a
            in_pefts[f"base_model.model.{module}.lora_B.weight"] = b
    of_mlx = {name: part for name, part in mlx_tensors().items() if EMBEDDING not in name}
    settings = {"r": RANK, "lora_alpha": SCALE * RANK}
    expected = registry.fingerprint(write_adapter(tmp_path / "peft", in_pefts, **settings))
    found = registry.fingerprint(write_mlx(tmp_path / "mlx", of_mlx))
    assert (found.digest, found.std) == (expected.digest, expected.std)


def test_checkpoints_of_a_run_stand_beside(tmp_path):
    """mlx_lm keeps numbered copies in the same folder; each can be named."""
    folder = write_mlx(tmp_path, mlx_tensors())
    earlier = {name: part * 0.5 for name, part in mlx_tensors().items()}
    save_file(
        {n: t.contiguous() for n, t in earlier.items()}, tmp_path / "0000100_adapters.safetensors"
    )
    last = registry.fingerprint(folder)
    first = registry.fingerprint(tmp_path / "0000100_adapters.safetensors")
    assert first.std[0] == pytest.approx(last.std[0] / 4)


def test_dora_of_mlx(tmp_path):
    """`m` are the lengths of the rows, as DoRA has them."""
    module = QUERY.format(0)
    b, a = factors()[module]
    lengths = draw(16).abs() + 1
    tensors = {f"{module}.lora_a": a.T, f"{module}.lora_b": b.T, f"{module}.m": lengths}
    adapter = write_mlx(tmp_path / "adapter", tensors, fine_tune_type="dora")
    assert registry.fingerprint(adapter).adapter.method == "lora+dora"
    expected = llama()
    total = expected[f"{module}.weight"] + SCALE * (b @ a)
    expected[f"{module}.weight"] = lengths[:, None] * total / total.norm(dim=1, keepdim=True)
    assert_merged(adapter, write_folder(tmp_path / "base", llama()), expected)


@pytest.mark.parametrize("is_flat", [False, True], ids=["stacked", "one below the other"])
@pytest.mark.parametrize(
    ("block", "parts"),
    [("mlp", ("gate_proj", "gate_proj")), ("block_sparse_moe", ("down_proj", "w2"))],
)
def test_experts_of_mlx(tmp_path, is_flat, block, parts):
    """A switch layer's factors are those of each expert, under the names of the experts."""
    a, b = draw(4, RANK, 16), draw(4, 24, RANK)
    module = f"model.layers.0.{block}.switch_mlp.{parts[0]}"
    stored = a.reshape(-1, 16) if is_flat else a
    adapter = write_mlx(tmp_path, {f"{module}.lora_a": stored, f"{module}.lora_b": b})
    deltas = open_checkpoint(adapter).entries
    assert len(deltas) == 4
    for expert, delta in enumerate(deltas):
        assert delta.name == f"model.layers.0.{block}.experts.{expert}.{parts[1]}.weight"
        assert torch.allclose(delta.load(), SCALE * (b[expert] @ a[expert]), rtol=1e-5)


def test_mlx_without_its_scale(tmp_path):
    """Nobody can tell the scaling, from a config without it or from none at all."""
    folder = write_mlx(tmp_path, mlx_tensors(), lora_parameters={"rank": RANK})
    with pytest.raises(BrokenAdapter, match="lora_parameters .* have no scale"):
        registry.fingerprint(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(MissingAdapterConfig, match="which gives the scaling"):
        registry.fingerprint(folder)


def test_weights_that_mlx_trained_whole(tmp_path):
    """A full fine-tune is saved like an adapter, and has no factors."""
    tensors = {f"{QUERY.format(0)}.weight": draw(16, 16)}
    with pytest.raises(UnsupportedAdapter, match="'full'"):
        registry.fingerprint(write_mlx(tmp_path, tensors, fine_tune_type="full"))


def write_gguf(path, tensors, alpha=6.0, arch="llama"):
    writer = GGUFWriter(path, arch)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(tensor.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gguf_tensors():
    """The factors as convert_lora_to_gguf.py writes them: B's rows head by head, in pairs."""
    names = {QUERY: ("attn_q", 4), KEY: ("attn_k", 2)}
    tensors = {}
    for module, (b, a) in factors().items():
        if module == EMBEDDING:  # tokens x r, hidden x r
            tensors["token_embd.weight.lora_a"] = b
            tensors["token_embd.weight.lora_b"] = a.T
            continue
        for form, (name, heads) in names.items():
            for layer in (0, 1):
                if module == form.format(layer):
                    place = f"blk.{layer}.{name}.weight"
                    tensors[f"{place}.lora_a"] = a
                    tensors[f"{place}.lora_b"] = permuted(b, heads)
    return tensors


@pytest.fixture
def adapter(tmp_path):
    return write_gguf(tmp_path / "lora-f32.gguf", gguf_tensors())


HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}


def test_llama_cpps_into_a_model_of_transformers(tmp_path, adapter):
    """Names and the order of the rows are the base's; the embedding has its own name there."""
    tensors = {n: t for n, t in gguf_tensors().items() if "token_embd" not in n}
    adapter = write_gguf(tmp_path / "adapter.gguf", tensors)
    base = write_folder(tmp_path / "base", llama(), HEADS)
    expected = merged_by_hand(6.0 / RANK)
    expected[f"{EMBEDDING}.weight"] = llama()[f"{EMBEDDING}.weight"]
    assert_merged(adapter, base, expected)


def test_llama_cpps_into_its_own_model(tmp_path, adapter):
    """The base's rows are put back into transformers' order when it is read, the delta's too."""
    base = write(tmp_path / "base.gguf", converted(llama(), Kind.F32))
    expected = registry.fingerprint(
        write(tmp_path / "merged.gguf", converted(merged_by_hand(6.0 / RANK), Kind.F32))
    )
    found = registry.fingerprint(adapter, base=base)
    assert found.std == pytest.approx(expected.std, rel=1e-5)
    assert_rows_agree(open_merged(adapter, base), open_checkpoint(tmp_path / "merged.gguf"))


def assert_rows_agree(found, expected):
    weights = {entry.name: entry.load() for entry in expected.entries}
    for entry in found.entries:
        assert torch.allclose(entry.load(), weights[entry.name], rtol=1e-4, atol=1e-4), entry.name


def test_an_alpha_of_zero_is_a_scaling_of_one(tmp_path):
    """As llama.cpp has it."""
    one = registry.fingerprint(write_gguf(tmp_path / "a.gguf", gguf_tensors(), alpha=0.0))
    three = registry.fingerprint(write_gguf(tmp_path / "b.gguf", gguf_tensors(), alpha=9.0))
    assert three.std[0] == pytest.approx(3 * one.std[0])


def test_a_base_that_does_not_count_its_heads(tmp_path, adapter):
    """Without them the rows cannot be put into the base's order."""
    tensors = {n: t for n, t in gguf_tensors().items() if "token_embd" not in n}
    adapter = write_gguf(tmp_path / "adapter.gguf", tensors)
    base = write_folder(tmp_path / "base", llama(), {"model_type": "llama"})
    with pytest.raises(AdapterMismatch, match="heads that order the rows .* not in its config"):
        registry.fingerprint(adapter, base=base)


def test_experts_of_llama_cpp(tmp_path):
    """Stacks of factors are those of stacks of experts."""
    a, b = draw(4, RANK, 16), draw(4, 24, RANK)
    name = "blk.0.ffn_up_exps.weight.lora_{}"
    tensors = {name.format("a"): a, name.format("b"): b}
    folder = write_gguf(tmp_path / "a.gguf", tensors, arch="qwen3moe")
    [delta] = open_checkpoint(folder).entries
    assert torch.allclose(delta.load(), 2 * (b @ a), rtol=1e-5)
    fingerprint = registry.fingerprint(folder)
    assert [matrix.expert for matrix in fingerprint.matrices] == [0, 1, 2, 3]
    with pytest.raises(BrokenAdapter, match="do not fit"):
        open_checkpoint(write_gguf(tmp_path / "b.gguf", {**tensors, name.format("b"): b[:3]}))
    with pytest.raises(BrokenAdapter, match="not whole"):
        open_checkpoint(write_gguf(tmp_path / "c.gguf", {name.format("a"): a}))
