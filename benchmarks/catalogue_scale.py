"""How fast a catalogue of models that consist of vectors is imported, and exported again.

    python benchmarks/catalogue_scale.py --models 1000000 --json

Models with std, two clusterings and an outline of three sketches, in families of fifty, are written to a
catalogue and imported into an embedded database of its own, which is removed again. Beside the time by the clock
stands the processor time of the server's process and of this one, which run side by side: with two cores to
themselves the longer of them is the time that it takes.
"""

import argparse
import hashlib
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from sqlalchemy import Engine, event, text

from registry.architectures.roles import PROJECTIONS
from registry.catalogues.columns import TYPES, parts
from registry.catalogues.fields import fixed
from registry.catalogues.flat import Flat, Flats
from registry.catalogues.writer import Writer
from registry.database.connecting.connection import open_database
from registry.workflows import catalogues

GROUP = 10_000
FAMILY = 50
LABELS = [1, 1, 0, 0, 0, 0, 0] * 4


def flats(first: int, count: int, draw: np.random.Generator) -> Flats:
    """Models of vectors alone."""
    std = draw.random((count, 7))
    sketch = fixed(draw.standard_normal((count, 256)).astype("<f2").view("V512").reshape(-1))
    twice = 2 * count
    contents = {
        "model": models(first, count),
        "fingerprint": {
            "projections": [list(PROJECTIONS)] * count, "std": list(std), "rank": [64] * count,
            "nonfinite": [0] * count, "unknown": [[]] * count, "stored": [None] * count,
            "vocabulary": [32000] * count, "zero": [[]] * count, "tied": [False] * count,
        },
        "outline": {"start": sketch, "stream": sketch, "token": sketch, "own": [None] * count},
        "clusterings": {
            "rank": [16, 64] * count, "shares": list(np.repeat(std, 2, axis=0)), "labels": [LABELS] * twice,
            "labels3": [LABELS] * twice, "inertia": [0.1] * twice, "margin": [0.1] * twice,
            "undetermined": [[]] * twice,
        },
    }  # fmt: skip
    made = {}
    for name, part in parts().items():
        content = contents.get(name, {})
        columns = [array(content.get(column, []), kind) for column, kind in part.columns.items()]
        made[name] = Flat(part, columns, np.full(count, len(columns[0]) // count, np.int32))
    return made


def array(values: Any, kind: str) -> pa.Array:
    """A column."""
    return values if isinstance(values, pa.Array) else pa.array(values, TYPES[kind])


def models(first: int, count: int) -> dict[str, list[Any]]:
    """What models are called."""
    numbers = range(first, first + count)
    names = [f"org{number % 1000}/model-{number}" for number in numbers]
    same = {
        "kind": "model", "family_set": False, "revision": None, "declared_base": None,
        "architecture": "LlamaForCausalLM", "dtype": "bf16", "parameters": 7_000_000_000, "layers": 32,
        "hidden_size": 4096, "cast_digest": None, "fingerprint_version": 3, "tool_version": "0",
        "ingested_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return {
        **{name: [value] * count for name, value in same.items()},
        "name": names,
        "source": names,
        "family": [f"family-{number // FAMILY}" for number in numbers],
        "digest": [hashlib.sha256(name.encode()).hexdigest() for name in names],
    }


def measured(count: int, folder: Path) -> dict[str, Any]:
    """Write a catalogue, import it into an empty registry, and export it again."""
    path = folder / "catalogue.parquet"
    draw = np.random.default_rng(0)
    with Writer(path, "0") as writer:
        for first in range(0, count, GROUP):
            writer.write(flats(first, min(GROUP, count - first), draw))
    with open_database() as engine:
        before = size(engine)
        seconds, own, server = timed(
            engine, lambda: catalogues.import_file(engine, path, whole=False)
        )
        again, _, _ = timed(engine, lambda: catalogues.import_file(engine, path, whole=False))
        stored = size(engine) - before
        exported, _, _ = timed(
            engine, lambda: catalogues.export_catalogue(engine, folder / "again.parquet", "0")
        )
    return {
        "models": count,
        "import_seconds": round(seconds, 2),
        "imported_per_second": round(count / seconds),
        "server_processor_seconds": round(server, 2),
        "own_processor_seconds": round(own, 2),
        "per_second_of_the_busier": round(count / max(own, server)),
        "known_per_second": round(count / again),
        "exported_per_second": round(count / exported),
        "file_bytes_a_model": round(path.stat().st_size / count),
        "database_bytes_a_model": round(stored / count),
    }


def size(engine: Engine) -> int:
    """Bytes of the database."""
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")))


def timed(engine: Engine, work: Any) -> tuple[float, float, float]:
    """Seconds by the clock, of this process and of the server's processes that it speaks to."""
    spent: dict[int, float] = {}

    def note(connection: Any) -> None:
        backend = connection.connection.driver_connection.info.backend_pid
        times = psutil.Process(backend).cpu_times()
        spent[backend] = times.user + times.system

    event.listen(engine, "commit", note)
    began, own = time.perf_counter(), time.process_time()
    work()
    seconds, own = time.perf_counter() - began, time.process_time() - own
    event.remove(engine, "commit", note)
    return seconds, own, sum(spent.values())


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REGISTRY_DATA_DIR"] = f"{folder}/data"
        os.environ.pop("REGISTRY_DATABASE_URL", None)
        answer = measured(options.models, Path(folder))
    if options.json:
        print(json.dumps(answer))
        return
    for name, value in answer.items():
        print(f"{name:28}{value:>14,}")


if __name__ == "__main__":
    main()
