"""Time the fingerprint of a checkpoint in (pinned) memory, where nothing has to be read.

    python benchmarks/pinned.py --json                    the shapes of Llama-3-8B, on the GPU if there is one
    python benchmarks/pinned.py --layers 1 --device cpu   a quick try elsewhere

Layers are copies of a few that are made, each in memory of its own, so that all bytes move. On a GPU the same spectra
are also taken by torch.linalg.svdvals in float32, one matrix at a time, which is WeightWatcher's method there, of
one layer, multiplied by the number of layers. By the clock, least of three, after a run on one layer.
Prints rows to stderr and ends with one JSON line: `seconds`, `vs_svdvals`, `timing` by stage, the device's name.
"""

import argparse
import json
import platform
import sys
import time

import torch
from matrices import matrix, projections

from registry.checkpoints import Checkpoint, Entry
from registry.checkpoints.dtypes import BF16
from registry.fingerprints.compute import compute
from registry.fingerprints.device import chosen, cores
from registry.fingerprints.timing import Timing

HIDDEN, INNER, KEYS, LAYERS = 4096, 14336, 1024, 32
SHAPES = projections(HIDDEN, INNER, KEYS)
KINDS = ("power law 0.3", "power law 0.7")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=cores())
    options = parser.parse_args()
    device = chosen(options.device).torch
    layers = made(options.layers, pin=device.type == "cuda")
    run(layers[:1], options)
    seconds, timing = min((run(layers, options) for _ in range(3)), key=lambda pair: pair[0])
    found = {
        "seconds": seconds,
        "vs_svdvals": svdvals(layers[0], device) * len(layers) / seconds,
        "layers": len(layers),
        "bytes": sum(tensor.nbytes for layer in layers for tensor in layer.values()),
        "rank": options.rank,
        "threads": options.threads,
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.machine(),
        "timing": timing,
    }
    if not options.json:
        for name, value in found.items():
            print(f"{name:12}{value}", file=sys.stderr)
    print(json.dumps(found))


def made(count: int, *, pin: bool) -> list[dict[str, torch.Tensor]]:
    """The matrices of so many layers."""
    first = [
        {
            name: matrix(kind, *shape, torch.bfloat16, seed)
            for seed, (name, shape) in enumerate(SHAPES.items())
        }
        for kind in KINDS[:count]
    ]
    whole = [
        {name: tensor.clone() for name, tensor in first[i % len(first)].items()}
        for i in range(count)
    ]
    return [
        {name: tensor.pin_memory() if pin else tensor for name, tensor in layer.items()}
        for layer in whole
    ]


def run(
    layers: list[dict[str, torch.Tensor]], options: argparse.Namespace
) -> tuple[float, dict[str, float]]:
    """Seconds for the fingerprint of these layers, and where they went."""
    entries = tuple(
        Entry(f"model.layers.{i}.{name}.weight", BF16, tuple(tensor.shape), tensor.detach)
        for i, layer in enumerate(layers)
        for name, tensor in layer.items()
    )
    checkpoint = Checkpoint("memory", "memory", None, {"num_attention_heads": 32}, None, entries)
    timing = Timing()
    begun = time.perf_counter()
    compute(
        checkpoint, rank=options.rank, threads=options.threads, device=options.device, timing=timing
    )
    return time.perf_counter() - begun, timing.seconds()


def svdvals(layer: dict[str, torch.Tensor], device: torch.device) -> float:
    """Seconds that torch takes for all singular values of one layer."""
    begun = time.perf_counter()
    for tensor in layer.values():
        torch.linalg.svdvals(tensor.to(device).float()).cpu()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
