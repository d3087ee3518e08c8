"""registry.database.embedded.sockets: one folder a server, found again after any accident."""

import os

import pytest

from registry.database.embedded import sockets
from registry.database.embedded.sockets import new_folder, noted, remove_noted, usual_folder


@pytest.fixture
def note(tmp_path, monkeypatch):
    """The file that keeps the folder's name; folders are made beside it."""
    monkeypatch.setattr(sockets, "PARENT", tmp_path)
    return tmp_path / "note"


def test_folder_is_noted_and_private(note):
    """The folder is its owner's alone, and its name is written down."""
    folder = new_folder(note, None)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert noted(note) == folder


def test_new_folder_takes_the_old_one_away(note):
    """What the last server left behind is removed before there is another."""
    first = new_folder(note, None)
    (first / ".s.PGSQL.5432").touch()
    second = new_folder(note, None)
    assert second == first
    assert list(second.iterdir()) == []


def test_the_folder_has_one_name(note):
    """A data folder's socket is where it was before, so that addresses stay."""
    first = new_folder(note, None)
    remove_noted(note)
    assert not first.exists()
    assert new_folder(note, None) == first
    note.unlink()
    (first / ".s.PGSQL.5432.lock").touch()
    os.utime(first, (0, 0))  # of a server that was killed long ago
    assert new_folder(note, None) == first


def test_a_name_that_another_has_taken(note, tmp_path):
    """Whoever makes the folder first, or a link in its place, does not get the socket into it."""
    taken = usual_folder(note)
    taken.symlink_to(tmp_path)
    assert new_folder(note, None) not in {taken, tmp_path}
    taken.unlink()
    taken.mkdir(mode=0o777)
    taken.chmod(0o777)
    folder = new_folder(note, None)
    assert folder != taken
    assert folder.stat().st_mode & 0o777 == 0o700
    assert taken.is_dir()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"/etc", b"/tmp/../etc/registry-x", b"registry-x", b"a" * 10_000],
    ids=["empty", "no text", "elsewhere", "dots", "relative", "long"],
)
def test_damaged_note(note, content):
    """A note that names no folder of ours has nothing removed."""
    note.write_bytes(content)
    assert noted(note) is None
    remove_noted(note)


def test_what_is_not_ours_stays(note, tmp_path):
    """A link, or a folder that others may enter, is left alone."""
    shared = tmp_path / "registry-shared"
    shared.mkdir(mode=0o755)
    note.write_text(str(shared))
    remove_noted(note)
    assert shared.is_dir()
    link = tmp_path / "registry-link"
    link.symlink_to(tmp_path)
    note.write_text(str(link))
    remove_noted(note)
    assert shared.is_dir()
