"""How fast `registry serve` answers, with a registry of many models and fifty people who look at it.

    python benchmarks/web.py --json
    python benchmarks/web.py --models 10000 --seconds 5

A registry in an embedded database of its own (web_registry.py), removed again, is served by the command, as it is
typed. Clients keep their connections, each asks for a page, reads it, and asks for another after a pause of a second on
average; all pages of a kind are of models drawn at random, so that nothing is kept from before. Then the same clients
ask without any pause, which shows what the server can do at most. Servers, database and clients share this machine; the
processor time of each request stands beside its time by the clock. `errors` counts what is no whole page of status 200.
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from web_registry import FAMILY, fill, name_of

from registry.database.connecting.connection import open_database
from registry.fingerprints.record import VERSION
from registry.web import addresses
from registry.workflows.search import build_indexes

ROOT = Path(__file__).parents[1]
Maker = Callable[[random.Random, int], str]


def searched(draw: random.Random, models: int) -> str:
    """A search: of a family by distance, by size, by name, by verdict."""
    number = draw.randrange(models)
    family, size = number // FAMILY, 1_000_000_000 + number * 1000
    where = draw.choice(
        [
            f"family = 'family-{family}' and std_distance < 1e-3",
            f"parameters > {size} and architecture = 'Qwen3ForCausalLM'",
            f"name like 'org{number % 1000}/%'",
            f"verdict = 'derived' and base = '{name_of(number)}'",
            f"'model-{number}'",
            "std_distance < 1e-4",
        ]
    )
    near = name_of(number) if "std_distance" in where else None
    return addresses.models(where=where, near=near)


KINDS: dict[str, Maker] = {
    "search": searched,
    "model": lambda draw, models: addresses.model(name_of(draw.randrange(models))),
    "tree": lambda draw, models: addresses.tree(name_of(draw.randrange(models))),
    "family": lambda draw, models: addresses.family(f"family-{draw.randrange(models) // FAMILY}"),
    "list": lambda draw, models: addresses.models(
        after=f"{VERSION}:{name_of(draw.randrange(models))}"
    ),
}
TILES = re.compile(r"/atlas/\{(\w+)\}/\{(\w+)\}/\{(\w+)\}\.json")
"""The twin of a tile of the atlas, as OpenAPI has it: zoom, column, row."""
DEEPEST = 6


@dataclass
class Asked:
    """What became of requests: seconds of each, by kind, and how many failed."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: int = 0


class Client:
    """One person: a connection that is kept."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Ask for a page; return its status and all of it."""
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        """Hang up."""
        if self.streams:
            self.streams[1].close()
            self.streams = None


async def look(
    client: Client, draw: random.Random, options: Any, until: float, pause: float, asked: Asked
) -> None:
    """Ask for page after page."""
    await asyncio.sleep(draw.random() * pause)
    while time.perf_counter() < until:
        kind = draw.choice(list(KINDS))
        path = KINDS[kind](draw, options.models)
        began = time.perf_counter()
        try:
            status, body = await client.get(path)
        except (OSError, asyncio.IncompleteReadError):
            asked.errors += 1
            client.close()
            continue
        asked.seconds[kind].append(time.perf_counter() - began)
        if status != 200 or not body.rstrip().endswith((b"</html>", b"</svg>", b"}")):
            asked.errors += 1
        if pause:
            await asyncio.sleep(draw.uniform(0.5, 1.5) * pause)


async def crowd(url: str, options: Any, pause: float) -> Asked:
    """Have all clients look for a while."""
    place = urlsplit(url)
    clients = [Client(place.hostname or "", place.port or 80) for _ in range(options.clients)]
    asked = Asked()
    until = time.perf_counter() + options.seconds
    draws = [random.Random(number) for number in range(options.clients)]
    await asyncio.gather(
        *[
            look(client, draw, options, until, pause, asked)
            for client, draw in zip(clients, draws, strict=True)
        ]
    )
    for client in clients:
        client.close()
    return asked


def processor_seconds(process: psutil.Process) -> float:
    """Of a process and all that it has started."""
    seconds = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        seconds += times.user + times.system
    return seconds


def measured(
    url: str, options: Any, pause: float, server: psutil.Process, database: psutil.Process
) -> dict[str, Any]:
    """Times of all kinds of pages, in ms, and processor time a request."""
    before = processor_seconds(server), processor_seconds(database)
    began = time.perf_counter()
    asked = asyncio.run(crowd(url, options, pause))
    seconds = time.perf_counter() - began
    count = max(1, sum(map(len, asked.seconds.values())))
    answer: dict[str, Any] = {
        "requests": count,
        "requests_per_second": round(count / seconds, 1),
        "errors": asked.errors,
    }
    answer["server_processor_ms"] = round(1000 * (processor_seconds(server) - before[0]) / count, 2)
    answer["database_processor_ms"] = round(
        1000 * (processor_seconds(database) - before[1]) / count, 2
    )
    for kind in sorted(asked.seconds):
        p50, p95 = map(float, np.percentile(asked.seconds[kind], [50, 95]))
        answer[f"{kind}_p50_ms"], answer[f"{kind}_p95_ms"] = (
            round(1000 * p50, 1),
            round(1000 * p95, 1),
        )
    return answer


def alone(url: str, options: Any) -> dict[str, float]:
    """The median time of every kind of page for one who asks alone, in ms."""

    async def ask() -> dict[str, float]:
        place = urlsplit(url)
        client, draw = Client(place.hostname or "", place.port or 80), random.Random(0)
        medians = {}
        for kind, make in KINDS.items():
            seconds = []
            for _ in range(20):
                began = time.perf_counter()
                await client.get(make(draw, options.models))
                seconds.append(time.perf_counter() - began)
            medians[f"{kind}_ms"] = round(1000 * float(np.median(seconds)), 1)
        client.close()
        return medians

    return asyncio.run(ask())


def tile_maker(paths: dict[str, Any]) -> Maker | None:
    """What draws addresses of tiles of the atlas; None where the page has none."""
    for path in paths:
        match = TILES.fullmatch(path)
        if match:
            return lambda draw, _: tile_path(path, match.groups(), draw)
    return None


def tile_path(path: str, names: tuple[str, ...], draw: random.Random) -> str:
    """The address of a tile drawn at random."""
    zoom = draw.randint(0, DEEPEST)
    values = (zoom, draw.randrange(2**zoom), draw.randrange(2**zoom))
    for name, value in zip(names, values, strict=True):
        path = path.replace(f"{{{name}}}", str(value))
    return path.removesuffix(".json")


def run(options: Any, folder: str) -> dict[str, Any]:
    """Make a registry, serve it and look at it."""
    os.environ["REGISTRY_DATA_DIR"] = f"{folder}/data"
    os.environ.pop("REGISTRY_DATABASE_URL", None)
    with open_database() as engine:
        fill(engine, options.models, VERSION)
        build_indexes()
        atlas = subprocess.run(
            [sys.executable, "cli.py", "atlas"], cwd=ROOT, capture_output=True, check=False
        )
        command = [sys.executable, "cli.py", "serve", "--port", "0", "--json"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ours
            assert process.stdout
            text = ""
            while not text.endswith("}\n"):
                text += process.stdout.readline()
            url = json.loads(text)["url"]
            try:
                return looked(url, options, process.pid, Path(folder), drawn=atlas.returncode == 0)
            finally:
                process.terminate()


def looked(url: str, options: Any, pid: int, folder: Path, *, drawn: bool) -> dict[str, Any]:
    """Measure a server that runs."""
    place = urlsplit(url)
    status, body = asyncio.run(Client(place.hostname or "", place.port or 80).get("/openapi.json"))
    maker = tile_maker(json.loads(body)["paths"]) if status == 200 and drawn else None
    if maker:
        KINDS["atlas"] = maker
    lines = (folder / "data" / "cluster" / "postmaster.pid").read_text().splitlines()
    server, database = psutil.Process(pid), psutil.Process(int(lines[0]))
    medians = alone(url, options)
    people = measured(url, options, options.pause, server, database)
    busy = measured(url, options, 0, server, database)
    errors = people.pop("errors") + busy.pop("errors")
    sizes = {"models": options.models, "clients": options.clients, "pause_seconds": options.pause}
    return {**sizes, **people, "alone": medians, "without_pause": busy, "errors": errors}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two crowds")
    parser.add_argument(
        "--pause", type=float, default=1, help="seconds between two pages of one client, on average"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answer = run(options, folder)
    if options.json:
        print(json.dumps(answer))
        return
    for name, value in answer.items():
        print(f"{name:28}{value!s:>14}")


if __name__ == "__main__":
    main()
