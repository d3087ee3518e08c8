"""Kill processes of the embedded database, and commands, at random moments; count what was lost.

    python benchmarks/chaos.py --json

Each round starts one command (ingest, identify, remove, upgrade, or the first of a new data folder) in a process of
its own, and at a random moment of it, or of the seconds after it, sends SIGKILL, SIGTERM or SIGQUIT, as soon as it is there, to the command, the
keeper, the postmaster, the backend that serves the command, or the checkpointer. After a random pause comes the next
command, `registry list`, which must work whatever happened. Then the database is read:

    lost     models that were committed, or that a command said it had stored or would store by `registry flush`, and
             that are not there
    half     models of which rows are missing, compared with those of an ingest that nobody disturbed
    stuck    commands that had to be killed after --limit seconds
    failed   next commands that ended with an error
    leaked   processes, folders of sockets and locks that are left when all is over

Prints a row for each round to stderr and ends with one JSON line: the counts, which should all be 0, and
slowest_next, the seconds of the slowest next command. --seed repeats the choice of what is killed and when.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from registry.database.embedded.processes import members, postmaster
from registry.database.embedded.server import Server
from registry.database.embedded.sockets import PARENT, PREFIX

ROOT = Path(__file__).parents[1]
CHECKPOINTS = ROOT / "examples" / "checkpoints"
MODELS = (
    "llama-tiny",
    "llama-tiny-code",
    "phi-tiny",
    "phi-tiny-code",
    "qwen-tiny",
    "qwen-tiny-code",
)
ACTIONS = ("ingest", "identify", "remove", "upgrade", "first start")
VICTIMS = ("client", "keeper", "postmaster", "backend", "checkpointer")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT)
LATE = 0.3  # share of the rounds in which the moment may come after the command
AFTERWARDS = 3.0  # seconds after it: the keeper looks every 3 s
LOOK = 0.002  # seconds between two looks for a process that is not there yet
PAUSE = 4.0  # seconds, at most, before the next command
OLD_VERSION = 2  # a fingerprint's version that `upgrade` renews
ROWS = """
    SELECT models.name, fingerprint_version, row_to_json(counts)::text
    FROM registry_tables.models, LATERAL (SELECT {counts}) AS counts ORDER BY models.name
"""


@dataclass
class Tally:
    """What has happened so far."""

    rounds: int = 0
    lost: int = 0
    half: int = 0
    stuck: int = 0
    failed: int = 0
    leaked: int = 0
    slowest_next: float = 0.0
    killed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Ended:
    """How a command ended. code: None where it had to be killed because it did not end."""

    code: int | None
    output: str
    seconds: float


@dataclass
class Stored:
    """The models of a database: the rows of each, by table, and the versions of their fingerprints."""

    rows: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


class Chaos:
    """Rounds in one data folder. `whole` has each model's rows after an ingest that nobody disturbed."""

    def __init__(self, scratch: Path, options: argparse.Namespace) -> None:
        self.scratch = scratch
        self.options = options
        self.random = random.Random(options.seed)
        self.server = Server(scratch / "data")
        self.tally = Tally()
        self.whole: dict[str, str] = {}
        self.expected: set[str] = set()
        self.duration: dict[str, float] = {}

    def command(self, *words: str, server: Server | None = None) -> subprocess.Popen[str]:
        """Start a command in the data folder of a server."""
        environment = {**os.environ, "REGISTRY_DATA_DIR": str((server or self.server).data_dir)}
        environment.pop("REGISTRY_DATABASE_URL", None)
        return subprocess.Popen(  # noqa: S603  # ours
            [sys.executable, str(ROOT / "cli.py"), *words],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def ended(self, process: subprocess.Popen[str], began: float) -> Ended:
        """Wait for a command, which is killed and counted as stuck if it takes longer than the limit."""
        try:
            output, _ = process.communicate(timeout=self.options.limit)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            code = None
            self.tally.stuck += 1
        return Ended(code, output, time.monotonic() - began)

    def run(self, *words: str, server: Server | None = None) -> Ended:
        """Run a command that nobody disturbs."""
        began = time.monotonic()
        return self.ended(self.command(*words, server=server), began)

    def prepare(self) -> None:
        """Ingest all models once, to learn what they look like and how long commands take."""
        self.run("list")
        sources = [str(CHECKPOINTS / name) for name in MODELS]
        ingested = self.run("ingest", *sources)
        if ingested.code:
            sys.exit(ingested.output)
        self.whole = self.stored().rows
        self.expected = set(self.whole)
        for action in ACTIONS:
            words = ["list"] if action == "first start" else self.words(action, MODELS[0])
            self.duration[action] = self.run(*words).seconds
        self.expected.discard(MODELS[0])
        self.restore(MODELS[0])

    def restore(self, model: str) -> None:
        """Bring a model back."""
        if self.run("ingest", str(CHECKPOINTS / model)).code == 0:
            self.expected.add(model)

    def words(self, action: str, model: str) -> list[str]:
        """Return a command on a model."""
        if action in {"ingest", "identify"}:
            return [action, str(CHECKPOINTS / model)]
        return [action, model]

    def round(self) -> None:
        """Disturb one command, and look what became of the database."""
        action = self.random.choice(ACTIONS)
        if action == "first start":
            self.first_start()
            return
        model = self.random.choice(MODELS)
        if action == "ingest":
            self.run("remove", model, "--yes")
            self.expected.discard(model)
        elif model not in self.expected:
            self.restore(model)
        if action == "upgrade":
            self.make_old(model)
        ended, row = self.disturbed(self.words(action, model), action, self.server)
        following = self.next_command(self.server)
        self.look(action, model, ended)
        self.say(f"{row}, ended with {ended.code}; next after {following.seconds:.1f} s")

    def first_start(self) -> None:
        """Disturb the command that makes a data folder."""
        server = Server(self.scratch / f"first-{self.tally.rounds}")
        ended, row = self.disturbed(["list"], "first start", server)
        following = self.next_command(server)
        self.wait_for_the_end(server)
        self.tally.leaked += leaks(server)
        shutil.rmtree(server.data_dir, ignore_errors=True)
        self.say(f"{row}, ended with {ended.code}; next after {following.seconds:.1f} s")

    def disturbed(self, words: list[str], action: str, server: Server) -> tuple[Ended, str]:
        """Run a command and kill something at a random moment; return how it ended and what was done."""
        victim, number = self.random.choice(VICTIMS), self.random.choice(SIGNALS)
        late = self.random.random() < LATE
        moment = (
            self.duration[action] * self.random.random() + late * AFTERWARDS * self.random.random()
        )
        began = time.monotonic()
        process = self.command(*words, server=server)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        time.sleep(max(0.0, began + moment - time.monotonic()))
        hit = False
        until = time.monotonic() + self.duration[action] + AFTERWARDS
        while not hit and time.monotonic() < until and (process.poll() is None or server.running()):
            hit = kill(victim, number, process, server)
            time.sleep(LOOK)
        self.tally.killed[victim] += hit
        row = f"{action}: {victim} {number.name} from {moment:.2f} s on{'' if hit else ' (not there)'}"
        return self.ended(process, began), row

    def next_command(self, server: Server) -> Ended:
        """Run the command that comes after a disturbance."""
        time.sleep(self.random.uniform(0, PAUSE))
        ended = self.run("list", server=server)
        self.tally.slowest_next = max(self.tally.slowest_next, ended.seconds)
        if ended.code:
            self.tally.failed += 1
            print(ended.output, file=sys.stderr)
        return ended

    def look(self, action: str, model: str, ended: Ended) -> None:
        """Compare what is stored with what must be, and go on from what is."""
        if "registry flush" in ended.output:
            self.run("flush")
            ended = Ended(0, ended.output, ended.seconds)
        stored = self.stored()
        required = set(self.expected)
        if action == "ingest" and ended.code == 0:
            required.add(model)
        if action == "remove":
            required.discard(model)
        self.tally.lost += len(required - set(stored.rows))
        for name, rows in stored.rows.items():
            if rows != self.whole[name]:
                self.tally.half += 1
        if (action, ended.code) == ("remove", 0) and model in stored.rows:
            self.tally.lost += 1  # the removal was
        if (action, ended.code) == ("upgrade", 0) and stored.versions.get(model) == OLD_VERSION:
            self.tally.lost += 1  # the new fingerprint was
        self.expected = set(stored.rows)

    def make_old(self, model: str) -> None:
        """Make a model's fingerprint one of an older version."""
        with (
            self.server.connected() as url,
            psycopg.connect(url, **self.server.client) as connection,
        ):
            change = "UPDATE registry_tables.models SET fingerprint_version = %s WHERE name = %s"
            connection.execute(change, (OLD_VERSION, model))

    def stored(self) -> Stored:
        """Read all models and count their rows in every table."""
        with (
            self.server.connected() as url,
            psycopg.connect(url, **self.server.client) as connection,
        ):
            tables = connection.execute(
                "SELECT table_name FROM information_schema.columns JOIN information_schema.tables"
                " USING (table_schema, table_name) WHERE column_name = 'model_id'"
                " AND table_schema = 'registry_tables' AND table_type = 'BASE TABLE'"
                " AND table_name NOT IN ('events', 'jobs') ORDER BY table_name"
            ).fetchall()
            counts = [
                f"(SELECT count(*) FROM registry_tables.{name} WHERE model_id = models.id) AS {name}"  # noqa: S608  # the names are the catalogue's
                for (name,) in tables
            ]
            stored = Stored()
            for name, version, rows in connection.execute(ROWS.format(counts=", ".join(counts))):
                stored.rows[name] = rows
                stored.versions[name] = version
        return stored

    def wait_for_the_end(self, server: Server) -> None:
        """Wait until a server that nobody uses has stopped and its keeper has cleared up."""
        deadline = time.monotonic() + self.options.limit
        while (server.running() or server.kept()) and time.monotonic() < deadline:
            time.sleep(0.1)

    def say(self, row: str) -> None:
        """Print a row on stderr."""
        if not self.options.json:
            print(f"{self.tally.rounds:3} {row}", file=sys.stderr, flush=True)


def kill(
    victim: str, number: signal.Signals, client: subprocess.Popen[str], server: Server
) -> bool:
    """Send a signal to a process; return whether there was one."""
    if victim == "client":
        running = client.poll() is None
        if running:
            client.send_signal(number)
        return running
    first = postmaster(server.pid(), server.cluster)
    if first is None:
        return False
    try:
        process = chosen(victim, first)
        if process is not None:
            process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return process is not None


def chosen(victim: str, first: psutil.Process) -> psutil.Process | None:
    """Return one of the server's processes. first: its first one."""
    if victim == "postmaster":
        return first
    if victim == "keeper":
        parent = first.parent()
        return parent if parent and parent.pid > 1 else None
    title = "checkpointer" if victim == "checkpointer" else "registry registry"
    for child in first.children():
        if title in " ".join(child.cmdline()):
            return child
    return None


def leaks(server: Server) -> int:
    """Count processes, locks and folders that a server which nobody uses has left behind."""
    locks = sum((server.running(), server.kept()))
    processes = len(list(members(server.cluster))) + keepers(server)
    return locks + processes


def keepers(server: Server) -> int:
    """Count the keepers of a data folder."""
    count = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            count += any("keeper.py" in word for word in words) and str(
                server.data_dir
            ) in " ".join(words)
    return count


def socket_folders() -> set[Path]:
    """Return the folders of all servers' sockets."""
    return set(PARENT.glob(f"{PREFIX}*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line, no rows")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--limit", type=float, default=60.0, help="seconds until a command counts as stuck"
    )
    options = parser.parse_args()
    before = socket_folders()
    with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
        chaos = Chaos(Path(scratch), options)
        chaos.prepare()
        for _ in range(options.rounds):
            chaos.tally.rounds += 1
            chaos.round()
        chaos.wait_for_the_end(chaos.server)
        chaos.tally.leaked += leaks(chaos.server)
        chaos.server.stop()
    tally = chaos.tally
    tally.leaked += len(socket_folders() - before)
    answer = {**vars(tally), "slowest_next": round(tally.slowest_next, 2), "seed": options.seed}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
