"""Where tests find checkpoints, and how they speak to a Postgres directly."""

import os
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("REGISTRY_TEST_DATA") or ROOT.parent / "shared" / "data")
EXAMPLES = ROOT / "examples" / "checkpoints"


def execute(url: str, statement: str) -> None:
    """Run one statement outside any transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def rows(url: str, query: str) -> list[tuple]:
    """Return the answer to a query."""
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


TABLES = ("families", "models", "fingerprints", "clusterings", "matrices")


def counts(url: str) -> list[int]:
    """Return the number of rows of each of these tables."""
    return [rows(url, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]
