"""Whether the tree of six models is the same in every order in which they are registered.

A base, its child, grandchild and another child, a merge of the two children, and a stranger are
registered through the database in all 720 orders, or in some of them. For each order the edges and
families that stand in the end are compared with those of the first.

With --remember a verdict that was given once among the same models is not computed again: it is a
function of these models, as runs without it show. Everything else goes through the database anew.

    python benchmarks/orders.py --remember --json
"""

import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import click
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "made"))

from families_made import fingerprints, origin
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from registry.database.connecting.connection import open_database
from registry.database.stored import models
from registry.database.tables.schema import Model
from registry.fingerprints.record import Fingerprint
from registry.workflows import ingest, rejudge
from registry.workflows.ingest import store

EDGES = "SELECT child, parent, relation, direction, main FROM registry.edges WHERE superseded_at IS NULL"
FAMILIES = "SELECT name, family FROM registry.models"


def registered(engine: Engine, order: tuple[str, ...], prints: dict[str, Fingerprint]) -> str:
    """Register models in one order; return the edges and families in the end, as text."""
    with engine.begin() as connection:
        for table in ("models", "events", "families"):
            connection.execute(text(f"DELETE FROM registry_tables.{table}"))  # noqa: S608  # ours
    for name in order:
        store(engine, origin(name), prints[name])
    with engine.connect() as connection:
        rows = [*connection.execute(text(EDGES)), *connection.execute(text(FAMILIES))]
    return json.dumps(sorted([list(map(str, row)) for row in rows]))


def remembered() -> None:
    """Let the workflows ask for each verdict once for every set of registered models."""
    answers: dict[tuple[str, str, frozenset[str]], object] = {}

    def once(kind: str, judge: Callable[..., object]) -> Callable[..., object]:
        def judged(session: Session, **question: Any) -> object:
            names = frozenset(session.scalars(select(Model.name)))
            subject = question.get("name") or question["fingerprint"].digest
            place = kind, subject, names
            if place not in answers:
                answers[place] = judge(session, **question)
            answer = answers[place]
            newest = getattr(answer, "newest", None)
            return answer if newest is None else replace(answer, newest=models.newest(session))

        return judged

    ingest.arrival_of = once("arrival", ingest.arrival_of)
    rejudge.verdict_on_registered = once("again", rejudge.verdict_on_registered)


@click.command()
@click.option("--orders", type=int, help="How many, drawn at random; all 720 unless given.")
@click.option("--remember", is_flag=True, help="Compute each verdict once for each set of models.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line alone.")
def main(orders: int | None, remember: bool, as_json: bool) -> None:
    """Register six models in many orders, and compare the trees."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, open_database() as engine:
        prints = fingerprints(Path(folder))
        every = list(permutations(prints))
        if orders:
            every = random.Random(0).sample(every, orders)
        if remember:
            remembered()
        began = time.perf_counter()
        trees: Counter[str] = Counter()
        for order in every:
            trees[registered(engine, order, prints)] += 1
        seconds = time.perf_counter() - began

    if not as_json:
        for tree, count in trees.most_common():
            print(count, *json.loads(tree), sep="\n  ")
    numbers = {
        "orders": len(every),
        "trees": len(trees),
        "models_stored": len(every) * len(prints),
        "seconds_a_model": round(seconds / len(every) / len(prints), 4),
    }
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
