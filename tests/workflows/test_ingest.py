"""registry.workflows.ingest: what ingesting says of a source is what it did."""

import json

import psycopg
import pytest
from click.testing import CliRunner
from places import execute

import cli
import registry
from registry.database.stored.fingerprints import Outcome

TABLES = (
    "families", "models", "fingerprints", "clusterings", "matrices", "branches", "spaces", "outlines",
    "histograms", "verdicts",
)  # fmt: skip


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


def contents(url):
    """Every row of every table, with the transaction that wrote it."""
    with psycopg.connect(url) as connection:
        rows = {}
        for table in TABLES:
            query = f"SELECT xmin::text, t::text FROM registry_tables.{table} t ORDER BY 2"
            rows[table] = connection.execute(query).fetchall()
        return rows


def ingested(model, *options):
    result = CliRunner().invoke(cli.main, ["ingest", str(model), *options])
    assert result.exit_code == 0
    return result.stdout


def test_new(known, model):
    """Weights that were not registered are new."""
    result = known.ingest(model)
    assert (result.outcome, result.new, result.deeper) == (Outcome.NEW, True, False)
    assert result.rank_before is None


def test_deepened(known, model):
    """Registered weights that come with more singular values are deepened."""
    known.ingest(model, rank=16)
    result = known.ingest(model, rank=64)
    assert (result.outcome, result.new, result.deeper) == (Outcome.DEEPENED, False, True)
    assert result.rank_before == 16
    assert known.show("model").fingerprint == result.fingerprint


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM registry_tables.outlines",
        "DELETE FROM registry_tables.histograms",
        "UPDATE registry_tables.matrices SET bounds = NULL WHERE layer = 1",
    ],
    ids=["sketches", "histograms", "bounds"],
)
def test_completed(known, model, url, loss):
    """Of what an older registry stored, the parts that it did not record are added, and that is said."""
    known.ingest(model)
    execute(url, loss)
    result = known.ingest(model)
    assert (result.outcome, result.new, result.deeper) == (Outcome.COMPLETED, False, False)
    assert known.show("model").fingerprint == result.fingerprint
    assert known.ingest(model).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("rank", [16, 64])
def test_unchanged(known, model, url, rank):
    """Where all is there already, and as deep, not a row is written."""
    known.ingest(model, rank=64)
    before = contents(url)
    result = known.ingest(model, rank=rank)
    assert (result.outcome, result.new, result.deeper) == (Outcome.UNCHANGED, False, False)
    assert contents(url) == before


def test_the_outcome_is_said(known, url, model):
    """The line and the JSON tell the same of every outcome."""
    assert ingested(model, "--rank", "16").startswith("registered model in family model")
    assert ingested(model).endswith("64 singular values are stored now instead of 16\n")
    assert ingested(model).endswith("nothing was changed\n")
    execute(url, "DELETE FROM registry_tables.histograms")
    assert ingested(model).endswith("what an older registry did not record was added\n")
    execute(url, "DELETE FROM registry_tables.histograms")
    for outcome in ("completed", "unchanged"):
        [answer] = json.loads(ingested(model, "--json"))["models"]
        assert answer["outcome"] == outcome
        assert (answer["new"], answer["deeper"]) == (False, False)
