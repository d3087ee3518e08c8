"""registry.figures.draw: from a kind and its subject to a file or text."""

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


def test_a_figure_has_a_line_for_every_model(subject):
    """The kind says which function draws the subject."""
    assert [line.get_label() for line in as_figure("std", subject).axes[0].lines] == ["tiny"]
