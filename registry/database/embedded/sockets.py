"""The folder of the server's socket: in /tmp, which keeps the path short, for its owner alone.

Its name is written down before it is made, so that it is found again whoever is killed.
"""

import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path

PARENT = Path("/tmp")  # noqa: S108  # a socket's path has at most 107 bytes
PREFIX = "registry-"
PRIVATE = 0o700


def new_folder(note: Path, account: tuple[int, int] | None) -> Path:
    """Make a folder for the socket. note: the file that keeps its name, and named the last one.

    account: the user and group that it is for; None for our own.
    """
    remove_noted(note)
    folder = PARENT / f"{PREFIX}{secrets.token_hex(8)}"
    note.write_text(str(folder))
    folder.mkdir(mode=PRIVATE)
    if account:
        os.chown(folder, *account)
    return folder


def noted(note: Path) -> Path | None:
    """Return the folder that a note names; None for a note that is damaged or not there."""
    with suppress(OSError, ValueError):
        folder = Path(note.read_text())
        if folder.parent == PARENT and folder.name.startswith(PREFIX):
            return folder
    return None


def remove_noted(note: Path) -> None:
    """Remove the folder of a server that has gone, if one was left behind."""
    folder = noted(note)
    if folder and is_private(folder):
        shutil.rmtree(folder, ignore_errors=True)


def is_private(folder: Path) -> bool:
    """Return whether this is a folder, no link, that its owner alone may enter."""
    with suppress(OSError):
        mode = folder.lstat().st_mode
        return stat.S_ISDIR(mode) and stat.S_IMODE(mode) == PRIVATE
    return False
