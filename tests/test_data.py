"""Tables that lie beside the code."""

import pytest

from registry.data import load


def test_a_table_is_read_from_its_package():
    """A table comes from the folder of the package that is named."""
    rows = load("registry.architectures", "heads.toml")["rows"]
    assert [128, 6, 4] in rows


def test_a_table_is_parsed_once():
    """All callers share one parsed table."""
    first = load("registry.architectures", "heads.toml")
    assert load("registry.architectures", "heads.toml") is first


def test_a_table_that_is_missing():
    """The file's name is in the error."""
    with pytest.raises(FileNotFoundError, match=r"missing\.toml"):
        load("registry.architectures", "missing.toml")
