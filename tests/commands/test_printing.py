"""registry.commands.printing."""

import json

import pytest
from command_line import answer

from registry.commands.printing import json_text, say_notes, show
from registry.report.answers import SCHEMA_VERSION


def test_every_json_answer_has_a_schema_version(url, model):
    """One number tells readers which docs/json.md they need."""
    calls = [
        ("ingest", model),
        ("identify", model),
        ("fingerprint", model),
        ("show", "model"),
        ("list",),
        ("families",),
    ]
    calls += [("db", "status"), ("db", "upgrade"), ("db", "url"), ("remove", "model", "--yes")]
    assert {answer(*call)["schema_version"] for call in calls} == {3}


def test_floats_read_back_equal():
    """Printing as JSON loses nothing, and NaN is refused."""
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308]
    assert json.loads(json_text({"values": values}))["values"] == values
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"values": [float("nan")]})


def test_a_table_or_json(capsys):
    """A result goes to stdout in one of two forms; notes go to stderr."""
    show({"a": 1}, "one line", json=False)
    assert capsys.readouterr().out == "one line\n"
    show({"a": 1}, "one line", json=True)
    assert json.loads(capsys.readouterr().out) == {"schema_version": SCHEMA_VERSION, "a": 1}
    say_notes(["beware"])
    assert capsys.readouterr() == ("", "  note: beware\n")
