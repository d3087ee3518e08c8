"""registry.bulk.lists: sources a line."""

import io
import json
import sys

import pytest

from registry.bulk.lists import listed_in
from registry.bulk.wanted import Wanted
from registry.errors import BadListLine, EmptyList, UnreadableFile


def test_a_line_is_a_source_or_an_object(tmp_path):
    """Comments and empty lines are passed over; a revision goes to where a hub id has it."""
    path = tmp_path / "list"
    line = {"source": "org/a:b.gguf", "revision": "v2", "name": "a", "family": "f", "tags": ["x"]}
    path.write_text(f"# models\n\n  ./here \norg/model\n{json.dumps(line)}\n")
    assert listed_in(str(path)) == [
        Wanted("./here"),
        Wanted("org/model"),
        Wanted("org/a@v2:b.gguf", "a", "f", ("x",)),
    ]


def test_a_list_comes_by_standard_input(monkeypatch):
    """Under the name that tools give it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"./one\r\n./two\r\n")))
    assert listed_in("-") == [Wanted("./one"), Wanted("./two")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"source": "a"', "it is no JSON object"),
        ('{"name": "a"}', "it names no source"),
        ('{"source": 3}', "source is no text"),
        ('{"source": "a", "tags": "x"}', "tags is no list of texts"),
        ('{"source": "a", "path": "b"}', "'path' is none of source"),
        ("{" * 100_000, "it is no JSON object"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, line, reason):
    """By its number, before anything is read."""
    path = tmp_path / "list"
    path.write_text(f"./fine\n{line}\n")
    with pytest.raises(BadListLine, match=rf"Line 2 of the list .* \({reason}"):
        listed_in(str(path))


def test_a_list_that_is_none_is_refused(tmp_path):
    """One that is empty, missing, or no text."""
    path = tmp_path / "list"
    path.write_text("# nothing\n")
    with pytest.raises(EmptyList, match="names no source"):
        listed_in(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFile, match="no text in UTF-8"):
        listed_in(str(path))
    with pytest.raises(UnreadableFile, match="No such file"):
        listed_in(str(tmp_path / "missing"))


def test_standard_input_that_is_closed_names_nothing(monkeypatch):
    """As a service manager leaves it."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(EmptyList, match="names no source"):
        listed_in("-")
