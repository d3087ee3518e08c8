"""Kill what takes part in a run over many sources, at random moments; count what was lost.

    python benchmarks/bulk_chaos.py [--models 500] [--rounds 20] [--workers 2] [--seed 0] --json

Each round runs `registry ingest --tree` over a tree of tiny models, on a new data folder. At random moments, --faults
times, it

    worker      kills a worker with -9
    run         kills the command with -9; the workers must end by themselves, and the command is given again
    term        asks the command to end; it is given again
    interrupt   presses Ctrl-C: all processes of the command get the signal; it is given again
    keeper      kills the keeper of the embedded database with -9
    postmaster  kills the first process of the database with -9
    stop        stops all processes of the database for some seconds
    restart     has the database end all its sessions and start again

Then the run is left alone. When a command says that it is done, `registry flush` stores what waits in files, and the
database is read:

    lost     models of the tree that are not registered, and do not stand in `jobs` as failed either
    twice    models that are registered more than once
    half     models of which rows are missing: every one has as many as most have, in every table
    stuck    commands that did not end in --limit seconds, and workers that outlived a killed command for --limit
    failed   sources that were listed as failed, though nothing is wrong with any
    reread   sources that were read though an earlier command had recorded them
    leaked   processes, folders of sockets and locks that are left when all is over

Prints a row for each round to stderr and ends with one JSON line; killed counts the faults by kind.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import psycopg
from chaos import leaks
from safetensors.numpy import save_file

from registry.database.embedded.processes import members, postmaster
from registry.database.embedded.server import Server
from registry.database.embedded.sockets import usual_folder

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, str(ROOT / "cli.py")]
FAULTS = ("worker", "run", "term", "interrupt", "keeper", "postmaster", "stop", "restart")
RESTARTED = ("run", "term", "interrupt")
HIDDEN, WORDS, RANK = 16, 64, "16"
SHAPES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (2 * HIDDEN, HIDDEN),
    "mlp.up_proj": (2 * HIDDEN, HIDDEN),
    "mlp.down_proj": (HIDDEN, 2 * HIDDEN),
}
TEAMS = 20  # folders of models
LONGEST_STOP = 5.0  # seconds
LOOK = 0.05  # seconds between two looks
AT_MOST = 4  # commands that end with an error before a round is given up
COUNT = "SELECT count(*) FROM registry_tables.{} WHERE model_id = models.id"
TABLES = (
    "branches",
    "clusterings",
    "fingerprints",
    "histograms",
    "ledgers",
    "matrices",
    "outlines",
    "sources",
    "spaces",
    "tensors",
    "verdicts",
)
ROWS = ", ".join(f"({COUNT.format(table)})" for table in TABLES)

MODELS = f"SELECT name, digest, {ROWS} FROM registry_tables.models"  # noqa: S608  # ours


@dataclass
class Tally:
    """What has happened so far."""

    rounds: int = 0
    models: int = 0
    lost: int = 0
    twice: int = 0
    half: int = 0
    stuck: int = 0
    failed: int = 0
    reread: int = 0
    leaked: int = 0
    commands: int = 0
    seconds: float = 0.0
    killed: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Make the tree, go through the rounds, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--faults", type=int, default=6, help="in each round")
    parser.add_argument(
        "--every", type=float, default=15.0, help="seconds, at most, between two faults"
    )
    parser.add_argument(
        "--limit", type=float, default=900.0, help="seconds until a command counts as stuck"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    options = parser.parse_args()
    tally = Tally(models=options.models)
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="bulk-chaos-") as scratch:
        tree = Path(scratch) / "tree"
        make_tree(tree, options.models)
        for number in range(options.rounds):
            one = Round(tree, Path(scratch) / f"data-{number}", tally, dice, options)
            one.run()
    print(json.dumps({**vars(tally), "seconds": round(tally.seconds, 1), "seed": options.seed}))


def make_tree(tree: Path, count: int) -> None:
    """Write independent random models of one layer."""
    for number in range(count):
        draw = np.random.default_rng(number)
        tensors = {"model.embed_tokens.weight": draw.standard_normal((WORDS, HIDDEN), np.float32)}
        spread = np.float32(0.02 + 0.0001 * (number % 100))
        for name, shape in SHAPES.items():
            weights = spread * draw.standard_normal(shape, np.float32)
            tensors[f"model.layers.0.{name}.weight"] = weights
        tensors["model.layers.0.input_layernorm.weight"] = np.ones(HIDDEN, np.float32)
        folder = tree / f"team-{number % TEAMS}" / f"model-{number}"
        folder.mkdir(parents=True)
        save_file(tensors, folder / "model.safetensors")


class Round:
    """One run over the tree that is disturbed, until a command says that it is done."""

    def __init__(
        self, tree: Path, data: Path, tally: Tally, dice: random.Random, options: argparse.Namespace
    ) -> None:
        self.tree = tree
        self.server = Server(data)
        self.log = data.with_suffix(".log")
        self.tally = tally
        self.dice = dice
        self.options = options
        self.faults: list[str] = []
        self.codes: list[int | str] = []

    def run(self) -> None:
        """Disturb the run, and look what became of the database."""
        began = time.monotonic()
        errors = 0
        left = self.options.faults
        while errors < AT_MOST:
            command = self.command("ingest", "--tree", str(self.tree), "--rank", RANK)
            left = self.disturb(command, left)
            code = self.ended(command)
            if code == 0:
                break
            errors += code not in {-signal.SIGKILL, 128 + signal.SIGTERM, 128 + signal.SIGINT}
        self.ended(self.command("flush"))
        self.tally.rounds += 1
        self.tally.seconds += time.monotonic() - began
        counts = self.look()
        self.wait_for_the_end()
        sockets = usual_folder(self.server.data_dir / "sockets")
        leaked = leaks(self.server) + sockets.exists()
        self.tally.leaked += leaked
        if not self.options.json or any(counts.values()) or leaked or errors:
            row = f"{self.tally.rounds:3} {' '.join(self.faults)}: codes {self.codes}, {counts}"
            print(
                f"{row}, leaked {leaked}, {time.monotonic() - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        if any(counts.values()) or errors:
            print(self.log.read_text()[-4000:], file=sys.stderr, flush=True)

    def command(self, *words: str) -> psutil.Popen:
        """Start a command in the data folder, as the leader of a group of processes."""
        self.tally.commands += 1
        environment = {**os.environ, "REGISTRY_DATA_DIR": str(self.server.data_dir)}
        environment.pop("REGISTRY_DATABASE_URL", None)
        workers = ["--workers", str(self.options.workers)] if words[0] == "ingest" else []
        with self.log.open("a") as log:
            print("$", *words, file=log, flush=True)
            return psutil.Popen(
                [*COMMAND, *words, *workers],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def disturb(self, command: psutil.Popen, left: int) -> int:
        """Disturb a command until it ends; return how many faults are left."""
        while left and command.poll() is None:
            with suppress(psutil.TimeoutExpired):
                command.wait(self.dice.uniform(0, self.options.every))
            fault = self.dice.choice(FAULTS)
            if not self.do(fault, command):
                continue
            left -= 1
            self.faults.append(fault)
            self.tally.killed[fault] += 1
            if fault in RESTARTED:
                return left
        return left

    def do(self, fault: str, command: psutil.Popen) -> bool:
        """Disturb; return whether there was anything to."""
        workers = workers_of(command)
        first = postmaster(self.server.pid(), self.server.cluster)
        if command.poll() is not None or not workers or first is None:
            time.sleep(LOOK)
            return False
        try:
            if fault in RESTARTED or fault == "worker":
                self.disturb_command(fault, command, workers)
            else:
                self.disturb_database(fault, first)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return False
        return True

    def disturb_command(
        self, fault: str, command: psutil.Popen, workers: list[psutil.Process]
    ) -> None:
        """Disturb the command, or one of its workers."""
        if fault == "worker":
            self.dice.choice(workers).kill()
        elif fault == "run":
            command.kill()
            command.wait()
            self.wait_for(workers)
        elif fault == "term":
            command.terminate()
        else:
            os.killpg(command.pid, signal.SIGINT)

    def disturb_database(self, fault: str, first: psutil.Process) -> None:
        """Disturb the database. first: its first process, whose parent is its keeper."""
        if fault == "postmaster":
            first.kill()
        elif fault == "restart":
            first.send_signal(signal.SIGINT)
        elif fault == "stop":
            self.stop_database()
        else:
            keeper = first.parent()
            if keeper is not None and keeper.pid > 1:
                keeper.kill()

    def stop_database(self) -> None:
        """Stop all processes of the database for some seconds."""
        stopped = list(members(self.server.cluster))
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        time.sleep(self.dice.uniform(0, LONGEST_STOP))
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def wait_for(self, workers: list[psutil.Process]) -> None:
        """Wait for the workers of a command that was killed; one that stays is stuck."""
        _, alive = psutil.wait_procs(workers, timeout=self.options.limit)
        self.tally.stuck += len(alive)
        for process in alive:
            process.kill()

    def ended(self, command: psutil.Popen) -> int | None:
        """Wait for a command; return its exit code. One that does not end is killed, and stuck."""
        try:
            code: int | None = command.wait(self.options.limit)
        except psutil.TimeoutExpired:
            self.tally.stuck += 1
            command.kill()
            code = command.wait()
        self.codes.append(code if code is not None else "?")
        return code

    def look(self) -> dict[str, int]:
        """Compare what is stored with what must be."""
        with (
            self.server.connected() as url,
            psycopg.connect(url, **self.server.client) as connection,
        ):
            rows = connection.execute(MODELS).fetchall()
            jobs = connection.execute(
                "SELECT source, state FROM registry_tables.jobs ORDER BY id"
            ).fetchall()
            done = "SELECT count(*) - count(DISTINCT stamp) FROM registry_tables.jobs WHERE state = 'done'"
            reread = connection.execute(done).fetchone()
        names = {f"model-{number}" for number in range(self.options.models)}
        newest = {Path(source).name: state for source, state in jobs}
        failed = {name for name, state in newest.items() if state == "failed"}
        shapes = Counter(row[2:] for row in rows)
        usual = max(shapes.values(), default=0)
        counts = {
            "lost": len(names - {row[0] for row in rows} - failed),
            "twice": len(rows) - len({row[1] for row in rows}),
            "half": sum(shapes.values()) - usual,
            "failed": len(failed),
            "reread": reread[0] if reread else 0,
        }
        for key, count in counts.items():
            setattr(self.tally, key, getattr(self.tally, key) + count)
        return counts

    def wait_for_the_end(self) -> None:
        """Wait until the server, which nobody uses, has stopped and its keeper has cleared up."""
        deadline = time.monotonic() + self.options.limit
        while (self.server.running() or self.server.kept()) and time.monotonic() < deadline:
            time.sleep(LOOK)


def workers_of(command: psutil.Popen) -> list[psutil.Process]:
    """Return the workers of a command."""
    workers = []
    with suppress(psutil.Error):
        for child in command.children():
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    workers.append(child)
    return workers


if __name__ == "__main__":
    main()
