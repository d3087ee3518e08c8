"""Fuzz the importer: every outcome of a damaged or dishonest catalogue is an import or one CatalogueError.

    python benchmarks/fuzz_catalogues.py --count 5000

Half of the files are a catalogue with bytes changed, cut or copied; the other half are honest about their
digests, and hold other values in one place or several: NaN, huge and negative numbers, texts that act,
nothing, lists too long, JSON that is none. Each is imported into an embedded database of its own, in a
transaction that is given up, with four gigabytes of address space beyond what the interpreter has; what was
imported is read back. Anything but an answer or a CatalogueError is a failure, and its seed repeats it
(--seed N --count 1). Ends with one JSON line.
"""

import argparse
import copy
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "made"))

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from catalogues_made import register, rewritten
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from registry.catalogues.importing import store_catalogue
from registry.catalogues.opened import opened
from registry.database.connecting.connection import open_database
from registry.database.stored import fingerprints, models
from registry.errors import CatalogueError, UnreadableFile
from registry.workflows import catalogues

BUDGET = 4 << 30  # bytes
NUMBERS = (0, -1, 1, 7, 2**31 - 1, 2**63 - 1, -(2**31))
REALS = (float("nan"), float("inf"), -1.0, 0.0, 1e300, 1e-300)
TEXTS = ("", " ", "\0", "a\u202eb", "\x1b[31m", "x" * 400, "x" * 9000, "'; DROP TABLE x; --", "[]", "{}", "null", "[NaN]", "[" * 9000, '[{"name": 3}]', '[{"kind": "merged", "amount": "x", "parts": 3}]')  # fmt: skip


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Return a file with bytes changed, cut or copied."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(changed)) if draw.random() < 0.5 else len(changed) - draw.randint(1, min(9000, len(changed)))  # fmt: skip
        kind = draw.randrange(5)
        if kind == 0:
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[place : place + 4] = draw.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        elif kind == 2:
            del changed[place : place + draw.randint(1, 64)]
        elif kind == 3:
            changed[place:place] = changed[place : place + draw.randint(1, 64)]
        else:
            changed[place] = draw.randrange(256)
    return bytes(changed)


def lie(value: Any, draw: random.Random) -> Any:  # noqa: PLR0911  # a kind a line
    """Return a value of about the same type that it should not be."""
    if draw.random() < 0.1:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw.choice(NUMBERS)
    if isinstance(value, float):
        return draw.choice(REALS)
    if isinstance(value, str):
        return draw.choice([*TEXTS, value.upper(), value * 2])
    if isinstance(value, bytes):
        return draw.choice(
            [b"", value[:-1], value[: len(value) // 2], b"\xff" * len(value), value * 2]
        )
    if isinstance(value, list):
        return draw.choice([[], value[:-1], value * 2, value[::-1]])
    if isinstance(value, dict):
        return {key: lie(item, draw) for key, item in value.items()}
    return value


def lied(row: dict[str, Any], draw: random.Random) -> None:
    """Change one place of a row."""
    place: Any = row
    while True:
        key = draw.choice(list(place)) if isinstance(place, dict) else draw.randrange(len(place))
        value = place[key]
        if isinstance(value, dict | list) and value and draw.random() < 0.8:
            place = value
            continue
        place[key] = lie(value, draw)
        return


def outcome(engine: Any, path: Path) -> str:
    """Import a file, read back what was stored, and give it up."""
    with Session(engine) as session, opened(path, "a file") as catalogue:
        try:
            imported = store_catalogue(session, catalogue, whole=True)
            for summary in models.listing(session):
                fingerprints.load(session, summary.name)
            return "imported" if imported.changed else "nothing"
        finally:
            session.rollback()


def main() -> None:
    """Fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REGISTRY_DATA_DIR"] = f"{folder}/data"
        with open_database() as engine:
            url = os.environ.get("REGISTRY_DATABASE_URL") or None
            register(url, "a", "b", family="first")
            path = Path(folder) / "catalogue.parquet"
            catalogues.export_catalogue(engine, path, "0")
            with Session(engine) as session:
                session.execute(text("DELETE FROM registry_tables.models"))
                session.commit()
            fuzz(engine, path, options.seed, options.count)


def fuzz(engine: Any, path: Path, seed: int, count: int) -> None:
    """Try files, and print what became of them."""
    content = path.read_bytes()
    rows = pq.read_table(path).to_pylist()
    outcome(engine, path)
    size = psutil.Process().memory_info().vms + BUDGET
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    outcomes: Counter[str] = Counter()
    failures = []
    slowest = 0.0
    for number in range(seed, seed + count):
        draw = random.Random(number)
        began = time.process_time()
        try:
            if number % 2:
                path.write_bytes(damaged(content, draw))
            else:
                path.write_bytes(content)
                changed = copy.deepcopy(rows)
                for _ in range(draw.randint(1, 3)):
                    lied(draw.choice(changed), draw)
                taken = iter(changed)
                try:
                    rewritten(path, lambda row, taken=taken: row.update(next(taken)))
                except (pa.ArrowException, OverflowError, ValueError, TypeError):
                    outcomes["not to be written"] += 1
                    continue
            outcomes[outcome(engine, path)] += 1
        except (CatalogueError, UnreadableFile, DataError, IntegrityError) as exc:
            outcomes[type(exc).__name__] += 1
        except Exception as exc:  # noqa: BLE001  # whatever it is, it is a failure
            outcomes["FAILED"] += 1
            failures.append((number, repr(exc)[:300]))
            traceback.print_exc(limit=-3)
        slowest = max(slowest, time.process_time() - began)
    print(json.dumps({"seed": seed, "count": count, "outcomes": outcomes, "slowest": round(slowest, 2), "failures": failures}))  # fmt: skip


if __name__ == "__main__":
    main()
