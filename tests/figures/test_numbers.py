"""registry.figures.numbers: the numbers of a figure as CSV."""

import csv
import io

import pytest
from places import EXAMPLES

import registry
from registry.figures.atlas_map import AtlasMap, MapCluster, MapPlace
from registry.figures.benchmark_figures import LossCurve, LossCurves
from registry.figures.draw import save_whole
from registry.figures.family_tree import FamilyTree, MadeFrom, Member
from registry.figures.kinds import KINDS, Subject
from registry.figures.numbers import TABLES, as_csv, as_table
from registry.fingerprints.record import NamedFingerprint
from registry.lineage.standing import Basis

HOSTILE = 'a,"b"\n\x1b[2J'


@pytest.fixture(scope="module")
def subject():
    names = ("llama-tiny-code", "llama-tiny")
    models = [NamedFingerprint(n, registry.fingerprint(EXAMPLES / n, rank=16)) for n in names]
    family = FamilyTree(
        (Member("a", "model"), Member(HOSTILE, "adapter")),
        (MadeFrom(HOSTILE, "a", Basis.SHOWN, "trained"),),
    )
    atlas = AtlasMap(
        (MapPlace("a", "f", "model", 0.5, 1 / 3, 7),), (MapCluster(7, "f", 0.5, 0.3, 1, 1.0),), 1
    )
    losses = LossCurves(20, {"default": LossCurve((3.0, 1.0), (2.9, 0.9), (3.1, 1.1))})
    return Subject(tuple(models), 16, losses=losses, family=family, atlas=atlas)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "paths"])
def test_every_figure_has_its_numbers(subject, kind):
    """A row has a value for every column."""
    table = as_table(kind, subject)
    assert table.columns == TABLES[kind][0]
    assert table.rows
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_cells_are_read_back(subject):
    """Names hold commas, quotes and line breaks; a number has nine digits, an absence is empty."""
    rows = list(csv.reader(io.StringIO(as_csv("tree", subject))))
    assert rows[1] == [HOSTILE, "adapter", "a", "shown", "True", "trained"]
    assert rows[2] == ["a", "model", "", "", "", ""]
    assert "0.333333333,7,f\n" in as_csv("atlas", subject)


def test_counts_are_of_all_distances(subject):
    """A histogram leaves none out."""
    [model] = subject.models[:1]
    table = as_table("laws", Subject((model,), 16))
    assert sum(row[4] for row in table.rows) == 210


def test_a_file(subject, tmp_path):
    """The ending asks for it."""
    save_whole("std", subject, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "model,projection,std,over_largest"
    assert len(lines) == 15
