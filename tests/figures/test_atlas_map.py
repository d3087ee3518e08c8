"""registry.figures.atlas_map: the map of all models, as it is drawn."""

import pytest

from registry.figures import text_lineage
from registry.figures.atlas_map import OTHERS, SERIES, AtlasMap, MapCluster, MapPlace
from registry.figures.draw import as_figure
from registry.figures.kinds import Subject


def atlas_of(families: int) -> AtlasMap:
    """Return a map of so many families, the first of which has two models."""
    places = [MapPlace("twin", "f00", "model", 0.5, 0.5, 1)]
    for number in range(families):
        name = f"f{number:02d}"
        places.append(MapPlace(f"{name}-m", name, "model", number / families, 0.25, None))
    clusters = (MapCluster(1, "$f00$", 0.5, 0.5, 2, 1.0),)
    return AtlasMap(tuple(places), clusters, len(places))


def test_few_families_have_a_marker_each():
    """The commonest comes first."""
    atlas = atlas_of(3)
    assert atlas.legend == ("f00", "f01", "f02")
    assert atlas.series("f02") == 2


def test_many_families_share_the_last_marker():
    """So that markers tell apart what has one of its own."""
    atlas = atlas_of(30)
    assert len(atlas.legend) == SERIES
    assert atlas.legend[-1] == OTHERS
    assert atlas.series("f29") == SERIES - 1


def test_drawn():
    """A marker for every model, of another form for every family, and the clusters' names."""
    axes = as_figure("atlas", Subject(atlas=atlas_of(30))).axes[0]
    assert sum(len(group.get_offsets()) for group in axes.collections) == 31
    forms = {group.get_paths()[0].vertices.tobytes() for group in axes.collections}
    assert len(forms) == SERIES
    assert [text.get_text() for text in axes.texts] == [r"\$f00\$"]


def test_in_text():
    """A letter where a model is, and what it stands for."""
    lines = list(text_lineage.atlas(atlas_of(2)))
    assert lines[-2:] == ["a f00                        2", "b f01                        1"]
    assert sum(line.count("b") for line in lines[:-2]) == 1


def test_a_map_without_models_is_empty():
    """And can be drawn all the same."""
    empty = AtlasMap((), (), 0)
    assert as_figure("atlas", Subject(atlas=empty)).axes[0].texts[:] == []
    assert not "".join(text_lineage.atlas(empty)).strip()


@pytest.mark.parametrize("window", [(0.0, 0.0, 1.0, 1.0), (0.25, 0.0, 0.5, 0.25)])
def test_a_window_is_what_is_drawn(window):
    """From its left to its right."""
    drawn = as_figure("atlas", Subject(atlas=AtlasMap((), (), 0, window)))
    assert drawn.axes[0].get_xlim() == (window[0], window[2])
