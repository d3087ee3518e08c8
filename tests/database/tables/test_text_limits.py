"""registry.database.tables.text_limits: whatever a file states fits its column."""

from dataclasses import replace

import pytest
from checkpoints_made import llama, write_folder
from places import rows
from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

import registry
from registry.architectures.ledger_line import LedgerLine
from registry.database.connecting.connection import open_database
from registry.database.stored import fingerprints
from registry.database.stored.origin import Origin
from registry.database.tables.column_types import Base
from registry.database.tables.text_limits import LIMITS, Limit, TooLong, cut, fitting

WORDS_OF_A_CONSTRAINT = {
    "branches.branch",
    "characteristics.law",
    "claims.claim",
    "edges.direction",
    "jobs.outcome",
    "jobs.state",
    "ledgers.fate",
    "models.kind",
    "places.missing",
    "runs.engine",
    "runs.state",
    "spaces.side",
}
OF_THE_REGISTRY = {"events.undo"}
"""Rows as they were stored."""
DIGESTS = {"digest", "cast_digest", "stamp"}
LONG = "\0\ud800x" * 5000


def text_columns() -> set[str]:
    """Return every column of the schema that holds text."""
    columns = set()
    for table in Base.metadata.tables.values():
        for column in table.columns:
            kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
            if isinstance(kind, Text | JSONB) and column.name not in DIGESTS:
                columns.add(str(column))
    return columns


def test_every_column_of_text_has_a_limit():
    """But for digests, and words that a constraint lists."""
    assert text_columns() == set(LIMITS) | WORDS_OF_A_CONSTRAINT | OF_THE_REGISTRY


def test_text_that_fits_stays():
    """Up to the limit not a character is altered."""
    limit = LIMITS["models.architecture"].characters
    assert fitting("models.architecture", "é" * limit) == "é" * limit
    assert fitting("models.name", "a" * 10_000) == "a" * 10_000
    assert fitting("matrices.sketch", (0.5, 1.0)) == (0.5, 1.0)


def test_long_text_is_cut_and_stays_distinct():
    """Two names that differ in their middle alone do so after the cut."""
    one, other = cut(("a" * 900 + "1" + "a" * 900, "a" * 900 + "2" + "a" * 900), 100)
    assert len(one) == len(other) == 100
    assert one != other
    assert cut({"a": ["b" * 200, 3, None, 0.5]}, 100)["a"][1:] == [3, None, 0.5]


@pytest.mark.parametrize(
    ("text", "expected"), [("a\0b", r"a\x00b"), ("\ud800", r"\ud800"), ("a\x1b", "a\x1b")], ids=ascii
)  # fmt: skip
def test_what_postgres_refuses_is_escaped(text, expected):
    """NUL and parts of surrogate pairs; other controls are stored, and escaped where they are shown."""
    assert cut(text, 100) == expected


def test_a_fingerprint_of_hostile_text_is_stored(url, model):
    """Each text of a record may be long, with NUL and lone surrogates; it reads back in its limit."""
    whole = registry.fingerprint(model, rank=16)
    matrices = tuple(replace(matrix, tensor=LONG) for matrix in whole.matrices)
    ledger = (LedgerLine("unknown", LONG, LONG, 1, 1, 1, (LONG, "\0")),)
    hostile = replace(
        whole, architecture=LONG, dtype=LONG, stored=LONG, unknown=(LONG,), zero=(LONG,),
        matrices=matrices, ledger=ledger,
    )  # fmt: skip
    origin = Origin("here", LONG, base=LONG, name="m", family=None, tool_version="0")
    with open_database(url) as engine, Session(engine) as session, session.begin():
        fingerprints.save(session, origin, hostile)
    (stored,) = rows(url, "SELECT architecture, dtype, revision, declared_base FROM models")
    assert stored[3] is None
    for text in stored[:3]:
        assert len(text) == LIMITS["models.dtype"].characters
    (tensors,) = rows(url, "SELECT max(length(tensor)) FROM matrices")
    assert tensors == (LIMITS["matrices.tensor"].characters,)


def test_the_base_of_a_card_that_is_no_name(url, tmp_path, caplog):
    """A megabyte of it is no error: it is left out, with a note, and so is the family."""
    with registry.Registry(url) as known:
        for number, base in enumerate(["b" * 1_000_000, "a\x1b[31m", "x\0y"]):
            tensors = {name: tensor + number for name, tensor in llama().items()}
            config = {"_name_or_path": base, "model_type": "llama"}
            folder = write_folder(tmp_path / f"m{number}", tensors, config=config)
            done = known.ingest(folder)
            assert done.model.declared_base is None
            assert done.model.family == "m0"  # from which the others come
    assert len(caplog.messages) == 3
    assert "is ignored and not stored, for it has 1,000,000 characters" in caplog.messages[0]
    assert max(map(len, caplog.messages)) < 700


def test_only_names_are_refused():
    """Names, sources, and what somebody types: nothing else can end an ingestion."""
    refused = {column for column, limit in LIMITS.items() if limit.longer is TooLong.REFUSED}
    assert refused == {
        "families.name",
        "models.name",
        "models.source",
        "notes.note",
        "sources.name",
        "sources.source",
        "tags.tag",
    }
    assert Limit(1).longer is TooLong.CUT
