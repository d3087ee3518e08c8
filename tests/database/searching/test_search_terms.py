"""registry.database.searching.search_terms: what may be written in a search, and what is said of the rest."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.database.searching.search_terms import (
    All,
    Any,
    Comparison,
    Named,
    Not,
    Sign,
    read,
)
from registry.errors import SearchUnreadable

LLAMA = Comparison("family", Sign.EQUAL, ("llama",))
NEAR = Comparison("std_distance", Sign.LESS, (1e-3,))
BIG = Comparison("parameters", Sign.AT_LEAST, (7,))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("", None),
        ("  \n", None),
        ("family = 'llama' and std_distance < 1e-3", All((LLAMA, NEAR))),
        ('FAMILY == "llama" AND std_distance<1e-3', All((LLAMA, NEAR))),
        ("family='llama' or parameters>=7 and std_distance < .001", Any((LLAMA, All((BIG, NEAR))))),
        ("(family='llama' or parameters>=7) and std_distance < .001", All((Any((LLAMA, BIG)), NEAR))),
        ("not not family='llama'", Not(Not(LLAMA))),
        ("family in ('llama', 'it''s')", Comparison("family", Sign.IN, ("llama", "it's"))),
        ("family not in ('llama')", Not(Comparison("family", Sign.IN, ("llama",)))),
        ("name like 'a%'", Comparison("name", Sign.LIKE, ("a%",))),
        ("name not ilike 'a%'", Not(Comparison("name", Sign.ILIKE, ("a%",)))),
        ("base is null", Comparison("base", Sign.NULL)),
        ("base IS NOT NULL", Not(Comparison("base", Sign.NULL))),
        ("due = true", Comparison("due", Sign.EQUAL, (True,))),
        ("parameters <> -7", Comparison("parameters", Sign.UNEQUAL, (-7,))),
        ("'llama'", Named("llama")),
    ],
)  # fmt: skip
def test_a_search_is_read(text, term):
    """Or binds less than and, and that less than not; words of the grammar may be capitals."""
    assert read(text) == term


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("family or x", 8, "after 'family' a sign such as = or <, or like, in or is, is missing before 'or'"),
        ("family = llama", 10, "'llama' is text, which stands in quotation marks, or no value at all"),
        ("family = 'llama", 10, "a quotation mark is not closed"),
        ("family = 'a' name = 'b'", 14, "'and' or 'or' is missing before 'name'"),
        ("family = 'a' and", 17, "a word to compare is missing before the end"),
        ("(family = 'a'", 14, "')' is missing before the end"),
        ("family = 'a')", 13, "'and' or 'or' is missing before ')'"),
        ("family ~ 'a'", 8, "'~' is neither a word, a number, a sign nor text in quotation marks"),
        ("name like 7", 11, "text in quotation marks is missing before '7'"),
        ("parameters > 7B", 14, "'7B' is neither a word, a number, a sign nor text in quotation marks"),
        ("parameters > 1e999", 14, "1e999 is too large a number"),
        ("= 'a'", 1, "a word to compare is missing before '='"),
        ("name; DROP TABLE models", 5, "';' is neither a word, a number, a sign nor text in quotation marks"),
        ("a" * 5000, 4000, "it is 5,000 characters long, and may have 4,000"),
        ("(" * 100, 41, "too many terms, or brackets within brackets, up to '('"),
        ("name = '\ud800'", 1, "it holds characters that no stored text has"),
        ("name = '\0'", 1, "it holds characters that no stored text has"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_pointed_at(text, place, reason):
    """The error says at which character, and what is wrong there."""
    with pytest.raises(
        SearchUnreadable, match=f"at character {place:,}".replace(",", "")
    ) as caught:
        read(text)
    assert caught.value.data == {"place": place, "reason": reason}


PIECES = st.sampled_from(
    [
        "family",
        "=",
        "<",
        "'a'",
        "7",
        "and",
        "or",
        "not",
        "(",
        ")",
        "in",
        ",",
        "is",
        "null",
        "like",
        '"',
    ]
)


@given(st.lists(PIECES, max_size=30).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    """No text makes another error."""
    with suppress(SearchUnreadable):
        read(text)


@pytest.mark.parametrize("text", ["llama", " Llama-3.1 ", "org/model@main", "family", "7b-chat"])
def test_a_single_word_is_sought_in_names(text):
    """As it is typed, without quotes."""
    assert read(text) == Named(text.strip())


@pytest.mark.parametrize("text", ["and", "7", "-", "..."])
def test_what_is_no_word_is_not_sought(text):
    """Words of the grammar, plain numbers and signs need quotes."""
    with pytest.raises(SearchUnreadable, match="at character 1"):
        read(text)
