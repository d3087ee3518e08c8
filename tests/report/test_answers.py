"""registry.report.answers: records as JSON."""

import json
from datetime import UTC, datetime

from registry.database.searching.nearest import Match
from registry.report.answers import answer, plain


def test_answers_are_plain_json():
    """Records, tuples and times become objects, arrays and ISO 8601."""
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    content = answer(matches=(Match("m", "f", "d", 0.1, 0.2, 0.3),), when={"at": when})
    assert content["schema_version"] == 3
    assert json.loads(json.dumps(content)) == content
    assert content["matches"][0]["std_distance"] == 0.1
    assert content["when"] == {"at": "2026-01-02T03:04:05+00:00"}


def test_plain_values_stay():
    """Numbers, strings and None are what they were."""
    assert plain([1, 0.1, "a", None, True]) == [1, 0.1, "a", None, True]


def test_floats_read_back_equal():
    """Printing loses nothing."""
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308]
    assert json.loads(json.dumps(plain(values))) == values
