"""Fingerprint a model of the shape of Llama 3 70B that takes nearly no disk: memory, pace, and what its bar shows.

    python benchmarks/big_model.py [--layers 4] [--shard-gb 5] [--threads 2] [--at FOLDER] [--json]

The files have holes: every tensor of bf16 has a block of random rows at its beginning and zeros behind it, so that 80
layers appear as 141 GB and take 1 GB. The fingerprint is computed in a process of its own, whose memory is looked at 20
times a second. Prints what was measured and ends with one JSON line:

    peak_mb            most memory that the process held
    seconds            of the whole process
    bytes_per_second   bytes of the files by these seconds
    progress_error     largest difference between the share of the time and the share that the bar shows, from 5 % on
    apparent_gb        size of the files as listed
    disk_mb            what they take
    largest_mb         bytes of the largest tensor
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
HIDDEN, INNER, KEYS, WORDS = 8192, 28672, 1024, 128256
SHAPES = {
    "input_layernorm": (HIDDEN,),
    "mlp.down_proj": (HIDDEN, INNER),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "post_attention_layernorm": (HIDDEN,),
    "self_attn.k_proj": (KEYS, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (KEYS, HIDDEN),
}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "num_key_value_heads": 8,
    "num_attention_heads": 64,
}
ROWS = 96  # of every matrix that are not zero
BF16 = 2  # bytes
FROM = 0.05  # share of the time from which the bar is held to the truth
MEASURE = """
import json, sys, time
start = time.monotonic()
import registry
seen = []
def progress(done, total, nbytes):
    seen.append((time.monotonic() - start, done / total))
registry.fingerprint(sys.argv[1], threads=int(sys.argv[2]), device="cpu", progress=progress)
print(json.dumps({"seen": seen, "seconds": time.monotonic() - start}))
"""


@dataclass(frozen=True)
class Ran:
    """One fingerprint: its seconds, the bytes held at every look, and what the bar showed when."""

    seconds: float
    memory: list[tuple[float, int]]
    seen: list[tuple[float, float]]


def main() -> None:
    """Make the model, fingerprint it, and print."""
    options = arguments()
    with tempfile.TemporaryDirectory(dir=options.at) as scratch:
        folder = Path(scratch, "model")
        write_model(folder, options.layers, options.shard_gb * 1e9)
        files = [path.stat() for path in folder.iterdir()]
        apparent = sum(status.st_size for status in files)
        ran = fingerprinted(folder, Path(scratch, "data"), options.threads)
    answer = {
        "peak_mb": round(max(held for _, held in ran.memory) / 1e6),
        "seconds": round(ran.seconds, 1),
        "bytes_per_second": round(apparent / ran.seconds),
        "progress_error": round(progress_error(ran), 3),
        "apparent_gb": round(apparent / 1e9, 1),
        "disk_mb": round(sum(status.st_blocks for status in files) * 512 / 1e6),
        "largest_mb": round(WORDS * HIDDEN * BF16 / 1e6),
        "layers": options.layers,
    }
    if not options.json:
        print(
            f"{options.layers} layers, {answer['apparent_gb']} GB that take {answer['disk_mb']} MB"
        )
        for moment, held in peaks(ran.memory):
            print(f"  {moment:7.1f} s  {held / 1e6:7.0f} MB")
    print(json.dumps(answer))


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=4, help="of the 80")
    parser.add_argument("--shard-gb", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--at", help="folder for the files; must be of a file system that knows holes"
    )
    parser.add_argument("--json", action="store_true", help="the JSON line alone")
    return parser.parse_args()


def write_model(folder: Path, layers: int, shard_bytes: float) -> None:
    """Write the shards, their index and the config."""
    folder.mkdir()
    shapes = {"model.embed_tokens.weight": (WORDS, HIDDEN)}
    for layer in range(layers):
        for name, shape in SHAPES.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    shapes |= {"model.norm.weight": (HIDDEN,), "lm_head.weight": (WORDS, HIDDEN)}

    shards: list[dict[str, tuple[int, ...]]] = [{}]
    size = 0
    for name, shape in shapes.items():
        nbytes = BF16 * int(np.prod(shape))
        if shards[-1] and size + nbytes > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = shape
        size += nbytes

    weight_map = {}
    random = np.random.default_rng(0)
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_shard(folder / file, shard, random)
        weight_map |= dict.fromkeys(shard, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text(json.dumps(CONFIG))


def write_shard(
    path: Path, shapes: dict[str, tuple[int, ...]], random: np.random.Generator
) -> None:
    """Write one file: its header, and of every tensor the first rows."""
    header = {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + BF16 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, row in header.items():
            shape = shapes[name]
            count = min(ROWS, shape[0]) * shape[1] if len(shape) > 1 else shape[0]
            values = random.normal(1 if len(shape) == 1 else 0, 0.02, count).astype(np.float32)
            file.seek(8 + len(text) + row["data_offsets"][0])
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
        file.truncate(8 + len(text) + end)


def fingerprinted(folder: Path, data: Path, threads: int) -> Ran:
    """Fingerprint a model in a process of its own and look at its memory."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), "REGISTRY_DATA_DIR": str(data)}
    command = [sys.executable, "-c", MEASURE, str(folder), str(threads)]
    memory = []
    start = time.monotonic()
    process = subprocess.Popen(command, env=known, stdout=subprocess.PIPE, text=True)  # noqa: S603  # ours
    with process:
        looked_at = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                memory.append((time.monotonic() - start, looked_at.memory_info().rss))
            except psutil.Error:
                break
            time.sleep(0.05)
        assert process.stdout is not None
        text = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"the fingerprint failed with {process.returncode}")
    answer = json.loads(text.splitlines()[-1])
    seen = [(moment, share) for moment, share in answer["seen"]]
    return Ran(answer["seconds"], memory, seen)


def progress_error(ran: Ran) -> float:
    """Return how far the bar is from the truth at most: just before it moves, and just after."""
    error = 0.0
    shown = 0.0
    for moment, share in [*ran.seen, (ran.seconds, 1.0)]:
        true = moment / ran.seconds
        if true >= FROM:
            error = max(error, abs(true - shown), abs(true - share))
        shown = share
    return error


def peaks(memory: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return the most that was held in each of twenty stretches of the time."""
    last = memory[-1][0]
    most: dict[int, tuple[float, int]] = {}
    for moment, held in memory:
        stretch = int(20 * moment / (last + 1e-9))
        if held > most.get(stretch, (0.0, 0))[1]:
            most[stretch] = (moment, held)
    return list(most.values())


if __name__ == "__main__":
    main()
