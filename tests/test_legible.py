"""Text of unknown origin is shown so that it neither acts nor hides."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.legible import (
    MOST_MARKS,
    is_legible,
    json_legible,
    legible,
    legible_lines,
    shortened,
)

ESCAPED = {
    "escape": ("a\x1b[31mb", r"a\x1b[31mb"),
    "bell and delete": ("\a\x7f", r"\x07\x7f"),
    "C1": ("\x9b31m\x85", r"\x9b31m\x85"),
    "lines and tabs": ("a\nb\tc\r", r"a\nb\tc\r"),
    "bidi overrides": ("\u202agpj\u202e\u2066\u2069", r"\u202agpj\u202e\u2066\u2069"),
    "bidi marks": ("\u200e\u200f\u061c", r"\u200e\u200f\u061c"),
    "zero width": ("gpt\u200b2\ufeff\u2060", r"gpt\u200b2\ufeff\u2060"),
    "joiners in Latin": ("gpt\u200d2\u200c", r"gpt\u200d2\u200c"),
    "tags": ("a\U000e0041", r"a\U000e0041"),
    "separators": ("a\u2028b\u2029", r"a\u2028b\u2029"),
    "spaces": ("a\xa0b\u2003", r"a\xa0b\u2003"),
    "lone surrogates": ("bad\udcff", r"bad\udcff"),
    "noncharacters": ("\uffff\ufdd0", r"\uffff\ufdd0"),
    "private use": ("\ue000", r"\ue000"),
    "soft hyphen": ("a\xadb", r"a\xadb"),
    "blank letters": ("\u3164\u115f\u2800", r"\u3164\u115f\u2800"),
    "selectors in Latin": ("a\ufe0fb", r"a\ufe0fb"),
    "many selectors": ("❤\ufe0f\ufe0f", "❤\ufe0f" + r"\ufe0f"),
    "at the ends": ("\u200dक\u200d", r"\u200dक\u200d"),
}
KEPT = {
    "ascii": "Llama-3.1_8B (base) [red]~!",
    "accents": "é ñ ü ß ø e\u0301",
    "scripts": "模型 モデル 모델 модель مدل מודל मॉडल โมเดล",
    "persian": "می\u200cخواهم",  # noqa: RUF001  # letters meant as they are
    "hindi": "क्\u200dष",
    "family": "👩\u200d👩\u200d👧",
    "heart": "❤\ufe0f and ©\ufe0f",
    "keycap": "1\ufe0f\u20e3",
    "skin": "👍🏽",
    "currency": "5 € → ½",
}


@pytest.mark.parametrize(("text", "expected"), ESCAPED.values(), ids=list(ESCAPED))
def test_what_acts_or_hides_is_escaped(text, expected):
    """Controls, turned directions, invisible characters and what is no character are written out."""
    assert legible(text) == expected
    assert not is_legible(text)


@pytest.mark.parametrize("text", KEPT.values(), ids=list(KEPT))
def test_writing_stays(text):
    """Letters of all scripts, accents and emoji are shown as they are."""
    assert legible(text) == text
    assert is_legible(text)


def test_stacked_marks_end():
    """A letter keeps as many marks as a script needs; those above it are written out."""
    text = "a" + "\u0301" * 100
    assert legible(text) == "a" + "\u0301" * MOST_MARKS + r"\u0301" * (100 - MOST_MARKS)


def test_line_breaks_of_ours_stay():
    """Text that we have laid out in lines keeps its breaks, and nothing else."""
    assert legible_lines("a\nb\r\x1b") == "a\nb" + r"\r\x1b"


@given(st.text(st.characters(codec=None)))
def test_nothing_shown_acts(text):
    """Whatever the text, what is shown is one line, is no control and fits UTF-8."""
    shown = legible(text)
    assert "\n" not in shown
    categories = {unicodedata.category(character) for character in shown}
    assert not categories & {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
    shown.encode()
    assert legible(shown) == shown or "\u200d" in text or "\u200c" in text


@given(st.text(st.characters(codec=None)))
def test_json_loses_nothing(text):
    """A JSON document with escapes reads back equal, and holds nothing that acts."""
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=2)
    escaped = json_legible(document)
    assert json.loads(escaped) == {text: [text]}
    for line in escaped.split("\n"):
        assert line.isprintable()


def test_long_text_is_cut_in_the_middle():
    """Of a long name the beginning and the end are shown."""
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefgh", 7) == "ab...gh"
    assert len(shortened("a" * 10_000, 300)) == 300
