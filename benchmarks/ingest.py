"""Time a whole ingest, beside reading the files and WeightWatcher's analyze on the same matrices.

    python benchmarks/ingest.py --json

Writes a bf16 checkpoint of the shapes of Llama-3.2-1B into a temporary folder: a few of its layers, all with --full.
Its matrices have spectra like trained ones, power laws over a gaussian bulk. Then, in turn, by the clock:

    read             `cat` of the files to /dev/null, least of three
    ingest           the command `registry ingest`, from its start to its end, into the embedded database
    ingest_rank_16   the same before, with --rank 16; then its spectra are replaced by those of --rank, 64 by default
    fingerprint      registry.fingerprint, here in this process, least of two
    without_spectra  everything of it but spectra, clusters and proofs, as comparisons read it, here as well, least of two
    weightwatcher    WeightWatcher.analyze with its defaults, on the same projections as nn.Linear in float32

Before the clock runs the files are in the page cache, the database is made and the kernels are compiled (one layer
is ingested first); with --cold the files are put out of the page cache each time. WeightWatcher's import and the
building of its model are not counted, and it may use every core.
Prints rows to stderr and ends with one JSON line: share_of_read is read / ingest, vs_weightwatcher is
weightwatcher / ingest, both also for fingerprint; share_of_read_without_spectra is read / without_spectra; seconds of
each; `timing` is what the command reports.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from matrices import matrix, projections
from safetensors.torch import load_file, save_file

import registry
from registry.checkpoints import open_checkpoint
from registry.fingerprints.device import chosen, cores
from registry.fingerprints.excerpt import excerpt

ROOT = Path(__file__).parents[1]
HIDDEN, INNER, KEYS, WORDS, LAYERS = 2048, 8192, 512, 128_256, 16
SHAPES = projections(HIDDEN, INNER, KEYS)
FEW = 4  # layers unless all are asked for: WeightWatcher takes half a minute for each
KINDS = ("power law 0.3", "power law 0.7")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    parser.add_argument("--full", action="store_true", help=f"all {LAYERS} layers")
    parser.add_argument("--layers", type=int, default=FEW)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cold", action="store_true", help="read from the disk itself")
    parser.add_argument("--no-weightwatcher", action="store_true", help="leave it out")
    options = parser.parse_args()
    layers = LAYERS if options.full else options.layers
    with tempfile.TemporaryDirectory() as place, database(Path(place) / "data") as command:
        folder = Path(place) / "llama-1b"
        size = write(folder, layers)
        ours = {"rank": options.rank, "threads": options.threads, "device": options.device}
        write(Path(place) / "small", 1, 64)
        command(Path(place) / "small", ours)
        before = (lambda: evict(folder)) if options.cold else (lambda: None)
        spent = {"read": min(clocked(lambda: read(folder), before) for _ in range(3))}
        told = {}
        spent["ingest_rank_16"] = clocked(lambda: command(folder, ours | {"rank": 16}), before)
        spent["ingest"] = clocked(lambda: told.update(command(folder, ours)), before)
        spent["fingerprint"] = min(
            clocked(lambda: registry.fingerprint(folder, **ours), before) for _ in range(2)
        )
        measuring = {"threads": options.threads, "device": options.device}
        spent["without_spectra"] = min(
            clocked(lambda: excerpt(open_checkpoint(folder), None, **measuring), before)
            for _ in range(2)
        )
        if not options.no_weightwatcher:
            spent["weightwatcher"] = analyze(folder)
    if not options.json:
        for name, seconds in [*spent.items(), *told["timing"].items()]:
            print(f"{name:15}{seconds:9.3f} s", file=sys.stderr)
    print(
        json.dumps(
            ratios(spent) | facts(ours, layers, size) | {"seconds": spent, "timing": told["timing"]}
        )
    )


def ratios(spent: dict[str, float]) -> dict[str, float]:
    """Above 1 ours is the faster one."""
    found = {}
    for ours, ending in (
        ("ingest", ""),
        ("ingest_rank_16", "_rank_16"),
        ("fingerprint", "_in_process"),
    ):
        found[f"share_of_read{ending}"] = spent["read"] / spent[ours]
        if "weightwatcher" in spent:
            found[f"vs_weightwatcher{ending}"] = spent["weightwatcher"] / spent[ours]
    found["share_of_read_without_spectra"] = spent["read"] / spent["without_spectra"]
    return found


def facts(ours: dict[str, object], layers: int, size: int) -> dict[str, object]:
    """What was measured, and where."""
    device = chosen(str(ours["device"]))
    name = torch.cuda.get_device_name(device.torch) if device.type == "cuda" else platform.machine()
    return {"layers": layers, "bytes": size, **ours, "device": f"{device}: {name}"}


def write(folder: Path, layers: int, words: int = WORDS) -> int:
    """One file for the embeddings and one a layer, with their index; gives their bytes."""
    folder.mkdir()
    draw = torch.Generator().manual_seed(1)
    words = torch.randn(words // 64, HIDDEN, generator=draw).mul_(0.02).bfloat16().repeat(64, 1)
    shards = [
        {"model.embed_tokens.weight": words, "model.norm.weight": torch.ones(HIDDEN).bfloat16()}
    ]
    shards += (layer(i) for i in range(layers))
    places = {}
    for i, tensors in enumerate(shards):
        name = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        save_file(tensors, folder / name)
        places |= dict.fromkeys(tensors, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (folder / "config.json").write_text(
        json.dumps({"architectures": ["LlamaForCausalLM"], "num_attention_heads": 32})
    )
    return sum(path.stat().st_size for path in folder.iterdir())


def layer(i: int) -> dict[str, torch.Tensor]:
    """The tensors of one layer."""
    start = f"model.layers.{i}"
    norms = {
        f"{start}.{name}_layernorm.weight": torch.ones(HIDDEN)
        for name in ("input", "post_attention")
    }
    made = {
        f"{start}.{name}.weight": 0.02
        * matrix(KINDS[(i + j) % 2], *shape, torch.float32, 8 * i + j)
        for j, (name, shape) in enumerate(SHAPES.items())
    }
    own = norms | made
    return {name: tensor.bfloat16() for name, tensor in own.items()}


@contextlib.contextmanager
def database(folder: Path) -> Iterator[Callable[[Path, dict[str, object]], dict[str, object]]]:
    """A database of the benchmark's own, and the command that ingests into it."""
    settings = os.environ | {"REGISTRY_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    settings.pop("REGISTRY_DATABASE_URL", None)

    def registry_command(*arguments: object) -> str:
        command = [sys.executable, ROOT / "cli.py", *map(str, arguments)]
        done = subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  # ours
        return done.stdout

    def ingest(source: Path, ours: dict[str, object]) -> dict[str, object]:
        options = [word for name, value in ours.items() for word in (f"--{name}", value)]
        return json.loads(registry_command("ingest", source, "--json", "--timing", *options))[
            "models"
        ][0]

    yield ingest
    registry_command("db", "stop")


def read(folder: Path) -> None:
    """Every byte of the weights, as fast as the system gives them."""
    with Path(os.devnull).open("wb") as nowhere:
        subprocess.run(  # noqa: S603  # our files
            ["/bin/cat", *sorted(folder.glob("*.safetensors"))], stdout=nowhere, check=True
        )


def analyze(folder: Path) -> float:
    """Seconds that WeightWatcher takes for the projections."""
    silence = io.StringIO()
    with (
        contextlib.redirect_stdout(silence),
        contextlib.redirect_stderr(silence),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        from weightwatcher import WeightWatcher  # noqa: PLC0415  # it prints what it lacks

        logging.disable(logging.WARNING)
        watcher = WeightWatcher(model=linears(folder))
        return clocked(watcher.analyze)


def linears(folder: Path) -> torch.nn.Module:
    """The projections as a user's model has them."""
    model = torch.nn.Module()
    for path in sorted(folder.glob("*.safetensors")):
        for name, weight in load_file(path).items():
            if "_proj" in name:
                own = torch.nn.Linear(
                    weight.shape[1], weight.shape[0], bias=False, dtype=torch.float32, device="meta"
                )
                own.weight = torch.nn.Parameter(weight.float(), requires_grad=False)
                model.add_module(name.removesuffix(".weight").replace(".", "_"), own)
    return model


def evict(folder: Path) -> None:
    """Take the files out of the page cache."""
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            os.fsync(file)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def clocked(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Seconds on the wall, after what has to be done before."""
    before()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
