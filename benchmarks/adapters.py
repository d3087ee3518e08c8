"""Measure how many adapters of an 8B model are fingerprinted in a minute, from memory.

    python benchmarks/adapters.py [--count 6] [--threads 2] [--check FOLDER] [--json]

Rank-16 adapters of Llama 3 8B's shapes lie in memory as bf16: of query and value in 32 layers, PEFT's
default, and of all seven projections. Two times are measured in one process: that of the fingerprints,
one after the other by several threads, and, for some of the matrices and scaled to all, that of
multiplying B A out and calling torch.linalg.svdvals and std on it. Then the fingerprints again, by
as many processes of one thread as there are threads, for much of an adapter's work is Python's own;
and the processor's seconds for one of them. --check: every adapter in a folder is multiplied out in float64,
matrix by matrix, and its std vector and labels are compared with those from the factors. Ends with one
JSON line.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from threadpoolctl import threadpool_limits

import registry
from registry.architectures.layout import ProjectionTensor, layout_of
from registry.checkpoints import open_checkpoint
from registry.errors import UntrainedAdapter
from registry.fingerprints.clustering import clustering
from registry.numerics.arrays import as_tensor

LAYERS, RANK = 32, 16
SHAPES = {  # outputs, inputs
    "self_attn.q_proj": (4096, 4096), "self_attn.k_proj": (1024, 4096), "self_attn.v_proj": (1024, 4096),
    "self_attn.o_proj": (4096, 4096), "mlp.gate_proj": (14336, 4096), "mlp.up_proj": (14336, 4096),
    "mlp.down_proj": (4096, 14336),
}  # fmt: skip
KINDS = {"query_value": ("self_attn.q_proj", "self_attn.v_proj"), "all_seven": tuple(SHAPES)}
SAMPLED = (
    "self_attn.q_proj",
    "self_attn.k_proj",
)  # multiplied out; the others are counted by their size


barriers: list[Any] = []  # of a process: where it waits for the others


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=6, help="adapters that are timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--check", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108  # a file there is memory
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        paths = {kind: written(Path(folder) / kind, names) for kind, names in KINDS.items()}
        each = {kind: timed(path, options) for kind, path in paths.items()}
        apart = {kind: by_processes(path, options) for kind, path in paths.items()}
    answer = {f"{kind}_per_minute": round(60 / spent) for kind, spent in each.items()}
    for kind, runs in apart.items():
        answer[f"{kind}_per_minute_by_processes"] = round(sum(run.per_minute for run in runs))
        answer[f"{kind}_processor_seconds"] = round(min(run.processor for run in runs), 4)
    answer["adapters_per_minute"] = answer["query_value_per_minute"]
    answer["vs_materialised"] = round(materialised(options.threads) / each["all_seven"])
    if options.check:
        answer["checked"] = checked(options.check)
    if not options.json:
        print({kind: f"{spent:.3f} s" for kind, spent in each.items()}, file=sys.stderr)
    print(json.dumps(answer))


def timed(path: Path, options: argparse.Namespace) -> float:
    """Seconds for one adapter, after what is compiled or loaded once."""
    registry.fingerprint(path, rank=16, threads=options.threads)
    begin = time.perf_counter()
    for _ in range(options.count):
        registry.fingerprint(path, rank=16, threads=options.threads)
    return (time.perf_counter() - begin) / options.count


@dataclass(frozen=True)
class Run:
    """What one process achieved: adapters in a minute, and its processor's seconds for each."""

    per_minute: float
    processor: float


def by_processes(path: Path, options: argparse.Namespace) -> list[Run]:
    """Runs of as many processes at once as there are threads."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(options.threads)
    with context.Pool(options.threads, ready, (barrier,)) as pool:
        return pool.starmap(alone, [(path, options.count)] * options.threads, chunksize=1)


def ready(barrier: Any) -> None:
    """Keep what the processes wait at for each other."""
    barriers.append(barrier)


def alone(path: Path, count: int) -> Run:
    """One process's run, after what is compiled or loaded once, when all are ready."""
    with threadpool_limits(1):
        registry.fingerprint(path, rank=16, threads=1)
        barriers[0].wait()
        begin, processor = time.perf_counter(), time.process_time()
        for _ in range(count):
            registry.fingerprint(path, rank=16, threads=1)
        processor = (time.process_time() - processor) / count
        return Run(60 * count / (time.perf_counter() - begin), processor)


def written(folder: Path, names: Sequence[str]) -> Path:
    """An adapter in PEFT's files."""
    folder.mkdir()
    draw = torch.Generator().manual_seed(0)
    tensors = {}
    for layer in range(LAYERS):
        for name in names:
            rows, cols = SHAPES[name]
            module = f"base_model.model.model.layers.{layer}.{name}"
            tensors[f"{module}.lora_A.weight"] = torch.randn(RANK, cols, generator=draw).bfloat16()
            tensors[f"{module}.lora_B.weight"] = (
                0.01 * torch.randn(rows, RANK, generator=draw)
            ).bfloat16()
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA",
        "r": RANK,
        "lora_alpha": RANK,
        "base_model_name_or_path": "meta-llama/Meta-Llama-3-8B",
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def materialised(threads: int) -> float:
    """Seconds to multiply all LoRA deltas out and to take their std and singular values."""
    torch.set_num_threads(threads)
    spent, work = 0.0, 0.0
    for name in SAMPLED:
        rows, cols = SHAPES[name]
        left, right = torch.randn(rows, RANK), torch.randn(RANK, cols)
        begin = time.perf_counter()
        product = left @ right
        product.std()
        torch.linalg.svdvals(product)
        spent += time.perf_counter() - begin
        work += rows * cols * min(rows, cols)
    whole = sum(rows * cols * min(rows, cols) for rows, cols in SHAPES.values())
    return LAYERS * spent * whole / work


def checked(folder: Path) -> dict:
    """The largest relative error of a std, and how many adapters have the labels of their deltas multiplied out."""
    worst, equal, read = 0.0, 0, 0
    for path in sorted(folder.iterdir()):
        try:
            found = registry.fingerprint(path, rank=16)
        except UntrainedAdapter:
            continue
        sites = layout_of(open_checkpoint(path)).projections
        stats, spectra = zip(
            *(formed(site, i) for site in sites for i in range(len(site.parts))), strict=True
        )
        read += 1
        pairs = list(zip(found.matrices, stats, spectra, strict=True))
        worst = max([worst, *(abs(m.std - std) / std for m, std, _ in pairs)])
        dense = [replace(m, singular_values=values, bounds=None) for m, _, values in pairs]
        equal += clustering(dense, 16).labels == found.clusterings[0].labels
    return {"adapters": read, "worst_std_error": worst, "equal_labels": equal}


def formed(site: ProjectionTensor, index: int) -> tuple[float, tuple[float, ...]]:
    """Std and the 16 largest singular values of one LoRA delta, formed in float64."""
    left, right = map(as_tensor, site.entry.factors())  # type: ignore[attr-defined]
    update = site.entry.scaling * site.cut(left.double())[index] @ right.double()  # type: ignore[attr-defined]
    return float(update.std(correction=0)), tuple(torch.linalg.svdvals(update)[:16].tolist())


if __name__ == "__main__":
    main()
