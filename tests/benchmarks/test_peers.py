"""benchmarks/peers.py and startup.py: ratios of times, and what could not be run."""

from peers import GRADES, CannotRun, Row, ratios, told, worst
from startup import Least


def row(ours: float, theirs: float) -> Row:
    return Row({"registry": [ours, ours, 9.0], "modeldna": [theirs, theirs, 9.0]})


def test_the_worse_of_two_pairs_counts():
    """Of a ratio by two pairs the smaller is given; medians are compared."""
    assert worst([row(1.0, 3.0), row(1.0, 2.0)], "modeldna") == 2.0


def test_what_was_skipped_has_no_ratio():
    """A tool that cannot be run leaves its ratio open, and those of others as they are."""
    skipped = Row({"registry": [1.0], "modeldna": [2.0], "kit": []}, {"kit": "it fails"})
    assert worst([skipped], "kit") is None
    assert worst([skipped], "modeldna") == 2.0
    assert "kit skipped: it fails" in told("compare", skipped)
    assert worst([], "kit") is None


def test_all_keys_are_there():
    """The JSON line has every ratio, whatever was asked for."""
    keys = {f"{grade}_vs_{peer}" for grade in GRADES for peer in ("modeldna", "kit")}
    keys |= {"identify_vs_modeldna", "ingest_vs_weightwatcher", "ingest16_vs_weightwatcher"}
    assert keys <= ratios({}).keys()


def test_a_reason_is_said():
    """What ends a tool is its reason."""
    assert str(CannotRun("no such option")) == "no such option"


def test_the_least_is_kept():
    """Of several runs the least wall and the least CPU seconds count, each by itself."""
    least = Least()
    least.add(2.0, 1.0)
    least.add(1.0, 3.0)
    assert (least.wall, least.cpu) == (1.0, 1.0)
