"""registry.checkpoints.peft.patterns: what `re` matches, in bounded time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.checkpoints.peft.patterns import PatternError, compiled

QUERY = "model.layers.12.self_attn.q_proj"
PATTERNS = [
    r"q_proj",
    r"q_pro",
    r"model\.layers\.([0-9]|1[0-2])\.self_attn\.(?:q|k)_proj",
    r"layers\.\d{2}\..*proj",
    r"layers\.\d{3,}\..*proj",
    r"^(?!.*vision).*q_proj$",
    r"(?=self)self_attn\.[^k]_proj",
    r"(?<=layers\.)12\.\w+\.q_proj",
    r"(?<!layers\.)12\.\w+\.q_proj",
    r"model.*?\bq_proj\Z",
    r"[^\W\d]+",
    r"q_proj|k_proj",
    r"\Aself_attn.q_proj",
]


@pytest.mark.parametrize("key", PATTERNS)
def test_the_ends_of_names(key):
    """A pattern matches the end of a name from a dot or its start on, as peft has it."""
    expected = bool(re.match(rf"(.*\.)?({key})$", QUERY))
    assert compiled(key).matches(QUERY) is expected


pieces = st.sampled_from(
    ["a", "b", r"\.", ".", "[ab]", "[^a]", r"\w", "(?=a)", "(?!b)", "^", "$", ""]
)
repeats = st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "*?"])
groups = st.recursive(
    pieces,
    lambda inner: st.builds(
        lambda parts, way, repeat: f"(?:{''.join(parts)}|{way}){repeat}",
        st.lists(inner, max_size=3),
        inner,
        repeats,
    ),
    max_leaves=6,
)


@given(groups, st.text("ab.", max_size=6))
def test_as_python_matches(key, name):
    """Whatever the pattern, the answer is that of Python's matcher."""
    expected = bool(re.match(rf"(.*\.)?({key})$", name))
    assert compiled(key).matches(name) is expected


def test_patterns_that_never_end():
    """A pattern over which Python's matcher would sit for years is answered at once."""
    name = "a" * 60
    assert not compiled(r"(a+)+b").matches(name)
    assert not compiled(r".*" * 30 + "b").matches(name)


@pytest.mark.parametrize(
    ("key", "reason"),
    [("(", "is no regular expression"), ("a" * 3000, "3,000 characters"),
     (r"(a)\1", "groupref"), ("(?i:a)", "bounded time"), ("(?i)a", "is no regular expression")],
)  # fmt: skip
def test_patterns_that_are_refused(key, reason):
    """What is no pattern, or cannot be matched in bounded time, is refused by what is wrong."""
    with pytest.raises(PatternError, match=reason):
        compiled(key)


def test_patterns_that_take_too_long():
    """Nested repetitions may still need many steps; then the pattern is refused."""
    key = "((((((((((a?){50}){50}){50}){50}){50})*)*)*)*)*b"
    with pytest.raises(PatternError, match="takes too long"):
        compiled(key).matches("a" * 300)


def test_patterns_that_are_warned_of():
    """What Python's parser would warn of is taken as it stands today, in silence."""
    assert compiled("[[a]]").matches("x.a]")
