"""Time a verdict among many registered models, without the fingerprint.

    python benchmarks/search.py [--models 10000] [--json]

Real-shaped models (32 layers, 224 matrices of random sketches and spectra) are registered and copied, each copy with an
outline of its own, and with matrices where it will be looked at. Ends with one JSON line.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database import fingerprints, near_sketches, nearest
from registry.database.connection import open_database
from registry.database.embedded.server import Server
from registry.database.origin import Origin
from registry.fingerprints.record import VERSION, Branch, Clustering, Fingerprint, Matrix
from registry.numerics.unit_vectors import unit
from registry.workflows.judge import verdict_on

LAYERS, REPEATS, KINDS = 32, 9, 40
SIZES = {"query": 18, "value": 18}
COPY = """
INSERT INTO registry_tables.families (name) SELECT 'copy-' || i FROM generate_series(1, :count) AS i;
INSERT INTO registry_tables.models (name, kind, family_id, source, architecture, dtype, parameters, layers, hidden_size, digest,
                    fingerprint_version, tool_version)
SELECT f.name, kind, f.id, source, architecture, dtype, parameters, layers, hidden_size,
       encode(sha256(f.name::bytea), 'hex'), fingerprint_version, tool_version
FROM models, families AS f WHERE models.name = 'model-0' AND f.name LIKE 'copy-%';
INSERT INTO registry_tables.fingerprints (model_id, projections, std, rank, nonfinite, unknown)
SELECT m.id, f.projections, (SELECT array_agg(s * (0.5 + random()) + 0 * m.id) FROM unnest(f.std) AS s),
       f.rank, 0, f.unknown
FROM models AS m, fingerprints AS f JOIN models AS o ON o.id = f.model_id
WHERE o.name = 'model-0' AND m.name LIKE 'copy-%';
INSERT INTO registry_tables.clusterings (model_id, rank, shares, labels, labels3, inertia, margin)
SELECT m.id, c.rank, c.shares, c.labels, c.labels3, c.inertia, c.margin
FROM models AS m, clusterings AS c JOIN models AS o ON o.id = c.model_id
WHERE o.name = 'model-0' AND m.name LIKE 'copy-%';
INSERT INTO registry_tables.branches (model_id, layer, branch, stream, token)
SELECT m.id, b.layer, b.branch, b.stream, b.token
FROM models AS m JOIN models AS o ON o.name = 'model-' || m.id % :kinds JOIN branches AS b ON b.model_id = o.id
WHERE m.name LIKE 'copy-%';
INSERT INTO registry_tables.outlines (model_id, start, stream, token)
SELECT m.id, r(m.id), r(m.id), r(m.id) FROM models AS m WHERE m.name LIKE 'copy-%';
ANALYZE;
"""
MATRICES = """
INSERT INTO registry_tables.matrices (SELECT (m).* FROM (SELECT jsonb_populate_record(x, jsonb_build_object('model_id', o.id)) AS m
FROM models AS o JOIN matrices AS x ON x.model_id = (SELECT id FROM models WHERE name = 'model-' || o.id % :kinds)
WHERE o.name = ANY(:names) AND o.name LIKE 'copy-%') AS copies) ON CONFLICT DO NOTHING
"""
RANDOM = """
CREATE FUNCTION r(seed integer) RETURNS halfvec LANGUAGE sql VOLATILE AS $$
    SELECT l2_normalize(array_agg(random() - 0.5 + 0 * seed)::real[]::vector(256))::halfvec(256)
    FROM generate_series(1, 256)
$$
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        with server.connected() as url, open_database(url) as engine, Session(engine) as session:
            models = [invented(seed) for seed in range(KINDS)]
            for i, model in enumerate(models):
                origin = Origin("s", None, None, f"model-{i}", "f", "1")
                fingerprints.save(session, origin, model)
            session.commit()
            session.execute(text(RANDOM))
            for statement in COPY.split(";")[:-1]:
                session.execute(text(statement), {"count": options.models - KINDS, "kinds": KINDS})
            session.commit()
            answer = {"models": options.models} | timed(session, changed(models[7]))
        server.stop()
    if not options.json:
        print(f"{answer}", file=sys.stderr)
    print(json.dumps(answer))


def timed(session: Session, asked: Fingerprint) -> dict:
    """Milliseconds of a verdict on a related model, and on an unrelated one."""
    found = {}
    gc.freeze()  # what this benchmark made is not looked through again
    for name, fingerprint in (("relative", asked), ("stranger", invented(999))):
        alike = [match.model for match in nearest.nearest(session, fingerprint, 10)]
        alike += [copy for copy, _ in near_sketches.by_outline(session, fingerprint, 10)]
        session.execute(text(MATRICES), {"names": list(set(alike)), "kinds": KINDS})
        spent = []
        for _ in range(REPEATS):
            session.expunge_all()
            begin = time.perf_counter()
            verdict = verdict_on(session, fingerprint, nearest.nearest(session, fingerprint, 10))
            spent.append(1000 * (time.perf_counter() - begin))
        found |= {
            f"{name}_ms": round(float(np.median(spent)), 1),
            f"{name}_verdict": verdict.model or verdict.verdict,
        }
    return found


def invented(seed: int) -> Fingerprint:
    """A fingerprint of Llama's 7B shape with random numbers."""
    draw = np.random.default_rng(seed)

    def vector(count: int) -> tuple[float, ...]:
        return tuple(unit(draw.standard_normal(count)).tolist())

    def matrix(layer: int, projection: str) -> Matrix:
        sketch = draw.standard_normal(SIZES.get(projection, 6) ** 2).astype(np.float32)
        values = tuple(np.sort(draw.random(64) + 1)[::-1].tolist())
        moments = (0.0, 0.02, 0.0, 3.0, -1.0, 1.0, 0)
        own = {
            "sketch": tuple(sketch.tolist()),
            "bounds": (1e-6,) * 64,
            "distinct_share": 0.9,
            "zero_share": 0.0,
        }
        return Matrix(
            layer,
            projection,
            f"{layer}.{projection}",
            4096,
            4096,
            *moments,
            "0" * 64,
            values,
            **own,
        )

    matrices = tuple(matrix(layer, p) for layer in range(LAYERS) for p in PROJECTIONS)
    branches = tuple(
        Branch(i, b, vector(256), vector(256)) for i in range(LAYERS) for b in ("attention", "mlp")
    )
    labels = (0,) * len(matrices)
    clusterings = tuple(
        Clustering(rank, (0.5,) * 7, labels, labels, 1.0, 0.1, ()) for rank in (16, 64)
    )
    std = tuple((0.02 + 0.01 * draw.random(7)).tolist())
    told = (
        VERSION,
        f"{seed:064x}",
        "llama",
        "bfloat16",
        7_000_000_000,
        LAYERS,
        4096,
        PROJECTIONS,
        std,
        64,
    )
    return Fingerprint(
        *told, clusterings, matrices, 0, (), branches=branches, start=vector(256), vocabulary=32000
    )


def changed(model: Fingerprint) -> Fingerprint:
    """A relative: every branch a little different."""
    draw = np.random.default_rng(1)

    def moved(sketch: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(unit(np.array(sketch) + 0.03 * draw.standard_normal(len(sketch))).tolist())

    own = tuple(
        replace(b, stream=moved(b.stream), token=moved(b.token or ())) for b in model.branches
    )
    return replace(model, digest="f" * 64, branches=own, start=moved(model.start or ()))


if __name__ == "__main__":
    main()
