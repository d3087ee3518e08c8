"""registry.checkpoints.suffixes: the endings of dotted names."""

from registry.checkpoints.suffixes import suffixes


def test_suffixes_are_longest_first():
    """What is left after each dot, the whole name first."""
    assert suffixes("a.b.c") == ["a.b.c", "b.c", "c"]
    assert suffixes("a") == ["a"]


def test_only_the_last_parts_count():
    """Of a long name no more than `most` parts are looked at."""
    assert suffixes("a.b.c.d", 2) == ["c.d", "d"]
    assert suffixes("a.b", 5) == ["a.b", "b"]
