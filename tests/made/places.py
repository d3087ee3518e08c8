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
