"""Memory: one tensor at a time, whatever the model's size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HIDDEN, INNER, LAYERS, WORDS = 512, 8192, 12, 90_000
BUDGET = 64 << 20  # bytes that are read ahead, in place of the 256 MB that are the rule
LIMIT = 250  # MB that a model of 600 MB may take over one of 30 MB
INGEST = """
import resource, sys
from click.testing import CliRunner
import cli
from registry.fingerprints import readahead
readahead.BUDGET = int(sys.argv[2])
result = CliRunner().invoke(cli.main, ["ingest", sys.argv[1]])
assert result.exit_code == 0, result.output
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def shapes_of_llama(layers: int, words: int) -> dict[str, tuple[int, int]]:
    """Shapes of a Llama's tensors by name: three embeddings and the projections of every layer."""
    embeddings = ("embed_tokens", "decoder.embed_tokens", "lm_head")
    shapes = {f"{name}.weight": (words, HIDDEN) for name in embeddings}
    projections = {f"self_attn.{letter}_proj": (HIDDEN, HIDDEN) for letter in "qkvo"}
    projections |= {
        "mlp.gate_proj": (INNER, HIDDEN),
        "mlp.up_proj": (INNER, HIDDEN),
        "mlp.down_proj": (HIDDEN, INNER),
    }
    for layer in range(layers):
        for name, shape in projections.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    return shapes


def write_shards(folder: Path, shapes: dict[str, tuple[int, int]]) -> int:
    """Write random bf16 tensors in four shards with an index; return their bytes."""
    folder.mkdir()
    block = torch.randn(1 << 20).mul_(0.02).bfloat16().view(torch.uint8).numpy().tobytes()
    names = sorted(shapes)
    shard_of = {}
    total = 0
    for number in range(4):
        shard = f"model-{number + 1:05d}-of-00004.safetensors"
        header, offset = {}, 0
        for name in names[number::4]:
            rows, columns = shapes[name]
            end = offset + 2 * rows * columns
            header[name] = {"dtype": "BF16", "shape": shapes[name], "data_offsets": [offset, end]}
            offset = end
            shard_of[name] = shard
        text = json.dumps(header).encode()
        with (folder / shard).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for position in range(0, offset, len(block)):
                file.write(block[: offset - position])
        total += offset
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shard_of}))
    return total


def peak(folder: Path) -> int:
    """MB that a process takes at most while it ingests a model."""
    done = subprocess.run(
        [sys.executable, "-c", INGEST, folder, str(BUDGET)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_model(url, tmp_path):
    """A model of 600 MB, nine times what is read ahead, takes less than half of itself over a tiny one."""
    assert write_shards(tmp_path / "small", shapes_of_llama(layers=1, words=1000)) < 40_000_000
    assert write_shards(tmp_path / "large", shapes_of_llama(LAYERS, WORDS)) > 600_000_000
    assert peak(tmp_path / "large") - peak(tmp_path / "small") < LIMIT
