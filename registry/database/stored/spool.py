"""Fingerprints that the database did not take: each waits in a file of the data folder.

A line with the SHA-256 of the rest stands first, then JSON. A file is named after that sum, so that
the same fingerprint of the same origin waits once.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from registry import settings
from registry.database.stored.origin import Origin, origin_from, origin_json
from registry.errors import BrokenSpoolFile, UnreadableFile
from registry.files import writable, write_private
from registry.fingerprints import serialised
from registry.fingerprints.record import Fingerprint

SUFFIX = ".spooled"
FILE = re.compile(r"[0-9a-f]+\.spooled")
"""How files are named; drafts begin with a dot."""
HEAD = re.compile(rb"registry-spool 1 ([0-9a-f]{64})\n")
NAME_DIGITS = 32


class Journey(Enum):
    """What was under way."""

    INGEST = "ingest"
    """The weights were to be stored, or to complete what is stored of them."""
    UPGRADE = "upgrade"
    """The fingerprint was to take the place of an older version's."""


@dataclass(frozen=True)
class Waiting:
    """A fingerprint that is still to be stored."""

    journey: Journey
    origin: Origin
    fingerprint: Fingerprint


def folder() -> Path:
    """Return the folder of what waits; it need not be there."""
    return settings.data_dir() / "spool"


def path_for(content: bytes) -> Path:
    """Return where this content waits."""
    return folder() / (checksum(content)[:NAME_DIGITS] + SUFFIX)


def checksum(content: bytes) -> str:
    """Return the SHA-256 of what stands below the first line."""
    return hashlib.sha256(content).hexdigest()


def encoded(waiting: Waiting) -> bytes:
    """Return what is written below the first line."""
    content = {
        "journey": waiting.journey.value,
        "origin": origin_json(waiting.origin),
        "record": serialised.to_json(waiting.fingerprint),
    }
    return json.dumps(content, allow_nan=False).encode()


def keep(waiting: Waiting) -> Path:
    """Write a file that nobody else may read; return where. Raises UnwritableFile."""
    content = encoded(waiting)
    path = path_for(content)
    head = f"registry-spool 1 {checksum(content)}\n".encode()
    with writable(path):
        settings.data_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, head + content)
    return path


def files() -> list[Path]:
    """Return the files that wait, the oldest first. Raises UnreadableFile."""
    try:
        names = [path.name for path in folder().iterdir()]
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise UnreadableFile(path=str(folder()), reason=exc.strerror or str(exc)) from exc
    waiting = [folder() / name for name in names if FILE.fullmatch(name)]
    return sorted(waiting, key=written_at)


def written_at(path: Path) -> int:
    """Return when a file was written, in nanoseconds; 0 where another command has removed it."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def read(path: Path) -> Waiting:
    """Return what waits in a file.

    Raises FileNotFoundError where another command has stored it, UnreadableFile, BrokenSpoolFile,
    and FingerprintVersionDiffers for one of an older registry.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise UnreadableFile(path=str(path), reason=exc.strerror or str(exc)) from exc

    head = HEAD.match(data)
    content = data[head.end() :] if head else b""
    if head is None or checksum(content).encode() != head[1]:
        raise BrokenSpoolFile(path=str(path), reason="its checksum does not fit")
    return decoded(content, str(path))


def decoded(content: bytes, path: str) -> Waiting:
    """Return what a file's content says. Raises BrokenSpoolFile, FingerprintVersionDiffers."""
    try:
        parts: dict[str, Any] = json.loads(content)
        journey = Journey(parts["journey"])
        origin = origin_from(parts["origin"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise BrokenSpoolFile(path=path, reason="its content is not what it should be") from exc
    return Waiting(journey, origin, serialised.from_json(parts, path))
