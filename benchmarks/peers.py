"""Time the command line beside modelDNA, Model Provenance Kit and WeightWatcher, on the same files in turn.

    python benchmarks/peers.py --environment VENV --models FOLDER [--json]
    python benchmarks/peers.py ... --layers 1 --width 256 --registered 20 --runs 1      a smoke test

VENV is the peers' own environment and FOLDER holds three bf16 checkpoints of Llama's shapes, 1.1 GB each unless said
otherwise: a base, its fine-tuned child and an independent model. Both are made where they are missing. Every tool is
a process of its own that starts, answers and ends; of a ratio the tools take turns, so many runs each, after one of
each that is not counted. Files are in the page cache, our kernels are compiled, our server is up.

    compare, full, quick   `registry compare A B`, with --full, with --quick; `modeldna compare`, `provenancekit compare
                           --no-cache`: of child and base, and of the independent model and the base
    identify               `registry identify` and `modeldna scan` of the child among --registered models: the base and
                           unrelated ones of its shapes
    ingest, ingest16       `registry ingest --rank 64` and 16; WeightWatcher.analyze, less its import

Ratios are the peer's median by ours, so above 1 ours is faster; of the two pairs the worse counts. Prints the times
to stderr and ends with one JSON line; what could not be run has a reason under `skipped`, and null for a ratio.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import peer_models
from peer_environment import environment, peer_settings

from registry.database.embedded.server import Server
from registry.fingerprints.device import cores

ROOT = Path(__file__).parents[1]
OURS = [sys.executable, str(ROOT / "cli.py")]
JOBS = str(Path(__file__).with_name("peer_jobs.py"))
ANSWERED = (
    0,
    3,
    4,
)  # exit codes of an answer: ours and modelDNA's for a contradiction, and for nobody known
PAIRS = {"derived": ("child", "base"), "unrelated": ("other", "base")}
GRADES = {"compare": [], "full": ["--full"], "quick": ["--quick"]}

Timed = Callable[[], float]
"""Does the work once and returns the seconds that count."""


@dataclass
class Row:
    """The times of one ratio, by tool; the reasons of tools that could not be run."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def median(self, tool: str) -> float:
        """The median of a tool's runs."""
        return statistics.median(self.seconds[tool])

    def with_ours(self, grade: str, peers: tuple[str, ...]) -> "Row":
        """The times of one of our grades, as the registry's, beside those of the peers."""
        tools = {"registry": grade} | {peer: peer for peer in peers}
        seconds = {name: self.seconds[tool] for name, tool in tools.items()}
        skipped = {name: self.skipped[tool] for name, tool in tools.items() if tool in self.skipped}
        return Row(seconds, skipped)

    def ratio(self, peer: str) -> float | None:
        """How many times as long a peer takes."""
        if self.skipped.keys() & {"registry", peer}:
            return None
        return self.median(peer) / self.median("registry")


class CannotRun(Exception):  # noqa: N818
    """A tool does not have what is to be timed, or fails."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environment", type=Path, required=True, metavar="VENV")
    parser.add_argument("--models", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--registered", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ingests", type=int, default=2, help="runs of the slow WeightWatcher")
    parser.add_argument("--only", nargs="*", choices=[*PAIRS, "identify", "ingest", "ingest16"])
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    options = parser.parse_args()
    bench = Bench(options)
    rows = {}
    for measure in bench.measurements():
        for name, row in measure().items():
            rows[name] = row
            if not options.json:
                print(told(name, row), file=sys.stderr, flush=True)
    print(json.dumps(ratios(rows) | bench.facts() | times(rows)))


class Bench:
    """The files, the peers, and what is timed on them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = options.models.absolute()
        self.python = environment(options.environment.absolute())
        self.places = peer_models.checkpoints(self.folder, options.layers, options.width)
        self.mine = {**os.environ, "REGISTRY_DATA_DIR": str(self.folder / "data")}
        self.mine.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
        self.mine.pop("REGISTRY_DATABASE_URL", None)
        self.mine["PYTHONPATH"] = str(ROOT)
        self.peers = peer_settings() | {"HOME": str(self.folder / "home")}
        self.peers.pop("PYTHONPATH", None)

    def measurements(self) -> list[Callable[[], dict[str, Row]]]:
        """What to measure, each some rows by name."""
        wanted: dict[str, Callable[[], dict[str, Row]]] = {
            pair: partial(self.compared, pair) for pair in PAIRS
        }
        wanted["identify"] = lambda: {"identify": self.identified()}
        wanted["ingest"] = lambda: {"ingest": self.ingested(64)}
        wanted["ingest16"] = lambda: {"ingest16": self.ingested(16)}
        only = self.options.only or wanted
        return [measure for name, measure in wanted.items() if name in only]

    def compared(self, pair: str) -> dict[str, Row]:
        """Two checkpoints, by all who compare: a row for each of our grades, beside the same runs of the peers."""
        a, b = (str(self.places[name]) for name in PAIRS[pair])
        dna = [self.tool("modeldna"), "compare", a, b, "--json"]
        peers = {
            "modeldna": self.peer(*dna),
            "modeldna --full": self.peer(*dna, "--full"),
            "kit": self.peer(self.tool("provenancekit"), "compare", a, b, "--no-cache", "--json"),
        }
        ours = {
            grade: self.own("compare", a, b, "--json", *flags) for grade, flags in GRADES.items()
        }
        every = self.in_turn(ours | peers, self.options.runs)
        return {f"{grade} {pair}": every.with_ours(grade, tuple(peers)) for grade in GRADES}

    def identified(self) -> Row:
        """The child among registered models, by us and by modelDNA."""
        count = self.options.registered
        data = self.folder / f"registered-{self.places['base'].name}-{count}"
        known = self.folder / f"modeldna-{self.places['base'].name}-{count}"
        child = str(self.places["child"])
        if not (known / "background.json").exists():
            base = self.folder / "base.json.gz"
            self.peer(self.tool("modeldna"), "fingerprint", str(self.places["base"]), "-o", base)()
            self.peer(self.python, JOBS, "fill", base, known, count)()
        with self.registry(data) as url:
            peer_models.fill(url, self.places["base"], count)
            tools = {
                "registry": self.own("identify", child, "--json", data=data),
                "modeldna": self.peer(self.tool("modeldna"), "scan", child, "--db", known),
            }
            return self.in_turn(tools, self.options.runs)

    def ingested(self, rank: int) -> Row:
        """The base, by us into the database and by WeightWatcher.analyze in memory."""
        data = self.folder / "ingested"
        base = str(self.places["base"])
        ingest = self.own("ingest", base, "--name", "base", "--rank", str(rank), data=data)
        remove = [*OURS, "remove", "base", "--yes"]

        def ours() -> float:
            seconds = ingest()
            self.printed_by(remove, self.mine | {"REGISTRY_DATA_DIR": str(data)})
            return seconds

        def watched() -> float:
            printed = self.printed_by([self.python, JOBS, "watch", base], self.peers)
            return float(json.loads(printed.splitlines()[-1])["seconds"])

        with self.registry(data):
            return self.in_turn(
                {"registry": ours, "weightwatcher": watched},
                self.options.ingests,
                warm=("registry",),
            )

    @contextmanager
    def registry(self, data: Path):  # noqa: ANN201
        """Keep the embedded server of a data folder up; yields its URL."""
        data.mkdir(parents=True, exist_ok=True)
        server = Server(data)
        with server.connected() as url:
            yield url

    def own(self, *words: str, data: Path | None = None) -> Timed:
        """Our command line, as a process."""
        place = {"REGISTRY_DATA_DIR": str(data)} if data else {}
        return self.process([*OURS, *words], self.mine | place)

    def peer(self, *words: object) -> Timed:
        """A peer's command line, as a process."""
        return self.process([str(word) for word in words], self.peers)

    def tool(self, name: str) -> Path:
        """A command of the peers' environment."""
        return self.python.with_name(name)

    def process(self, words: list[str], settings: Mapping[str, str]) -> Timed:
        """A process, timed from its start to its end."""

        def timed() -> float:
            begun = time.perf_counter()
            self.printed_by(words, settings)
            return time.perf_counter() - begun

        return timed

    def printed_by(self, words: list[object], settings: Mapping[str, str]) -> str:
        """What a process prints. Raises CannotRun with its last words where it has no answer."""
        done = subprocess.run(  # noqa: S603  # ours and the peers'
            [str(word) for word in words],
            env=dict(settings),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in ANSWERED:
            last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise CannotRun(f"{Path(str(words[0])).name} {' '.join(map(str, words[1:3]))}: {last}")
        return done.stdout

    def in_turn(
        self, tools: dict[str, Timed], runs: int, warm: tuple[str, ...] | None = None
    ) -> Row:
        """Run tools in turn, after one run of each that is not counted; `warm` names those that need one."""
        row = Row({tool: [] for tool in tools})
        for run in range(runs + 1):
            for tool, work in tools.items():
                is_counted = run > 0
                if tool in row.skipped or (
                    not is_counted and warm is not None and tool not in warm
                ):
                    continue
                try:
                    seconds = work()
                except CannotRun as reason:
                    row.skipped[tool] = str(reason)
                    continue
                if is_counted:
                    row.seconds[tool].append(seconds)
        return row

    def facts(self) -> dict[str, object]:
        """What was measured, and where."""
        files = self.places["base"].glob("*.safetensors")
        return {
            "layers": self.options.layers,
            "width": self.options.width,
            "bytes": sum(file.stat().st_size for file in files),
            "registered": self.options.registered,
            "runs": self.options.runs,
            "cores": cores(),
            "load": round(os.getloadavg()[0], 1),
        }


def ratios(rows: Mapping[str, Row]) -> dict[str, float | None]:
    """Every ratio by its key; of two pairs the worse."""
    answer: dict[str, float | None] = {}
    for grade in GRADES:
        both = [row for name, row in rows.items() if name.split()[0] == grade]
        for peer in ("modeldna", "kit"):
            answer[f"{grade}_vs_{peer}"] = worst(both, peer)
    answer["full_vs_modeldna_full"] = worst(
        [row for name, row in rows.items() if name.split()[0] == "full"], "modeldna --full"
    )
    for key, peer in (
        ("identify", "modeldna"),
        ("ingest", "weightwatcher"),
        ("ingest16", "weightwatcher"),
    ):
        answer[f"{key}_vs_{peer}"] = worst([rows[key]] if key in rows else [], peer)
    return answer


def worst(rows: list[Row], peer: str) -> float | None:
    """The smallest ratio; none where a row could not be run."""
    found = [row.ratio(peer) for row in rows]
    return None if not found or None in found else round(min(found), 3)


def times(rows: Mapping[str, Row]) -> dict[str, object]:
    """Medians, all runs, and what was skipped and why."""
    medians: dict[str, dict[str, float]] = {}
    for name, row in rows.items():
        run = [tool for tool in row.seconds if tool not in row.skipped]
        medians[name] = {tool: round(row.median(tool), 3) for tool in run}
    return {
        "seconds": medians,
        "all_seconds": {name: row.seconds for name, row in rows.items()},
        "skipped": {name: row.skipped for name, row in rows.items() if row.skipped},
    }


def told(name: str, row: Row) -> str:
    """A row for reading."""
    cells = [
        f"{tool} skipped: {row.skipped[tool]}"
        if tool in row.skipped
        else f"{tool} {row.median(tool):.2f} s"
        for tool in row.seconds
    ]
    return f"{name:20}" + ", ".join(cells)


if __name__ == "__main__":
    main()
