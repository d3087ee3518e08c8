"""registry.report.characteristic: laws of distances as tables and JSON."""

from rich.console import Console

from registry.characteristic.dsv import DistanceLaw
from registry.characteristic.groups import Characteristic, Comparison, Group
from registry.characteristic.laws import Law, Pareto
from registry.report.characteristic import (
    LAW_COLUMNS,
    DistanceReport,
    characteristic_json,
    characteristic_table,
    distances_json,
    distances_table,
    measured_row,
)

FIT = Pareto("default", 0.25, 0.0, 0.5, -12.0)
SCORES = {"power law": 2.0, "normal": 1.5}
LAW = Law("power law", 120, 0.03, FIT, (0.1, 0.4), 0.05, SCORES)


def text_of(renderable) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_a_row_for_every_set():
    """A law's numbers, or why there is none and how many distances there are."""
    full = measured_row(DistanceLaw("query", "key", 120, LAW))
    assert full[1:] == ("power law", "120", "0.03", "0.25", "0.10 to 0.40", "0.05")
    empty = measured_row(DistanceLaw("query", "up", 3, None, "too few"))
    assert empty[1:] == ("too few", "3", "", "", "", "")
    assert len(full) == len(empty) == 1 + len(LAW_COLUMNS)


def test_distances():
    """Both forms hold the laws, scipy's fits and what the paper has."""
    sets = (DistanceLaw("query", "key", 120, LAW), DistanceLaw("query", "up", 3, None, "too few"))
    report = DistanceReport("m", 16, sets, (FIT,), {"alpha": 0.3})
    answer = distances_json(report)
    assert answer["distances"][0]["law"]["alpha"] == 0.25
    assert answer["distances"][1]["law"] is None
    text = text_of(distances_table(report))
    assert "paper, table 1: alpha 0.3" in text
    assert "log-likelihood" in text


def test_groups():
    """A characteristic of one group is not usable, and says so."""
    comparison = Comparison("query", "key", LAW)
    one = Characteristic(16, (Group("query", ("key",)),), (comparison,))
    text = text_of(characteristic_table("m", one, {"groups": [["query", "key"], ["value"]]}))
    assert "m: 1 groups at rank 16" in text
    assert "paper, table 3: query: key; value: no members" in text
    assert "one group only" in text
    assert characteristic_json("m", one, None)["comparisons"][0]["projection"] == "key"
