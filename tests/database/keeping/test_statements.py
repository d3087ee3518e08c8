"""registry.database.keeping.statements: a text of SQL, taken apart at its semicolons."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.database.keeping.statements import is_complete, spot_of, statements


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        (" ; ;\n", []),
        ("select 1", ["select 1"]),
        ("select 1;select 2 ; ", ["select 1", "select 2"]),
        ("select ';' ; select 'it''s;'", ["select ';'", "select 'it''s;'"]),
        (r"select E'\';' ; select 2", [r"select E'\';'", "select 2"]),
        (r"select '\'; select 2", [r"select '\'", "select 2"]),
        ('select 1 as "a;""b" ; select 2', ['select 1 as "a;""b"', "select 2"]),
        ("-- one; two\nselect 1 -- three; four\n; select 2", ["select 1 -- three; four", "select 2"]),
        ("/* a; /* b; */ c; */ select 1", ["select 1"]),
        ("select $$;$$; select $a$ $$; $b$ $a$", ["select $$;$$", "select $a$ $$; $b$ $a$"]),
        ("select a$b$;select 2", ["select a$b$", "select 2"]),
        ("select $1;select 2", ["select $1", "select 2"]),
        ("select 'open ; ", ["select 'open ;"]),
        ("/* open ; ", []),
        ("-- nothing", []),
    ],
)  # fmt: skip
def test_statements(text, parts):
    """Semicolons in strings, names and comments end nothing."""
    assert [statement.text for statement in statements(text)] == parts
    for statement in statements(text):
        assert text[statement.start :].startswith(statement.text)


@given(
    st.lists(
        st.sampled_from(["'", '"', ";", "$$", "$a$", "--", "/*", "*/", "\n", "e", " ", "\\", "x"])
    )
)
def test_any_text(parts):
    """Nothing is lost and nothing hangs: every statement stands in the text where it says, in order."""
    text = "".join(parts)
    position = 0
    for statement in statements(text):
        assert statement.start >= position
        assert text[statement.start : statement.start + len(statement.text)] == statement.text
        position = statement.start + len(statement.text)


@pytest.mark.parametrize(
    ("text", "complete"),
    [("select 1", False), ("select 1;", True), ("select 1; -- done\n", True), ("select ';\n", False), ("select 1; x", False), (";", True)],
)  # fmt: skip
def test_is_complete(text, complete):
    """What was typed is run once it ends with a semicolon that ends a statement."""
    assert is_complete(text) is complete


def test_spots():
    """Lines and columns count from 1."""
    assert (spot_of("ab\ncd", 0).line, spot_of("ab\ncd", 0).column) == (1, 1)
    assert (spot_of("ab\ncd", 4).line, spot_of("ab\ncd", 4).column) == (2, 2)


@pytest.mark.parametrize(
    "text",
    ["select ';', E'\\';', $x$;$x$, \"a;\" from (select 1 as \"a;\") t /* ; /* ; */ */ -- ;"],
)
def test_postgres_agrees(shared_server, text):
    """What is one statement here is one to the server."""
    assert len(list(statements(text))) == 1
    with psycopg.connect(shared_server) as connection:
        assert connection.execute(text).fetchall() == [(";", "';", ";", 1)]
