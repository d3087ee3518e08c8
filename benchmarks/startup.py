"""Time how long the commands take that a user waits for, from the start of the process to its end.

    python benchmarks/startup.py [--json] [--runs 7] [--environment VENV]

The example checkpoints are ingested into a database of their own, whose server stays up; `list, server to start`
finds none. A process of each command runs in turn, so many times; least wall and least CPU seconds are kept, of the
process and those that it waits for. Beside them stand Python itself, the import of torch, and, where VENV is the
peers' environment (benchmarks/peers.py makes it), the peers' --help. Modules are compiled, as in an installed package.
Prints rows to stderr and ends with one JSON line: `wall` and `cpu` seconds by command.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peer_environment import environment, peer_settings

from registry.database.embedded.server import Server
from registry.fingerprints.device import cores

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "checkpoints"
OURS = (sys.executable, str(ROOT / "cli.py"))
CHILD, BASE = str(EXAMPLES / "llama-tiny-code"), str(EXAMPLES / "llama-tiny")
COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "--version": ("--version",),
    "mistyped path": ("identify", "./nothing"),
    "list": ("list",),
    "show": ("show", "llama-tiny"),
    "explain": ("explain", "llama-tiny-code"),
    "families": ("families",),
    "tree": ("tree",),
    "log": ("log",),
    "claims": ("claims",),
    "sources": ("sources",),
    "sql": ("sql", "-c", "SELECT count(*) FROM registry.models"),
    "identify": ("identify", CHILD),
    "identify --quick": ("identify", "--quick", CHILD),
    "compare": ("compare", CHILD, BASE),
}
START = "list, server to start"
WRONG = {"mistyped path": 1}  # exit codes that are not 0


@dataclass
class Least:
    """The least seconds of several runs."""

    wall: float = float("inf")
    cpu: float = float("inf")

    def add(self, wall: float, cpu: float) -> None:
        """Count one more run."""
        self.wall = min(self.wall, wall)
        self.cpu = min(self.cpu, cpu)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--environment", type=Path, metavar="VENV", help="the peers' own")
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answer = measured(Path(folder), options.runs, options.environment)
    if not options.json:
        for name, least in answer.items():
            print(f"{name:24}{least.wall:7.3f} s wall{least.cpu:7.3f} s CPU", file=sys.stderr)
    load = round(os.getloadavg()[0], 1)  # of others too: CPU seconds bear it better than wall
    facts = {"load": load, "runs": options.runs, "cores": cores(), "python": sys.version.split()[0]}
    walls = {name: round(least.wall, 3) for name, least in answer.items()}
    cpus = {name: round(least.cpu, 3) for name, least in answer.items()}
    print(json.dumps({"wall": walls, "cpu": cpus, **facts}))


def measured(folder: Path, runs: int, venv: Path | None) -> dict[str, Least]:
    """Run every command so many times, in turn."""
    server = Server(folder / "data")
    ours = settings(server.data_dir)
    answer: dict[str, Least] = {}
    with server.connected():
        ingest = [*OURS, "ingest", *map(str, sorted(EXAMPLES.iterdir()))]
        subprocess.run(ingest, env=ours, check=True, capture_output=True)  # noqa: S603  # our own
        for _ in range(runs):
            for name, arguments in COMMANDS.items():
                code = WRONG.get(name, 0)
                run = process([*OURS, *arguments], ours, code)
                answer.setdefault(name, Least()).add(*clocked(run))
            for name, run in others(venv).items():
                answer.setdefault(name, Least()).add(*clocked(run))
    for _ in range(runs):
        server.stop()
        run = process([*OURS, "list"], ours)
        answer.setdefault(START, Least()).add(*clocked(run))
    server.stop()
    return answer


def settings(data_dir: Path) -> dict[str, str]:
    """The environment of our commands: a database of their own, and compiled modules."""
    kept = dict(os.environ)
    for name in ("REGISTRY_DATABASE_URL", "PYTHONDONTWRITEBYTECODE"):
        kept.pop(name, None)
    return {**kept, "REGISTRY_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)}


def others(venv: Path | None) -> dict[str, Callable[[], None]]:
    """What stands beside our commands."""
    plain = dict(os.environ)
    beside = {
        "python -c pass": process([sys.executable, "-c", "pass"], plain),
        "import torch": process([sys.executable, "-c", "import torch"], plain),
    }
    if venv is not None:
        python = environment(venv.absolute())
        peers = peer_settings()
        for tool in ("modeldna", "provenancekit"):
            command = [str(python.with_name(tool)), "--help"]
            beside[f"{tool} --help"] = process(command, peers)
        watcher = [str(python), "-c", "import weightwatcher"]
        beside["import weightwatcher"] = process(watcher, peers)
    return beside


def process(
    command: Sequence[str], environ: Mapping[str, str], code: int = 0
) -> Callable[[], None]:
    """A process that must end with an exit code."""

    def run() -> None:
        done = subprocess.run(  # noqa: S603  # ours and the peers'
            command, env=dict(environ), cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode != code:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")

    return run


def clocked(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the wall, and of a processor in the processes that were waited for."""
    spent = -children_seconds()
    begun = time.perf_counter()
    work()
    wall = time.perf_counter() - begun
    return wall, spent + children_seconds()


def children_seconds() -> float:
    """CPU seconds of all processes that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
