"""registry.figures.draw: from a kind and its subject to a file or text."""

import xml.etree.ElementTree as ET

import pytest
from places import EXAMPLES

import registry
from registry.errors import UnknownPicture, UnwritableFile
from registry.figures.draw import as_figure, save_whole
from registry.figures.kinds import Subject


@pytest.fixture(scope="module")
def subject():
    fingerprint = registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)
    return Subject((("tiny", fingerprint),), rank=64)


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_the_same_figure_is_the_same_file(subject, tmp_path, name):
    """Byte for byte, and nothing is left beside it."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_whole("std", subject, tmp_path / folder / name)
        assert [path.name for path in (tmp_path / folder).iterdir()] == [name]
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_files_that_are_refused(subject, tmp_path):
    """Another ending, and a folder that is not there."""
    with pytest.raises(UnknownPicture, match="as .png or .svg"):
        save_whole("std", subject, tmp_path / "a.pdf")
    with pytest.raises(UnwritableFile, match="cannot be written"):
        save_whole("std", subject, tmp_path / "no" / "a.svg")
    assert list(tmp_path.iterdir()) == []


HOSTILE = ("$\\frac", "_a$b$", "\x1b]0;x\a\n\u202e", "模型\udcff<b>&\0", "a" * 5000)


@pytest.mark.parametrize("kind", ["std", "clusters", "labels", "pca", "densities"])
def test_names_that_are_no_words(subject, tmp_path, kind):
    """Formulas, controls and letters that the font lacks: an .svg stays XML and shows every name."""
    [(_, fingerprint)] = subject.models
    named = Subject(tuple((name, fingerprint) for name in HOSTILE), rank=16)
    save_whole(kind, named, tmp_path / "a.svg")
    texts = " ".join(ET.parse(tmp_path / "a.svg").getroot().itertext())
    for written in (
        "$\\frac",
        "_a$b$",
        r"\x1b]0;x\x07\n\u202e",
        r"模型\udcff<b>&\x00",
        "aaa...aaa",
    ):
        assert written in texts


def test_a_picture_of_names_that_are_no_words(subject, tmp_path):
    """A .png draws them without a warning, which would be an error here."""
    [(_, fingerprint)] = subject.models
    named = Subject(tuple((name, fingerprint) for name in HOSTILE), rank=16)
    save_whole("std", named, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_a_figure_has_a_line_for_every_model(subject):
    """The kind says which function draws the subject."""
    assert [line.get_label() for line in as_figure("std", subject).axes[0].lines] == ["tiny"]
