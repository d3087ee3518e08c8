"""A model card as a file: read whole, and written whole or not at all."""

import shutil
from pathlib import Path

from registry.errors import CardNotFound, CardTooLarge, CardUnreadable, UnreadableFile
from registry.files import file_whole

MOST = 1 << 24  # bytes of a card, its text and all
KEEPING = "surrogateescape"  # bytes that are no UTF-8 come out as they went in


def read_card(path: Path) -> str:
    """Return the text of a card, line ends and all. Raises an error of a card."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise CardUnreadable(path=str(path), reason="it is not a regular file")
        if size > MOST:
            raise CardTooLarge(path=str(path), size=f"{size:,}", limit=f"{MOST:,}")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError) as exc:
        raise CardNotFound(path=str(path)) from exc
    except OSError as exc:
        raise UnreadableFile(path=str(path), reason=exc.strerror or exc) from exc
    if b"\0" in content:
        raise CardUnreadable(path=str(path), reason="it is no text")
    return content.decode("utf-8", KEEPING)


def write_card(path: Path, text: str) -> None:
    """Write a card in place of the one that is there, for the same readers. Raises UnwritableFile.

    A link, as the hub's cache has them, becomes a file of its own.
    """
    with file_whole(path) as draft:
        draft.write_bytes(text.encode("utf-8", KEEPING))
        shutil.copymode(path, draft)
