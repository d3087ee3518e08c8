"""Memory: one tensor at a time, whatever the model's size."""

import json
import subprocess
import sys
from pathlib import Path

import torch

LIMIT = 700  # MB over the bare interpreter with torch
MEASURE = """
import resource, sys, torch
if len(sys.argv) > 1:
    from click.testing import CliRunner
    import cli
    result = CliRunner().invoke(cli.main, ["ingest", sys.argv[1]])
    assert result.exit_code == 0, result.output
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def write_2gb(folder: Path) -> int:
    """Four shards of a Llama of 26 layers, 512 x 8192, with three wide embeddings; returns the bytes."""
    hidden, inner, layers, words = 512, 8192, 26, 400_000
    block = torch.randn(1 << 20).mul_(0.02).bfloat16().view(torch.uint8).numpy().tobytes()
    shapes = {
        f"{name}.weight": (words, hidden)
        for name in ("embed_tokens", "decoder.embed_tokens", "lm_head")
    }
    for i in range(layers):
        attention = {f"self_attn.{p}_proj": (hidden, hidden) for p in "qkvo"}
        mlp = {
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }
        shapes |= {
            f"model.layers.{i}.{name}.weight": shape for name, shape in (attention | mlp).items()
        }
    names, places = sorted(shapes), {}
    for number in range(4):
        shard, header, offset = f"model-{number + 1:05d}-of-00004.safetensors", {}, 0
        for name in names[number::4]:
            size = 2 * shapes[name][0] * shapes[name][1]
            header[name] = {
                "dtype": "BF16",
                "shape": shapes[name],
                "data_offsets": [offset, offset + size],
            }
            offset += size
            places[name] = shard
        text = json.dumps(header).encode()
        with (folder / shard).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for position in range(0, offset, len(block)):
                file.write(block[: offset - position])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return sum(2 * rows * cols for rows, cols in shapes.values())


def peak(*arguments: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_peak_memory_of_two_gigabytes(url, tmp_path):
    """Ingesting a sharded checkpoint of 2 GB stays below its largest tensor plus a constant."""
    assert write_2gb(tmp_path) > 1_800_000_000
    bare = peak()
    assert peak(tmp_path) - bare < LIMIT
