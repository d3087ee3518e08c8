"""registry.report.tables: numbers and lists for reading."""

import pytest

from registry.report.tables import short_count, short_list, table


@pytest.mark.parametrize(
    ("count", "expected"),
    [(7, "7"), (1_234, "1.2k"), (8_030_261_248, "8.0B"), (1.5e12, "1.5T")],
    ids=str,
)
def test_counts_are_short(count, expected):
    """Parameters as people say them."""
    assert short_count(count) == expected


def test_lists_are_short():
    """Five names, and how many there are."""
    assert short_list([]) == "none"
    assert short_list(["a", "b"]) == "a, b"
    assert short_list(list("abcdef")) == "a, b, c, d, e, ... (6)"


def test_cells_are_text():
    """Brackets in a name are no markup, and numbers stand on the right."""
    drawn = table("name", "count", rows=[("[bold]", 3)], right=("count",))
    assert [column.justify for column in drawn.columns] == ["left", "right"]
    assert [str(cell) for cell in drawn.columns[0].cells] == ["[bold]"]
