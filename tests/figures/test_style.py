"""registry.figures.style: what all figures share."""

import io

from registry.figures.style import (
    DARK,
    SERIES,
    bars,
    dark,
    figure,
    legend_beside,
    mark,
    plain,
    save,
)


def test_series_differ_in_grey():
    """So many series have markers, dashes and hatches of their own."""
    marks = [mark(index) for index in range(SERIES)]
    assert len({style["marker"] for style in marks}) == SERIES
    assert len({str(style["linestyle"]) for style in marks}) == SERIES
    assert len({bars(index)["hatch"] for index in range(SERIES)}) == SERIES
    assert bars(SERIES) == bars(0)


def test_many_series_differ_by_their_lines():
    """The eighth has the first one's marker and another line; 49 differ without any colour."""
    marks = [(style["marker"], str(style["linestyle"])) for style in map(mark, range(49))]
    assert len(set(marks)) == 49
    assert mark(49) == mark(0)


def test_a_figure_has_its_axes_row_by_row():
    """Axes without a box, wider and higher for more of them."""
    drawn, axes = figure("title", rows=2, columns=3)
    assert len(axes) == 6
    plain(axes[0])
    assert not axes[0].spines["top"].get_visible()
    axes[0].plot([1, 2], label="a")
    legend_beside(axes[0])
    assert drawn.get_size_inches()[0] > figure("title")[0].get_size_inches()[0]


def test_saving_says_no_date():
    """Bytes depend on the figure alone."""
    written = []
    for _ in range(2):
        buffer = io.BytesIO()
        save(figure("title")[0], buffer, ".svg")
        written.append(buffer.getvalue())
    assert written[0] == written[1]
    assert b"<dc:date>" not in written[0]


def test_a_picture_of_a_page_turns_its_ink():
    """By rules of its own that hold on a dark screen only, right after it opens; the rest stays."""
    svg = '<?xml version="1.0"?><svg width="1"><text>a</text></svg>'
    drawn = dark(svg)
    assert drawn.startswith('<?xml version="1.0"?><svg width="1"><style>')
    assert drawn.endswith("</style><text>a</text></svg>")
    assert "prefers-color-scheme: dark" in DARK
    assert "figure" not in drawn
