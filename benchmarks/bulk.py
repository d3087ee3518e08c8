"""Ingest a tree of tiny models as runs of one and two workers, then once more; and by Ray beside.

    python benchmarks/bulk.py [--models 2000] [--workers 1 2] [--ray] [--json]

Every run is the command `registry ingest --tree` in a process of its own, on an empty embedded database; memory is that
of the command and its workers, looked at twice a second. Prints a row for each run and ends with one JSON line:

    models_per_second   by the number of workers
    scaling             models a second of the most workers against one
    outside_share       of the workers' time, the share in which no source was being ingested: starting, planning, waiting,
                        recording
    outside_fingerprint of the workers' time, the share in which no weights were being read or measured: beside the above,
                        storing, judging where each model comes from, and judging those again that it may change
    skips_per_second    sources of a run over the same tree, which reads none, by the clock of the whole command
    outside_by_size     the same of one worker with larger models, by their megabytes, in the registry that the run of most
                        workers has filled
    ray_ratio           time of a run by Ray against local workers, as many (with --ray)
    memory_growth       mean memory of the last tenth of the run of most workers against its third tenth
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

import psutil
import torch
from safetensors.torch import save_file

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, str(ROOT / "cli.py")]
RANK = "16"
LOOK = 0.5  # seconds between two looks at the memory
FOLDERS = 40


@dataclass(frozen=True)
class Size:
    """How large the models of a tree are."""

    width: int
    layers: int

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Of the matrices of a layer."""
        width = self.width
        return {
            "self_attn.q_proj": (width, width),
            "self_attn.k_proj": (width // 2, width),
            "self_attn.v_proj": (width // 2, width),
            "self_attn.o_proj": (width, width),
            "mlp.gate_proj": (2 * width, width),
            "mlp.up_proj": (2 * width, width),
            "mlp.down_proj": (width, 2 * width),
        }


TINY = Size(64, 2)
LARGER = (Size(512, 12), Size(1536, 16))
EACH = 4  # models of a larger size


@dataclass(frozen=True)
class Ran:
    """One command: what it answered, how long it took, and bytes of memory at every look."""

    answer: dict[str, object]
    seconds: float
    memory: list[int]


def main() -> None:
    """Make the tree, run, and print."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="bulk-") as scratch:
        print(json.dumps(measured(Path(scratch), options)))


def parsed() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--ray", action="store_true", help="also by Ray, with the most workers")
    parser.add_argument("--json", action="store_true", help="the last line is JSON in any case")
    return parser.parse_args()


def measured(scratch: Path, options: argparse.Namespace) -> dict[str, object]:
    """Run everything; the numbers by their keys."""
    tree = scratch / "tree"
    make_tree(tree, options.models, TINY)
    runs = {}
    for workers in options.workers:
        ran = ingest(tree, scratch / f"data-{workers}", "--workers", str(workers))
        runs[workers] = ran
        tell(f"{workers} workers", ran)
    most = max(runs)
    again = ingest(tree, scratch / f"data-{most}", "--workers", str(most))
    tell("once more", again)
    assert again.answer["run"]["done_before"] == options.models, again.answer["run"]

    numbers: dict[str, object] = {
        "models": options.models,
        "models_per_second": {workers: options.models / seconds(ran) for workers, ran in runs.items()},
        "scaling": seconds(runs[min(runs)]) / seconds(runs[most]),
        "outside_share": {workers: outside(ran, workers, "worker_seconds") for workers, ran in runs.items()},
        "outside_fingerprint": {
            workers: outside(ran, workers, "fingerprinting_seconds") for workers, ran in runs.items()
        },
        "skips_per_second": options.models / again.seconds,
        "outside_by_size": by_size(scratch, scratch / f"data-{most}"),
        "memory_growth": growth(runs[most].memory),
        "memory_megabytes": max(runs[most].memory) / 1e6,
    }  # fmt: skip
    if options.ray:
        ray = ingest(tree, scratch / "data-ray", "--workers", str(most), "--engine", "ray")
        tell("ray", ray)
        numbers["ray_ratio"] = seconds(ray) / seconds(runs[most])
    return numbers


def by_size(scratch: Path, data: Path) -> dict[int, float]:
    """Return the share outside fingerprinting of models of every larger size, by their megabytes."""
    shares = {}
    for size in LARGER:
        tree = scratch / f"tree-{size.width}"
        make_tree(tree, EACH, size)
        nbytes = max(file.stat().st_size for file in tree.rglob("*.safetensors"))
        ran = ingest(tree, data, "--workers", "1")
        tell(f"{nbytes / 1e6:.0f} MB each", ran)
        shares[round(nbytes / 1e6)] = outside(ran, 1, "fingerprinting_seconds")
    return shares


def make_tree(tree: Path, count: int, size: Size) -> None:
    """Write independent random models, in folders of folders."""
    dtype = torch.float32 if size is TINY else torch.bfloat16
    for number in range(count):
        draw = torch.Generator().manual_seed(number)
        spread = 0.02 + 0.0001 * (number % 100)
        words = torch.randn(4 * size.width, size.width, generator=draw)
        tensors = {"model.embed_tokens.weight": words.to(dtype)}
        for layer in range(size.layers):
            for name, shape in size.shapes.items():
                matrix = spread * torch.randn(*shape, generator=draw)
                tensors[f"model.layers.{layer}.{name}.weight"] = matrix.to(dtype)
            tensors[f"model.layers.{layer}.input_layernorm.weight"] = torch.ones(size.width)
        folder = tree / f"team-{number % FOLDERS}" / f"{size.width}-model-{number}"
        folder.mkdir(parents=True)
        save_file(tensors, folder / "model.safetensors")


def ingest(tree: Path, data: Path, *arguments: str) -> Ran:
    """Run the command on a tree."""
    environment = {**os.environ, "REGISTRY_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    environment.pop("REGISTRY_DATABASE_URL", None)
    command = [*COMMAND, "ingest", "--tree", str(tree), "--rank", RANK, "--json", *arguments]
    output = data.with_suffix(".json")
    begun = time.monotonic()
    memory = []
    with output.open("w") as file, data.with_suffix(".log").open("w") as talk:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=talk)  # noqa: S603  # ours
        while process.poll() is None:
            memory.append(resident(process.pid))
            time.sleep(LOOK)
    elapsed = time.monotonic() - begun
    assert process.returncode == 0, data.with_suffix(".log").read_text()[-2000:]
    return Ran(json.loads(output.read_text()), elapsed, memory)


def resident(process: int) -> int:
    """Bytes of memory of a command and its workers, without the database's."""
    total = 0
    try:
        command = psutil.Process(process)
        for one in [command, *command.children(recursive=True)]:
            if "postgres" not in one.name():
                total += one.memory_info().rss
    except psutil.Error:
        return total
    return total


def seconds(ran: Ran) -> float:
    """Seconds of a run, from its plan to its end."""
    return ran.answer["run"]["seconds"]


def outside(ran: Ran, workers: int, inside: str) -> float:
    """The share of the workers' time that was spent on something else."""
    return 1 - ran.answer["run"][inside] / (workers * seconds(ran))


def growth(memory: list[int]) -> float:
    """Mean of the last tenth against that of the third."""
    tenth = max(1, len(memory) // 10)
    return sum(memory[-tenth - 1 : -1]) / max(1, sum(memory[2 * tenth : 3 * tenth]))


def tell(what: str, ran: Ran) -> None:
    """Print a row."""
    run = ran.answer["run"]
    row = (
        f"{what:>12}  {seconds(ran):8.1f} s  {run['new']:6} new  {run['done_before']:6} done before"
    )
    print(f"{row}  {max(ran.memory, default=0) / 1e6:6.0f} MB", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
