"""registry.files: whole or not at all."""

import json
import os
import re
from pathlib import Path

import pytest

from registry.errors import UnwritableFile
from registry.files import folder_whole, write_whole


def test_a_file_is_written_whole(tmp_path):
    """Text as UTF-8, bytes as they are, and nothing beside."""
    write_whole(tmp_path / "a.txt", "ä\n")
    write_whole(tmp_path / "b.bin", b"\xff")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa4\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\xff"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_cannot_be_written(tmp_path):
    """One sentence names the file and the reason, and what stood there stays."""
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "no" / "a.txt", tmp_path / "folder"):
        with pytest.raises(UnwritableFile, match=f"{re.escape(repr(str(path)))} cannot be written"):
            write_whole(path, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_without_a_name(tmp_path, monkeypatch):
    """An empty path names no file; that is one sentence, too, and leaves nothing."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnwritableFile, match="'.' cannot be written"):
        write_whole(Path(), "text")
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_not_unicode(tmp_path):
    """Bytes of a file's name that are not UTF-8 are written as escapes, which JSON reads back."""
    name = os.fsdecode(b"bad\xff")
    write_whole(tmp_path / "a.json", json.dumps(name, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text()) == name


def test_a_folder_is_written_whole(tmp_path):
    """It appears when the block ends, where nothing or an empty folder was."""
    (tmp_path / "empty").mkdir()
    for name in ("new/deep", "empty"):
        with folder_whole(tmp_path / name) as draft:
            (draft / "file").write_text("text")
            assert not (tmp_path / name / "file").exists()
        assert [path.name for path in (tmp_path / name).iterdir()] == ["file"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    """Whatever is raised inside, nothing is left; what the system refuses becomes one sentence."""
    with pytest.raises(KeyError, match="x"), folder_whole(tmp_path / "a"):
        raise KeyError("x")
    with (
        pytest.raises(UnwritableFile, match="cannot be written"),
        folder_whole(tmp_path / "b") as draft,
    ):
        (draft / "no" / "file").write_text("text")
    assert list(tmp_path.iterdir()) == []
