"""Search among a million registered models: how fast, and how much is found.

    python benchmarks/registry_scale.py [--models 1000000] [--json] [--folder FOLDER]

Synthetic models by family (made_families.py) are copied into an embedded database. Asked are fresh children of random
models. A few models have everything that a verdict reads: a family of three, and whatever a shortlist holds. Ends with
one JSON line; `ratio` says how many times as long a scan in Postgres takes, and a flat index of faiss where it is
installed (`pip install faiss-cpu`).
"""

import argparse
import contextlib
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import psycopg
from asked_children import ASKED, SHORTLIST, Asked
from copied_models import copy_block
from made_families import KINDS, Block, blocks, unit_rows
from made_models import complete, invented, register_family
from sqlalchemy import Engine

from registry.database.connecting.connection import open_database
from registry.database.embedded.server import Server
from registry.database.searching import search_indexes
from registry.fingerprints.record import Fingerprint
from registry.workflows.identify import identify

SCANNED = 10  # of these also without an index
SMALL = 10_000  # models among which a verdict is timed, before all the others are there
RELATIVES = 3  # models of the family that a verdict is about: a base and two others
VERDICTS = 15  # times that each verdict is timed
NEAREST_MODELS = "SELECT * FROM registry.nearest_models(%s, 10)"
SCAN_STD = """
SELECT m.name FROM registry_tables.fingerprints AS f JOIN registry_tables.models AS m ON m.id = f.model_id
WHERE m.kind = 'model' AND m.fingerprint_version = 3
ORDER BY f.std_vector <=> (SELECT std_vector FROM registry_tables.fingerprints WHERE model_id = %s) LIMIT 11
"""
SHORTLISTED = """
SELECT model_id FROM registry_tables.near_outlines(
    %(start)s::halfvec, %(stream)s::halfvec, %(token)s::halfvec, %(std)s, %(projections)s, 'model', 3, 128
)
"""
SCAN_OUTLINES = """
SELECT model_id FROM registry_tables.outlines WHERE search_group = 768
ORDER BY least(start <#> %(start)s::halfvec, stream <#> %(stream)s::halfvec, token <#> %(token)s::halfvec) LIMIT 128
"""
LISTS_ALONE = """
SELECT model_id FROM registry_tables.outlines WHERE search_group = 768 ORDER BY {kind} <#> %({kind})s::halfvec LIMIT 128
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--folder", type=Path, help="for the database; a temporary one is removed")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(folder)
        stack.callback(server.stop)
        url = stack.enter_context(server.connected())
        engine = stack.enter_context(open_database(url))
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        say = (lambda _: None) if options.json else (lambda line: print(line, file=sys.stderr))
        answer = measured(engine, connection, options.models, options.seed, say)
    print(json.dumps(answer))


def measured(
    engine: Engine,
    connection: psycopg.Connection,
    count: int,
    seed: int,
    say: Callable[[object], None],
) -> dict:
    """Fill the database, in two steps, and time what is asked of it."""
    answer: dict = {"models": count, "asked": ASKED}
    server = psutil.Process(psutil.Process(connection.info.backend_pid).ppid())
    asked_model = register_family(engine, RELATIVES)
    first_id = connection.execute("SELECT max(id) + 1000 FROM registry_tables.models").fetchone()[0]

    asked = Asked.children(count, seed)
    copied = seconds = 0.0
    kept: list[Block] = []
    for block in parted_blocks(count, seed):
        if copied and f"identify_among_{SMALL}_ms" not in answer and copied >= SMALL:
            connection.execute("ANALYZE")
            answer |= timed_verdicts(engine, server, asked_model, f"identify_among_{SMALL}")
            say(answer)
        begin = time.perf_counter()
        with connection.transaction():
            copy_block(connection, block, first_id)
        seconds += time.perf_counter() - begin
        copied += len(block)
        asked.look_at(block)
        kept.append(block)
    answer["copied_models_per_second"] = round(copied / seconds)
    connection.execute("ANALYZE")
    say(answer)

    ask = [asked.parameters(place) for place in range(ASKED)]
    ids = (asked.parents + first_id).tolist()
    scans = {
        "std": timed(connection, SCAN_STD, [(number,) for number in ids[:SCANNED]]),
        "shortlist": timed(connection, SCAN_OUTLINES, ask[:SCANNED]),
    }
    begin = time.perf_counter()
    search_indexes.build(engine)
    answer["index_build_seconds"] = round(time.perf_counter() - begin, 1)
    answer |= sizes(connection)

    names = [(f"model-{number:08d}",) for number in ids]
    times = timed(connection, NEAREST_MODELS, names)
    answer |= times.summary("nearest_models") | {
        "nearest_models_exact": exact(connection, kept, ids, first_id)
    }
    answer["nearest_models_ratio_to_scan"] = ratio(scans["std"], times)
    times = timed(connection, SHORTLISTED, ask)
    answer |= times.summary("shortlist") | recalls(connection, asked, ask, first_id)
    answer["shortlist_ratio_to_scan"] = ratio(scans["shortlist"], times)
    say(answer)
    answer |= timed_verdicts(engine, server, asked_model, f"identify_among_{count}")
    answer |= flat(asked, kept)
    return answer


def parted_blocks(count: int, seed: int) -> Iterator[Block]:
    """Yield blocks of models, the first of them with SMALL and the rest of a family."""
    for block in blocks(count, seed):
        parts = [block] if block.first else block.parted(SMALL)
        yield from (part for part in parts if len(part))


@dataclass(frozen=True)
class Times:
    """How many milliseconds answers take, and how much of a processor each in the mean.

    The two are equal where nothing else runs on the machine.
    """

    each: np.ndarray
    cpu: float

    def summary(self, name: str) -> dict:
        """Return the median, the 95th percentile, and the processor's time."""
        return {
            f"{name}_ms": round(float(np.median(self.each)), 2),
            f"{name}_p95_ms": round(float(np.quantile(self.each, 0.95)), 2),
            f"{name}_cpu_ms": round(self.cpu, 2),
        }


def timed(connection: psycopg.Connection, query: str, parameters: Sequence) -> Times:
    """Time answers, after one that is not counted."""
    connection.execute(query, parameters[0]).fetchall()
    backend = psutil.Process(connection.info.backend_pid)
    spent = -busy(backend.cpu_times())
    times = []
    for values in parameters:
        begin = time.perf_counter()
        connection.execute(query, values).fetchall()
        times.append(1000 * (time.perf_counter() - begin))
    spent += busy(backend.cpu_times())
    return Times(np.array(times), 1000 * spent / len(times))


def busy(times: Any) -> float:
    """Return the seconds that a process and the children that it has ended kept a processor."""
    return times.user + times.system + times.children_user + times.children_system


def ratio(scan: Times, times: Times) -> float:
    """Return how many times as long a scan takes."""
    return round(float(np.median(scan.each) / np.median(times.each)), 1)


def sizes(connection: psycopg.Connection) -> dict:
    """Return bytes a model, of what the search reads and of its indexes."""
    query = """
        SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c
        WHERE relnamespace = 'registry_tables'::regnamespace AND relkind = 'r'
          AND relname IN ('models', 'fingerprints', 'clusterings', 'outlines', 'families', 'family_counts')
        UNION ALL SELECT sum(pg_relation_size(oid)) FROM pg_class
        WHERE relnamespace = 'registry_tables'::regnamespace AND relname LIKE '%search_idx'
        UNION ALL SELECT sum(models) FROM registry_tables.model_counts"""
    whole, indexes, models = (float(row[0]) for row in connection.execute(query).fetchall())
    return {
        "bytes_a_model": round(whole / models),
        "of_these_search_indexes": round(indexes / models),
    }


def exact(
    connection: psycopg.Connection, kept: Sequence[Block], ids: list[int], first_id: int
) -> bool:
    """Return whether the ten nearest by std vector are those that numpy finds among all."""
    chosen = np.array(ids[:50]) - first_id
    std = np.concatenate([block.std for block in kept])
    units = std / np.linalg.norm(std, axis=1, keepdims=True)
    query = "SELECT distance FROM registry.nearest_models(%s, 10) ORDER BY distance"
    for place in chosen:
        distances = ((units - units[place]) ** 2).sum(1) / 2
        distances[place] = np.inf
        expected = np.sort(np.partition(distances, 10)[:10])
        rows = connection.execute(query, (f"model-{place + first_id:08d}",)).fetchall()
        given = np.array([row[0] for row in rows])
        if len(given) < len(expected) or (given > expected * (1 + 1e-6) + 1e-15).any():
            return False  # a few models are not of the blocks, and may only be nearer
    return True


def recalls(
    connection: psycopg.Connection, asked: Asked, ask: Sequence[dict], first_id: int
) -> dict:
    """Return the share of relatives that shortlists hold; that the lists alone give; the worst."""
    expected = found = by_lists = 0
    worst = 1.0
    for place, parameters in enumerate(ask):
        relatives = asked.relatives(place)
        rows = connection.execute(SHORTLISTED, parameters).fetchall()
        given = {row[0] - first_id for row in rows} & relatives
        listed = set()
        for kind in KINDS:
            rows = connection.execute(LISTS_ALONE.format(kind=kind), parameters).fetchall()
            listed |= {row[0] - first_id for row in rows} & relatives
        expected += len(relatives)
        found += len(given)
        by_lists += len(listed)
        if relatives:
            worst = min(worst, len(given) / len(relatives))
    return {
        "shortlist_recall": round(found / expected, 5),
        "shortlist_recall_worst": round(worst, 4),
        "shortlist_recall_of_one_list_each": round(by_lists / expected, 5),
        "relatives_expected": expected,
    }


def timed_verdicts(engine: Engine, server: psutil.Process, model: Fingerprint, name: str) -> dict:
    """Return how long a verdict takes on a model of RELATIVES others, and on an unrelated one."""
    answer = {}
    gc.freeze()  # what this benchmark made is not looked through again
    for kind, fingerprint in (("", model), ("_unrelated", invented(999))):
        complete(engine, fingerprint)
        identify(engine, fingerprint)
        spent = -time.process_time() - busy(server.cpu_times())
        times = []
        for _ in range(VERDICTS):
            begin = time.perf_counter()
            verdict = identify(engine, fingerprint).verdict
            times.append(1000 * (time.perf_counter() - begin))
        time.sleep(0.2)  # until the server has seen its sessions end
        spent += time.process_time() + busy(server.cpu_times())
        answer |= Times(np.array(times), 1000 * spent / VERDICTS).summary(f"{name}{kind}")
        answer[f"{name}{kind}_verdict"] = f"{verdict.verdict} {verdict.model or ''}".strip()
    return answer


def flat(asked: Asked, kept: Sequence[Block]) -> dict:
    """Return how long faiss' flat indexes take, in the memory of one process; None without it."""
    try:
        import faiss  # noqa: PLC0415  # nobody needs it
    except ImportError:
        return {"faiss_flat_std_ms": None, "faiss_flat_outlines_ms": None}
    faiss.omp_set_num_threads(1)
    std = np.concatenate([block.std for block in kept]).astype(np.float32)
    answer = {"faiss_flat_std_ms": flat_ms(faiss, std, asked.std.astype(np.float32))}
    total = 0.0
    for kind in KINDS:
        vectors = [block.outlines[kind] for block in kept]
        total += flat_ms(faiss, np.concatenate(vectors), asked.outlines[kind])
    return answer | {"faiss_flat_outlines_ms": round(total, 1)}


def flat_ms(faiss: ModuleType, vectors: np.ndarray, asked: np.ndarray) -> float:
    """Return the median time of a flat search by inner product, in milliseconds."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    for part in np.array_split(vectors, 50):
        index.add(unit_rows(part.astype(np.float32)))
    times = []
    for vector in asked[:30]:
        begin = time.perf_counter()
        index.search(vector[None], SHORTLIST)
        times.append(1000 * (time.perf_counter() - begin))
    return round(float(np.median(times)), 1)


if __name__ == "__main__":
    main()
