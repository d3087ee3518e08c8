"""The folder of the server's socket: in /tmp, which keeps the path short, for its owner alone.

It has one name for a data folder, so that addresses stay. The name is written down before the
folder is made, so that it is found again whoever is killed.
"""

import hashlib
import os
import secrets
import shutil
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

PARENT = Path("/tmp")  # noqa: S108  # a socket's path has at most 107 bytes
PREFIX = "registry-"
PRIVATE = 0o700
DIGITS = 16
YOUNG = 3600.0  # seconds in which an empty folder may belong to a server that is being started


def new_folder(note: Path, account: tuple[int, int] | None) -> Path:
    """Make a folder for the socket. note: the file that keeps its name, and named the last one.

    account: the user and group that it is for; None for our own. Where another has taken the
    folder's name, it gets one that nobody could know.
    """
    remove_noted(note)
    folder = usual_folder(note)
    clear(folder, account)
    if not made(folder, note):
        folder = PARENT / f"{PREFIX}{secrets.token_hex(DIGITS // 2)}"
        note.write_text(str(folder))
        folder.mkdir(mode=PRIVATE)
    if account:
        os.chown(folder, *account)
    return folder


def usual_folder(note: Path) -> Path:
    """Return where the socket of the data folder in which a note lies has its place."""
    owner = f"{os.geteuid()} {note.parent.resolve()}"
    digest = hashlib.sha256(os.fsencode(owner)).hexdigest()
    return PARENT / f"{PREFIX}{digest[:DIGITS]}"


def clear(folder: Path, account: tuple[int, int] | None) -> None:
    """Remove a folder that a server of ours left behind when its note was lost."""
    owners = {os.geteuid(), *(account[:1] if account else ())}
    if is_private(folder) and folder.lstat().st_uid in owners and not is_served(folder):
        shutil.rmtree(folder, ignore_errors=True)


def made(folder: Path, note: Path) -> bool:
    """Make a folder and note it; return False where the name is taken."""
    if folder.exists() or folder.is_symlink():
        return False
    note.write_text(str(folder))
    try:
        folder.mkdir(mode=PRIVATE)
    except FileExistsError:
        note.unlink()
        return False
    return True


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


def is_served(path: Path) -> bool:
    """Return whether a server listens in a folder, or may be about to."""
    listening = [entry for entry in path.iterdir() if entry.is_socket()]
    if not listening:
        return time.time() - path.stat().st_mtime < YOUNG
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(listening[0]))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            pass  # it is busy
    return True
