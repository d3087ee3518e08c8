"""What a text may name, told without opening anything: a path, a hub id, or neither.

Commands ask before they import what reads weights, or start a database.
"""

import os
import re

from registry.checkpoints.towers import asked
from registry.errors import SourceNotFound

HUB_ID = re.compile(
    r"(?P<model>[\w][\w.-]*(?:/[\w][\w.-]*)?)"
    r"(?:@(?P<revision>[\w./+-]+))?"
    r"(?::(?P<file>[^\\/\x00-\x1f][^\x00-\x1f]*))?"  # of any name that a trainer may give
)
PATH = re.compile(r"(\.{0,2}|~[^/]*)/|[A-Za-z]:[\\/]")
"""How a text begins that is a path and nothing else: no registered model is called so."""

# Folders that training leaves, which name a step and no model.
STEP = re.compile(
    r"(checkpoint|ckpt|(global[_-]?)?step|iter(ation)?|epoch)s?[_-]?\d+|(epoch|step)[=_-]?\d+.*",
    re.IGNORECASE,
)


def is_path(text: str) -> bool:
    """Return whether a text can be nothing but a path."""
    return bool(PATH.match(text))


def check_source(text: str) -> None:
    """Raise SourceNotFound for a text that is neither a file or folder here nor a hub id."""
    plain = asked(text).source
    if is_missing(plain) and not HUB_ID.fullmatch(plain):
        raise SourceNotFound(source=text)


def is_missing(text: str) -> bool:
    """Return whether there is nothing of that name here; `~` stands for the home folder.

    What cannot be looked at is not missing: who opens it says why.
    """
    try:
        os.stat(os.path.expanduser(text.strip()))  # noqa: PTH111, PTH116  # Path's raise for some
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def check_path(text: str) -> None:
    """Raise SourceNotFound for a path to nothing; what may be a registered model passes."""
    if is_path(text):
        check_source(text)


def is_step(name: str) -> bool:
    """Return whether a folder is called after a step of a run, and not after a model."""
    return bool(STEP.fullmatch(name))
