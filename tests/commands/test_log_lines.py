"""registry.commands.log_lines: one JSON object a line."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.commands.log_lines import LONGEST_TEXT, Level, format_of, log_line, plain
from registry.settings import LogFormat


@pytest.mark.parametrize(
    ("typed", "stated", "chosen"),
    [
        ([], None, LogFormat.TEXT),
        ([], "json", LogFormat.JSON),
        ([], "yaml", LogFormat.TEXT),
        (["--log-format", "json", "list"], None, LogFormat.JSON),
        (["--log-format=json"], "text", LogFormat.JSON),
        (["--log-format", "text", "list"], "json", LogFormat.TEXT),
        (["--log-format", "text", "--log-format=json", "list"], None, LogFormat.JSON),
        (["list", "--log-format", "json"], None, LogFormat.TEXT),
        (["--bogus", "--log-format", "json"], None, LogFormat.JSON),
        (["--log-format"], None, LogFormat.TEXT),
        (["--", "--log-format", "json"], None, LogFormat.TEXT),
    ],
    ids=range(11),
)
def test_the_format_is_known_before_options_are_read(typed, stated, chosen):
    """The flag stands before the command and outdoes the environment; what is neither is text."""
    assert format_of(typed, stated) is chosen


def test_a_line():
    """Time in UTC, level, event, message, data and command, in this order."""
    line = log_line("Spooled", "It waits.", Level.ERROR, {"path": Path("/x")}, "ingest")
    content = json.loads(line)
    assert list(content) == ["time", "level", "event", "message", "data", "command"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", content["time"])
    assert abs(datetime.now(UTC) - datetime.fromisoformat(content["time"])).total_seconds() < 100
    del content["time"]
    assert content == {
        "level": "error",
        "event": "Spooled",
        "message": "It waits.",
        "data": {"path": "/x"},
        "command": "ingest",
    }


@pytest.mark.parametrize(
    "text", ["a\nb", "\x1b[2J", "\u202e", "\udce9", '"}', "a" * 10**6, "\0"], ids=range(7)
)
def test_whatever_is_said_is_one_line(text):
    """Nothing in it acts on a terminal, ends the line or makes it endless."""
    line = log_line("Said", text, Level.INFO, {text: [text]}, text[:10])
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    content = json.loads(line)
    assert len(content["message"]) <= LONGEST_TEXT
    assert len(text) > LONGEST_TEXT or content["data"] == {text: [text]}


def test_data_is_plain():
    """Numbers, lists and objects stay what they are; of the rest, what Python writes."""
    endless: list[object] = []
    endless.append(endless)
    given = {
        "a": 1,
        "b": 0.5,
        "c": float("nan"),
        "d": (True, None),
        "e": Level.INFO,
        3: ValueError("x"),
        "f": endless,
    }
    expected = {
        "a": 1,
        "b": 0.5,
        "c": "nan",
        "d": [True, None],
        "e": "info",
        "3": "x",
        "f": [[["[[...]]"]]],
    }
    assert plain(given) == expected
