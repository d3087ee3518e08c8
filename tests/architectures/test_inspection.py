"""registry.architectures.inspection."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder, write_shards
from click.testing import CliRunner
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import converted
from gguf_made import write as write_gguf
from quantisers import gptq

import cli
from registry.architectures.inspection import inspect
from registry.checkpoints.blob import LocalBlob


def test_what_a_checkpoint_holds(tmp_path):
    """Projections with their shapes, what is ignored, what is unknown, sizes."""
    tensors = llama() | {"model.layers.0.mystery.weight": torch.ones(4, 4)}
    found = inspect(
        write_folder(tmp_path / "m", tensors, {"model_type": "llama", "_name_or_path": "org/base"})
    )
    assert [(p.projection, p.matrices, p.layers, p.shapes) for p in found.projections][:2] == [
        ("query", 2, 2, ((16, 16),)),
        ("key", 2, 2, ((8, 16),)),
    ]
    assert (found.architecture, found.naming, found.declared_base, found.layers) == (
        "llama",
        "llama",
        "org/base",
        2,
    )
    assert found.unknown == ("model.layers.0.mystery.weight",)
    assert "model.embed_tokens.weight" in found.ignored
    assert (found.tensors, found.dtypes) == (18, {"float32": 18})
    assert found.bytes == 4 * sum(tensor.numel() for tensor in tensors.values())


def test_a_checkpoint_without_projections(tmp_path):
    """It is described all the same."""
    found = inspect(write_folder(tmp_path, {"mystery.weight": torch.ones(3, 3)}))
    assert (found.projections, found.naming, found.unknown) == ((), None, ("mystery.weight",))


def test_no_weight_is_read(tmp_path, monkeypatch):
    """Only headers are: a 70B-shaped index of 30 shards costs 30 small reads."""
    write_70b(tmp_path)
    read = []
    fill = LocalBlob.fill
    monkeypatch.setattr(
        LocalBlob,
        "fill",
        lambda blob, memory, offset: read.append(len(memory)) or fill(blob, memory, offset),
    )
    found = inspect(tmp_path)
    assert (found.layers, found.tensors) == (80, 723)
    assert found.bytes > 130e9
    assert sum(read) < 1_000_000


def write_70b(folder: Path) -> None:
    """Llama 70B's index and shards: true headers, and files that are holes."""
    hidden, inner, keys, words = 8192, 28672, 1024, 128256
    shapes: dict[str, list[int]] = {
        "model.embed_tokens.weight": [words, hidden],
        "lm_head.weight": [words, hidden],
    }
    shapes["model.norm.weight"] = [hidden]
    for i in range(80):
        rows = {
            "self_attn.q_proj": hidden,
            "self_attn.k_proj": keys,
            "self_attn.v_proj": keys,
            "self_attn.o_proj": hidden,
        }
        rows |= {"mlp.gate_proj": inner, "mlp.up_proj": inner}
        shapes |= {
            f"model.layers.{i}.{name}.weight": [count, hidden] for name, count in rows.items()
        }
        shapes[f"model.layers.{i}.mlp.down_proj.weight"] = [hidden, inner]
        shapes |= {
            f"model.layers.{i}.{norm}_layernorm.weight": [hidden]
            for norm in ("input", "post_attention")
        }
    places = {
        name: f"model-{i * 30 // len(shapes) + 1:05d}-of-00030.safetensors"
        for i, name in enumerate(shapes)
    }
    for shard in set(places.values()):
        header, offset = {}, 0
        for name in (name for name in shapes if places[name] == shard):
            size = 2 * torch.Size(shapes[name]).numel()
            header[name] = {
                "dtype": "BF16",
                "shape": shapes[name],
                "data_offsets": [offset, offset + size],
            }
            offset += size
        text = json.dumps(header).encode()
        with (folder / shard).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + offset)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def test_an_adapter(tmp_path):
    """Its tensors are its updates; what stands beside them is ignored on purpose."""
    base = "base_model.model.model"
    factors = {
        "layers.0.self_attn.qkv_proj.lora_A": (4, 24),
        "layers.0.self_attn.qkv_proj.lora_B": (48, 4),
    }
    tensors = {f"{base}.{name}.weight": torch.ones(shape) for name, shape in factors.items()}
    folder = write_adapter(
        tmp_path / "adapter", tensors | {f"{base}.score.weight": torch.ones(2, 16)}
    )
    found = inspect(folder)
    assert (found.kind, found.declared_base, found.tensors) == ("adapter", "org/base", 2)
    assert {p.projection: p.shapes for p in found.projections} == {
        "query": ((24, 24),),
        "key": ((12, 24),),
        "value": ((12, 24),),
    }
    assert (found.ignored, found.unknown) == (("model.score.weight",), ())


HEAVY = ("torch", "sqlalchemy", "huggingface_hub", "sklearn", "scipy", "numba")
COMMAND = f"""
import sys
import cli
for source in sys.argv[1:]:
    cli.main(["inspect", source], standalone_mode=False)
print(*sorted(sys.modules.keys() & set({HEAVY})), file=sys.stderr)
"""


def test_the_command_imports_little(tmp_path):
    """No torch, database or hub client for an index that is made without them, of whatever format and quantisation."""
    tensors = llama(hidden=32, inner=64)
    query = "model.layers.0.self_attn.q_proj"
    parts, _ = gptq(tensors.pop(f"{query}.weight"))
    factors = {f"base_model.model.{query}.lora_{role}.weight": torch.ones(4, 4) for role in "AB"}
    sources = [
        write_folder(tmp_path / "one", llama()),
        write_shards(tmp_path / "shards", llama()),
        write_folder(
            tmp_path / "gptq", tensors | {query + part: tensor for part, tensor in parts.items()}
        ),
        write_gguf(tmp_path / "model.gguf", converted(llama(), Kind.F16)),
        write_adapter(tmp_path / "adapter", factors),
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *sources], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("tensor naming scheme: ") == len(sources)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["table", "json"])
def test_the_command(model, flags):
    """Registry inspect prints it."""
    result = CliRunner().invoke(cli.main, ["inspect", str(model), *flags])
    assert result.exit_code == 0
    if flags:
        assert json.loads(result.stdout)["projections"][0]["shapes"] == [[16, 16]]
    else:
        assert "16 x 16" in result.stdout
