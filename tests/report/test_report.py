"""registry.report."""

import json
from datetime import UTC, datetime

import pytest

from registry.database.nearest import Match
from registry.lineage.verdict import Evidence, Verdict
from registry.report.answers import answer, plain
from registry.report.tables import short_count


@pytest.mark.parametrize(
    ("count", "expected"),
    [(7, "7"), (1_234, "1.2k"), (8_030_261_248, "8.0B"), (1.5e12, "1.5T")],
    ids=str,
)
def test_counts_are_short(count, expected):
    """Parameters as people say them."""
    assert short_count(count) == expected


def test_answers_are_plain_json():
    """Records, tuples and times become objects, arrays and ISO 8601."""
    verdict = Verdict("unknown", chance=0.1, evidence=(Evidence("a", "b", 1.0),))
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    content = answer(
        verdict=verdict, matches=(Match("m", "f", "d", 0.1, 0.2, 0.3),), when={"at": when}
    )
    assert content["schema_version"] == 2
    assert json.loads(json.dumps(content)) == content
    assert content["matches"][0]["std_distance"] == 0.1
    assert content["when"] == {"at": "2026-01-02T03:04:05+00:00"}


def test_floats_read_back_equal():
    """Printing loses nothing."""
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308]
    assert json.loads(json.dumps(plain(values))) == values
