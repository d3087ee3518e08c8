"""Files and folders that are written whole or not at all: nobody ever sees half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp

from registry.errors import UnwritableFile


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8: first under another name in its folder, then renamed.

    Raises UnwritableFile, with whatever stood at the path before left as it was.
    """
    data = as_utf8(content) if isinstance(content, str) else content
    draft = path.parent / f".{path.name}.{os.getpid()}"

    with writable(path):
        try:
            draft.write_bytes(data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def file_whole(path: Path) -> Iterator[Path]:
    """Yield where to write a file, which takes the place of `path` if all goes well.

    Raises UnwritableFile, with whatever stood at the path before left as it was.
    """
    draft = path.parent / f".{path.name}.{os.getpid()}"
    with writable(path):
        try:
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read, whole and on the disk when this returns.

    Its folder is made, likewise closed to others. Raises UnwritableFile.
    """
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        descriptor, draft = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor is no path
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
        if hasattr(os, "O_DIRECTORY"):  # Windows opens no folder
            keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Have the disk keep the names in a folder, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_utf8(text: str) -> bytes:
    """Return text as UTF-8; bytes of a file's name that are none become escapes that JSON reads."""
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def folder_whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write into, which takes the place of `folder` if all goes well.

    The folder must be new or empty. Raises UnwritableFile, with nothing left behind.
    """
    with writable(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            draft = Path(scratch) / "draft"
            draft.mkdir()
            yield draft

            if folder.exists():
                folder.rmdir()
            draft.replace(folder)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Raise UnwritableFile for what the operating system refuses inside."""
    try:
        yield
    except OSError as exc:
        raise UnwritableFile(path=str(path), reason=exc.strerror or str(exc)) from exc
