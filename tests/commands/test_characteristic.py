"""registry.commands.characteristic."""

import json

import pytest
from characteristics_made import grouped, model
from command_line import answer, run
from sqlalchemy.orm import Session

import registry

GROUPS = [["query", "key", "gate"], ["value", "output", "up", "down"]]


@pytest.fixture
def reference(url, tmp_path):
    """A registered model of two groups."""
    folder = model(tmp_path / "reference", grouped(GROUPS))
    assert run("ingest", folder, "--rank", 64).exit_code == 0
    return "reference"


@pytest.mark.slow
def test_groups_are_stored(reference, url):
    """Those of a registered model are kept for analysts, and a table shows them."""
    found = answer("characteristic", reference, "--rank", 64)
    assert [group["referenced"] for group in found["groups"]] == ["query", "value"]
    assert found["usable"]
    with registry.Registry(url) as known, Session(known._engine) as session, session.begin():
        from sqlalchemy import text

        kept = session.execute(
            text("SELECT count(*), count(law), sum(member::int) FROM characteristics")
        ).one()
        assert kept == (len(found["comparisons"]) + 2, len(found["comparisons"]), 7)
    table = run("characteristic", reference, "--rank", 64).stdout
    assert "reference: 2 groups at rank 64" in table
    assert "95 % interval" in table


@pytest.mark.slow
def test_laws_of_distances(reference):
    """Of the pairs that were asked for, with scipy's fits of the first."""
    pairs = ("--between", "q,gate", "--between", "query,value")
    found = json.loads(run("dsv", reference, "--rank", 64, *pairs, "--json").stdout)
    expected = [("query", "gate"), ("query", "value")]
    assert [(row["a"], row["b"]) for row in found["distances"]] == expected
    assert len(found["scipy_fits"]) == 4
    assert "query-gate" in run("dsv", reference, "--between", "q,gate").stdout


def test_values_that_are_not_stored(reference):
    """The sentence says how to get them; a pair that is none is refused, too."""
    result = run("dsv", reference, "--rank", 256)
    assert result.exit_code == 1
    assert "--rank 256" in result.output
    assert run("dsv", reference, "--between", "q").exit_code == 1
