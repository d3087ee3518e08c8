"""Whole synthetic models: what a verdict reads of one, in the shape of Llama's 7B."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from registry.architectures.roles import PROJECTIONS
from registry.database.connecting.transactions import in_transaction
from registry.database.searching import near_sketches
from registry.database.stored import fingerprints
from registry.database.stored.origin import Origin
from registry.fingerprints.record import VERSION, Branch, Clustering, Fingerprint, Matrix
from registry.numerics.unit_vectors import unit

LAYERS = 32
SIZES = {"query": 18, "value": 18}
UNRELATED = 16  # whole models whose layers the shortlisted unrelated ones are given
SHORTLIST = 128
FILL = """
INSERT INTO registry_tables.branches (model_id, layer, branch, stream, token)
SELECT m.id, b.layer, b.branch, b.stream, b.token
FROM registry_tables.models AS m
JOIN registry_tables.models AS o ON o.name = 'unrelated-' || m.id % :unrelated
JOIN registry_tables.branches AS b ON b.model_id = o.id
WHERE m.name = ANY(:names) AND NOT EXISTS (SELECT FROM registry_tables.branches WHERE model_id = m.id);
INSERT INTO registry_tables.matrices
SELECT (copy).* FROM (
    SELECT jsonb_populate_record(x, jsonb_build_object('model_id', m.id)) AS copy
    FROM registry_tables.models AS m
    JOIN registry_tables.models AS o ON o.name = 'unrelated-' || m.id % :unrelated
    JOIN registry_tables.matrices AS x ON x.model_id = o.id
    WHERE m.name = ANY(:names) AND NOT EXISTS (SELECT FROM registry_tables.matrices WHERE model_id = m.id)
) AS copies
"""


def register_family(engine: Engine, count: int) -> Fingerprint:
    """Register a base and changed copies of it, `count` in all, and return another copy.

    Registers UNRELATED models too, whose layers `complete` gives to others.
    """
    base = invented(0)
    members = [base, *(changed(base, seed) for seed in range(1, count))]
    for number, model in enumerate(members):
        register(engine, f"relative-{number}", "relatives", model)
    for number in range(UNRELATED):
        name = f"unrelated-{number}"
        register(engine, name, name, invented(1000 + number))
    return changed(base, count)


def register(engine: Engine, name: str, family: str, model: Fingerprint) -> None:
    """Register a model."""
    origin = Origin(f"made/{name}", None, None, name, family, "1")
    in_transaction(engine, lambda session: fingerprints.save(session, origin, model))


def complete(engine: Engine, asked: Fingerprint) -> None:
    """Give the models of a shortlist, and the nearest by std vector, layers and matrices to read."""

    def work(session: Session) -> None:
        near = near_sketches.by_outline(session, asked, SHORTLIST)
        names = [likeness.model for likeness in near]
        for statement in FILL.split(";"):
            session.execute(text(statement), {"names": names, "unrelated": UNRELATED})

    in_transaction(engine, work)


def invented(seed: int) -> Fingerprint:
    """Return a fingerprint of random numbers."""
    draw = np.random.default_rng(seed)
    places = product(range(LAYERS), PROJECTIONS)
    matrices = [matrix(layer, projection, draw) for layer, projection in places]
    branches = [
        Branch(layer, name, direction(256, draw), direction(256, draw))
        for layer, name in product(range(LAYERS), ("attention", "mlp"))
    ]
    labels = (0,) * len(matrices)
    clusterings = [
        Clustering(rank, (0.378,) * 7, labels, labels, 1.0, 0.1, ()) for rank in (16, 64)
    ]
    return Fingerprint(
        version=VERSION,
        digest=digest_of("model", seed),
        architecture="LlamaForCausalLM",
        dtype="bfloat16",
        parameters=7_000_000_000,
        layers=LAYERS,
        hidden_size=4096,
        projections=PROJECTIONS,
        std=tuple((0.02 + 0.01 * draw.random(7)).tolist()),
        rank=64,
        clusterings=tuple(clusterings),
        matrices=tuple(matrices),
        nonfinite=0,
        unknown=(),
        branches=tuple(branches),
        start=direction(256, draw),
        vocabulary=32000,
    )


def matrix(layer: int, projection: str, draw: np.random.Generator) -> Matrix:
    """Return a matrix with a random sketch and spectrum."""
    sketch = draw.standard_normal(SIZES.get(projection, 6) ** 2).astype(np.float32)
    values = np.sort(draw.random(64) + 1)[::-1]
    return Matrix(
        layer=layer,
        projection=projection,
        tensor=f"{layer}.{projection}",
        rows=4096,
        cols=4096,
        mean=0.0,
        std=0.02,
        skewness=0.0,
        kurtosis=3.0,
        min=-1.0,
        max=1.0,
        nonfinite=0,
        digest=digest_of("matrix", draw.integers(2**62)),
        singular_values=tuple(values.tolist()),
        sketch=tuple(sketch.tolist()),
        bounds=(1e-6,) * 64,
        distinct_share=0.9,
        zero_share=0.0,
    )


def direction(count: int, draw: np.random.Generator) -> tuple[float, ...]:
    """Return a random vector of length 1."""
    return tuple(unit(draw.standard_normal(count)).tolist())


def digest_of(*parts: object) -> str:
    """Return a digest that only these parts have."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def changed(model: Fingerprint, seed: int) -> Fingerprint:
    """Return a relative: every branch and matrix a little different, in a direction of its own."""
    draw = np.random.default_rng((seed, 7))

    def moved(numbers: Sequence[float] | None, share: float) -> tuple[float, ...]:
        values = np.array(numbers)
        noise = draw.standard_normal(len(values)) * np.linalg.norm(values) / len(values) ** 0.5
        return tuple((values + share * noise).tolist())

    branches = []
    for branch in model.branches:
        stream = unit(np.array(moved(branch.stream, 0.4)))
        token = unit(np.array(moved(branch.token, 0.4)))
        branches.append(replace(branch, stream=tuple(stream.tolist()), token=tuple(token.tolist())))
    matrices = []
    for old in model.matrices:
        sketch = np.array(moved(old.sketch, 0.3), np.float32)
        matrices.append(
            replace(
                old,
                sketch=tuple(sketch.tolist()),
                digest=digest_of("changed", seed, old.tensor),
                singular_values=tuple(sorted(moved(old.singular_values, 0.001), reverse=True)),
            )
        )
    return replace(
        model,
        digest=digest_of("changed", seed),
        branches=tuple(branches),
        matrices=tuple(matrices),
        start=tuple(unit(np.array(moved(model.start, 0.3))).tolist()),
        std=moved(model.std, 0.003),
    )
