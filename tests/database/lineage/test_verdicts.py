"""registry.database.lineage.verdicts: a verdict is stored as data, and comes out as it went in."""

import json

import psycopg
import pytest
from places import execute
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.lineage.verdicts import keep_verdict, kept_verdict
from registry.errors import NoVerdict
from registry.lineage.verdict import Change, ChangeKind, Evidence, EvidenceKind, Relation, Verdict
from registry.report.verdicts import verdict_json

VERDICT = Verdict(
    Relation.DERIVED,
    model="base",
    family="f",
    closest="base",
    changes=(
        Change(ChangeKind.FINE_TUNED, 0.082),
        Change(ChangeKind.LAYERS_REMOVED, parts=(1, 2)),
        Change(ChangeKind.MERGED, 0.7, ("a", "b"), (0.7, 0.3), ((1.0, 0.0), (0.4, 0.6))),
        Change(
            ChangeKind.QUANTISED,
            4,
            evidence=(Evidence(EvidenceKind.DISTINCT_VALUES, 0.2, null=0.9, p_value=0.01),),
            stated="bfloat16",
        ),
    ),
    score=30.0,
    p_value=1e-30,
    chance=6e-30,
    candidates=6,
    evidence=(
        Evidence(EvidenceKind.DIGEST, 1.0, null=0.0, p_value=0.0, cast=True),
        Evidence(EvidenceKind.SPECTRA, 0.15, null=0.23, p_value=0.01, strongest=0.2, pairs=9),
        Evidence(EvidenceKind.CANDIDATES, count=6, families=3),
    ),
)
OLD = [
    {
        "name": "spectra",
        "sentence": "singular values differ by 0.15",
        "value": 0.811,
        "null": 0.631,
        "p_value": 0.0082,
    },
    {"name": "stream", "sentence": "layers act alike", "value": 52.1, "null": 2.1, "p_value": 0.0},
]


@pytest.fixture
def session(url, model):
    """A session on a registry that holds a model."""
    with registry.Registry(url) as known:
        known.ingest(model, name="child")
    with open_database(url) as engine, Session(engine) as opened:
        yield opened


def test_a_verdict_comes_out_as_it_went_in(session):
    """Every change and number, and who was closest."""
    keep_verdict(session, "child", VERDICT)
    session.flush()
    session.expire_all()
    assert kept_verdict(session, "child").verdict == VERDICT


def test_an_unknown_keeps_its_closest(session):
    """Base is null, closest is not."""
    unknown = Verdict.unknown(closest="base", chance=0.4, candidates=2)
    keep_verdict(session, "child", unknown)
    session.flush()
    session.expire_all()
    assert kept_verdict(session, "child").verdict == unknown


def test_analysts_find_kinds_and_numbers(session, url):
    """The column how has the kinds of changes, evidence only what a line has."""
    keep_verdict(session, "child", VERDICT)
    session.commit()
    with psycopg.connect(url) as connection:
        how, line = connection.execute("SELECT how, evidence -> 1 FROM verdicts").fetchone()
    assert how == ["fine-tuned", "layers removed", "merged", "quantised"]
    assert line == {
        "name": "spectra", "direction": "lower", "value": 0.15, "null": 0.23, "p_value": 0.01,
        "strongest": 0.2, "pairs": 9,
    }  # fmt: skip


def test_a_row_from_before_there_were_kinds_is_shown_as_it_was_said(session, url):
    """Its sentences are kept; spectra, which were -log10 of a distance, come out as distances."""
    execute(
        url,
        "UPDATE registry_tables.verdicts SET verdict = 'derived', base = 'base', closest = NULL, changes = NULL,"
        " how = ARRAY['fine-tuned: the weights moved by 8.2%'],"
        f" evidence = '{json.dumps(OLD)}'",
    )
    verdict = kept_verdict(session, "child").verdict
    content = verdict_json(verdict)
    assert content["how"] == ["fine-tuned: the weights moved by 8.2%"]
    spectra, stream = content["evidence"]
    assert spectra["sentence"] == "singular values differ by 0.15"
    assert spectra["value"] == pytest.approx(10**-0.811)
    assert spectra["null"] == pytest.approx(10**-0.631)
    assert (stream["value"], stream["direction"]) == (52.1, "higher")
    assert verdict.closest == "base"


def test_a_model_without_a_verdict_says_so(session, url):
    """Models from before there were verdicts have none."""
    execute(url, "DELETE FROM registry_tables.verdicts")
    with pytest.raises(NoVerdict, match="child"):
        kept_verdict(session, "child")
