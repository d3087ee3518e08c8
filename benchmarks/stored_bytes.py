"""Count the bytes that a registered model takes in the database, table by table, and where a registry of many grows.

    python benchmarks/stored_bytes.py [--models 200] [--json]

Models in the shape of Llama's 7B with everything that a fingerprint of rank 64 has, random numbers inside, are stored in
an embedded database of their own. Prints a row for each table and ends with one JSON line:

    bytes_a_model       with indexes and what lies out of line
    by_table, by_part   of these, by table and by what reads them
    terabytes           of ten million models, by part
    stored_a_second     models that transactions store one after the other, without verdicts: they hold one lock
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from made_models import LAYERS, digest_of, direction, invented
from sqlalchemy import Engine, text

from registry.architectures.roles import PROJECTIONS
from registry.database.connecting.connection import open_database
from registry.database.connecting.transactions import in_transaction
from registry.database.embedded.server import Server
from registry.database.stored import fingerprints
from registry.database.stored.origin import Origin
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.outline import OWN_AXES
from registry.fingerprints.record import Branch, Fingerprint, Space, Tensor
from registry.numerics.histograms import BINS

MIDDLE = range(LAYERS // 2 - 3, LAYERS // 2 + 3)  # layers with sketches in their own axes
MANY = 10_000_000
PARTS = {
    "search": ("models", "fingerprints", "outlines", "families"),
    "spectra and matrices": ("matrices", "clusterings"),
    "comparison": ("branches", "spaces", "tensors", "ledgers", "histograms"),
    "lineage": ("verdicts", "edges"),
    "people": ("sources", "claims", "tags", "notes", "events", "runs", "jobs"),
}
SIZES = """
SELECT relname, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relnamespace = 'registry_tables'::regnamespace AND relkind = 'r' ORDER BY relname
"""


def main() -> None:
    """Store, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="the last line is JSON in any case")
    count = parser.parse_args().models
    with tempfile.TemporaryDirectory(prefix="stored-bytes-") as scratch:
        server = Server(Path(scratch))
        with server.connected() as url, open_database(url) as engine:
            print(json.dumps(measured(engine, count)))


def measured(engine: Engine, count: int) -> dict[str, object]:
    """Store so many models; what they take, above what empty tables do."""
    before = sizes(engine)
    spent = 0.0
    for number in range(count):
        model = whole(number)
        origin = Origin(
            f"org/model-{number}", None, None, f"org/model-{number}", f"family-{number % 9}", "1"
        )
        begun = time.perf_counter()
        in_transaction(engine, partial(fingerprints.save, origin=origin, fingerprint=model))
        spent += time.perf_counter() - begun
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    after = sizes(engine)

    tables = {name: (after[name] - before[name]) / count for name in after}
    for name, share in sorted(tables.items(), key=lambda item: -item[1]):
        if share:
            print(f"{name:>20}  {share:10,.0f} bytes a model", file=sys.stderr)
    parts = {part: sum(tables.get(name, 0) for name in names) for part, names in PARTS.items()}
    return {
        "models": count,
        "bytes_a_model": round(sum(tables.values())),
        "by_table": {name: round(share) for name, share in tables.items() if share},
        "by_part": {part: round(share) for part, share in parts.items()},
        "terabytes": {part: round(share * MANY / 1e12, 3) for part, share in parts.items()},
        "stored_a_second": round(count / spent, 1),
    }


def sizes(engine: Engine) -> dict[str, int]:
    """Bytes of every table with its indexes and what lies out of line."""
    with engine.connect() as connection:
        return {row.relname: row.bytes for row in connection.execute(text(SIZES))}


def whole(seed: int) -> Fingerprint:
    """A fingerprint with all that one has."""
    draw = np.random.default_rng((seed, 11))
    model = invented(seed)
    spaces = [
        Space(layer, side, direction(136, draw))
        for layer in range(LAYERS)
        for side in ("reads", "writes")
    ]
    histograms = [
        Histogram(projection, tuple(draw.poisson(1000, BINS).tolist()))
        for projection in sorted(PROJECTIONS)
    ]
    return replace(
        model,
        branches=tuple(with_own_axes(branch, draw) for branch in model.branches),
        spaces=tuple(spaces),
        histograms=tuple(histograms),
        tensors=tuple(norms(seed, draw)),
    )


def with_own_axes(branch: Branch, draw: np.random.Generator) -> Branch:
    """A branch of a middle layer with the sketches in the model's own axes."""
    if branch.layer not in MIDDLE:
        return branch
    scores = direction(OWN_AXES**2, draw) if branch.branch == "attention" else None
    return replace(branch, own=direction(OWN_AXES**2, draw), scores=scores)


def norms(seed: int, draw: np.random.Generator) -> list[Tensor]:
    """Embedding, head and the norms of every layer."""
    names = ["model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"]
    for layer in range(LAYERS):
        names += [
            f"model.layers.{layer}.{norm}.weight"
            for norm in ("input_layernorm", "post_attention_layernorm")
        ]
    return [
        Tensor(name, "norm", None, (4096,), 1.0, digest_of("tensor", seed, name), None, direction(16, draw))
        for name in names
    ]  # fmt: skip


if __name__ == "__main__":
    main()
