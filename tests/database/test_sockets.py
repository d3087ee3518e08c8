"""registry.database.embedded.sockets: one folder a server, found again after any accident."""

import pytest

from registry.database.embedded import sockets
from registry.database.embedded.sockets import new_folder, noted, remove_noted


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
    assert second.is_dir()
    assert not first.exists()


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
