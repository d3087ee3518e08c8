"""registry.report.verdicts: a verdict as a table and as JSON."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console

from registry.database.searching.nearest import Match
from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.verdict import (
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Relative,
    Verdict,
)
from registry.report.answers import answer
from registry.report.verdicts import (
    change_json,
    evidence_json,
    explained_json,
    families_line,
    identification_table,
    null_text,
    verdict_json,
    verdict_table,
    verified_table,
)

SPECTRA = Evidence(
    EvidenceKind.SPECTRA, 0.1546, null=0.2339, p_value=0.008, strongest=0.2075, pairs=2425
)
STREAM = Evidence(
    EvidenceKind.STREAM, 52.1, null=2.1, p_value=1e-30, strongest=4.7, pairs=2149, cosine=0.987
)
VERDICT = Verdict(
    Relation.DERIVED,
    model="base",
    family="f",
    closest="base",
    changes=(Change(ChangeKind.FINE_TUNED, 0.082),),
    score=30.0,
    p_value=1e-30,
    chance=6e-30,
    candidates=6,
    evidence=(STREAM, SPECTRA),
)
MATCHES = (
    Match("base", "f", "d", 0.001, 0.0, 0.02),
    Match("far", "g", "e", 0.04, 0.5, 0.8),
)


def drawn(table) -> str:
    console = Console(width=200, record=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_table_says_all():
    """Headline, changes, p-value, and each line with score, null and p-value."""
    text = drawn(verdict_table("child", VERDICT))
    assert "child: derived from base" in text
    assert "  fine-tuned: relative weight change 8.2%" in text
    assert "  family-wise p < 1e-15 over 6 candidates" in text
    for head in ("score", "null", "p-value"):
        assert head in text
    row = next(line for line in text.splitlines() if "spectral distance" in line)
    assert row.split()[-4:] == ["0.155", "below", "0.234", "0.008"]


def test_the_null_of_a_distance_is_marked():
    """Where lower is closer unrelated pairs seldom come below; a merge's residual has no percentile."""
    assert null_text(SPECTRA) == "below 0.234"
    assert null_text(STREAM) == "2.1"
    assert null_text(Evidence(EvidenceKind.MIXTURE, 0.1, null=1.0)) == "1"
    assert null_text(Evidence(EvidenceKind.CANDIDATES, count=3)) == ""


def test_json_has_sentences_and_numbers():
    """The keys of docs/json.md; enums are their words."""
    content = json.loads(json.dumps(answer(**verdict_json(VERDICT))))
    assert content["verdict"] == "derived"
    assert content["how"] == ["fine-tuned: relative weight change 8.2%"]
    assert content["changes"] == [{"kind": "fine-tuned", "amount": 0.082, "parts": []}]
    stream, spectra = content["evidence"]
    assert (stream["name"], stream["direction"]) == ("stream", "higher")
    assert (spectra["name"], spectra["direction"]) == ("spectra", "lower")
    assert (spectra["value"], spectra["null"], spectra["strongest"]) == (0.1546, 0.2339, 0.2075)
    assert spectra["sentence"].startswith("spectral distance 0.15")


def test_an_unknown_keeps_its_closest_in_json():
    """Model and family are null."""
    content = verdict_json(Verdict.unknown(closest="base", chance=0.4, candidates=2))
    assert (content["model"], content["family"], content["closest"]) == (None, None, "base")


def test_a_line_without_a_number_has_no_direction():
    """It only informs."""
    line = evidence_json(Evidence(EvidenceKind.CANDIDATES, count=2, families=1))
    assert (line["value"], line["direction"], line["count"]) == (None, None, 2)


def test_matches_stand_below_the_verdict():
    """Nearest models and families, if there are any."""
    found = SimpleNamespace(source="child", verdict=VERDICT, matches=MATCHES, families=MATCHES)
    text = drawn(identification_table(found))
    assert "nearest by std vector" in text
    assert "nearest families: f (0.02), g (0.8)" in text
    alone = SimpleNamespace(source="child", verdict=VERDICT, matches=(), families=())
    assert "nearest" not in drawn(identification_table(alone))
    assert str(families_line(MATCHES)) == "nearest families: f (0.02), g (0.8)"


def test_a_claim_stands_above_its_verdict():
    """With what became of it."""
    text = drawn(verified_table("child", "base", "consistent", VERDICT))
    assert text.startswith("that child comes from base is consistent")


@pytest.mark.parametrize("key", ["name", "judged_at", "verdict", "changes", "evidence"])
def test_a_stored_verdict_in_json(key):
    """The model's name and the time stand beside the verdict."""
    when = datetime(2026, 1, 2, tzinfo=UTC)
    assert key in explained_json(SimpleNamespace(name="child"), VERDICT, when)


def test_relatives_and_direction_are_data():
    """A direction is a word with its reason and measured error; relatives have their own."""
    shown = DirectionShown(Descent.CHILD, DirectionReason.GRID)
    relative = Relative("base", "f", Relation.DERIVED, 0.9, 1e-30, 30.0, True, (), shown)
    content = verdict_json(replace(VERDICT, relatives=(relative,), direction=shown))
    assert (content["direction"], content["direction_reason"]) == ("child", "grid")
    assert 0 < content["direction_error"] < 1
    assert content["relatives"] == [
        {
            "model": "base",
            "family": "f",
            "relation": "derived",
            "explained": 0.9,
            "p_value": 1e-30,
            "score": 30.0,
            "tied": True,
            "changes": [],
            "direction": "child",
            "direction_reason": "grid",
            "direction_error": content["direction_error"],
        }
    ]
    assert verdict_json(VERDICT)["direction"] is None


def test_a_merge_has_the_shares_of_all_parents():
    """And by layer where they vary, else null."""
    even = Change(ChangeKind.MERGED, 0.5, ("a", "b", "c"), (0.5, 0.3, 0.2))
    assert change_json(even)["shares"] == [0.5, 0.3, 0.2]
    assert change_json(even)["by_layer"] is None
    layers = replace(even, by_layer=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    assert change_json(layers)["by_layer"] == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_the_numbers_of_a_change():
    """They stand in the table of evidence and beside the change in JSON, with what the file states."""
    line = Evidence(
        EvidenceKind.DISTINCT_VALUES, 0.2, null=0.98, p_value=0.01, strongest=0.97, pairs=99
    )
    change = Change(ChangeKind.QUANTISED, 4, evidence=(line,), stated="bfloat16")
    verdict = replace(VERDICT, changes=(change,))
    assert "20.0% of the base's distinct values" in drawn(verdict_table("a", verdict))
    content = change_json(change)
    assert content["stated"] == "bfloat16"
    (number,) = content["evidence"]
    assert (number["name"], number["null"], number["p_value"]) == ("distinct values", 0.98, 0.01)
    assert "evidence" not in change_json(Change(ChangeKind.FINE_TUNED, 0.1))
