"""What was measured of a large checkpoint, kept in files until its fingerprint is finished.

A later run over the same files, of this process or another, on this machine or one that shares the
data folder, takes up what is kept instead of reading the weights again.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from registry import settings
from registry.checkpoints import Checkpoint
from registry.errors import UnwritableFile
from registry.files import writable, write_private
from registry.fingerprints import parts as parts_module
from registry.fingerprints.measured_file import Unusable, packed, unpacked
from registry.fingerprints.options import MeasureOptions
from registry.fingerprints.parts import Measured, Part
from registry.fingerprints.record import VERSION
from registry.notices import KeptPartUnusable, PartsNotKept, notify

KEY_DIGITS = 32
OLD = 14 * 24 * 3600  # seconds after which nobody is expected to go on


class KeptParts:
    """The files of one checkpoint, measured in one way."""

    def __init__(self, folder: Path, source: str) -> None:
        """Begin; nothing need be there.

        Args:
            folder: Of these files alone.
            source: What notices call the checkpoint.
        """
        self.folder = folder
        self.source = source
        self._writes = True

    def path_of(self, part: Part) -> Path:
        """Return where a part is kept."""
        return self.folder / f"{part.number:05d}.measured"

    def usable(self, parts: Sequence[Part]) -> set[int]:
        """Return the numbers of the parts that are kept, each looked at whole."""
        if not os.path.isdir(self.folder):  # noqa: PTH112  # False where it may not be seen
            return set()
        return {part.number for part in parts if self.load(part) is not None}

    def load(self, part: Part) -> list[Measured] | None:
        """Return what was measured of a part; None where it is not kept, or the file is damaged.

        The user is told of the latter.
        """
        path = self.path_of(part)
        try:
            return unpacked(path.read_bytes(), part)
        except FileNotFoundError:
            return None
        except OSError as exc:
            reason = exc.strerror or str(exc)
        except Unusable as exc:
            reason = str(exc)
        notify(KeptPartUnusable(path=str(path), reason=reason))
        return None

    def save(self, part: Part, results: Sequence[Measured]) -> None:
        """Keep what was measured of a part; where that cannot be, say so once and go on without."""
        if not self._writes or len(results) != part.results:
            return
        try:
            self.write(part, results)
        except UnwritableFile as exc:
            self._writes = False
            notify(PartsNotKept(source=self.source, reason=str(exc)))

    def write(self, part: Part, results: Sequence[Measured]) -> None:
        """Keep what was measured of a part. Raises UnwritableFile."""
        with writable(self.folder):
            home().mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.path_of(part), packed(part, results))

    def count(self) -> int:
        """Return how many parts are kept, whatever is in their files."""
        return sum(1 for _ in self.folder.glob("*.measured"))

    def remove(self) -> None:
        """Remove the files: the fingerprint is finished."""
        with suppress(OSError):  # they go when they are old
            shutil.rmtree(self.folder)


def home() -> Path:
    """Return the folder of what is kept of all checkpoints; it need not be there."""
    return settings.data_dir() / "measured"


def kept_parts(
    checkpoint: Checkpoint, options: MeasureOptions, parts: Sequence[Part]
) -> KeptParts | None:
    """Return where the parts of a checkpoint are kept; None of what is measured at one go.

    That is one part, an adapter, and what tells no stamp. Files that nobody went on with for two
    weeks are removed.
    """
    if len(parts) < 2 or checkpoint.kind == "adapter" or checkpoint.stamp is None:  # noqa: PLR2004
        return None
    try:
        folder = home() / key_of(checkpoint, checkpoint.stamp, options)
    except ImportError as exc:  # on a machine that has little more than numpy
        notify(PartsNotKept(source=checkpoint.source, reason=str(exc)))
        return None
    remove_old(folder)
    return KeptParts(folder, checkpoint.source)


def key_of(checkpoint: Checkpoint, stamp: str, options: MeasureOptions) -> str:
    """Return a digest of all that decides what is measured of a checkpoint, and how it is cut."""
    tensors = [(entry.name, entry.dtype.name, entry.shape) for entry in checkpoint.entries]
    content = [
        settings.tool_version(),
        VERSION,
        parts_module.PART,
        checkpoint.facts.place,
        stamp,
        checkpoint.config,
        tensors,
        options.rank,
        options.prove,
        options.device.type,
    ]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def remove_old(current: Path) -> None:
    """Remove what is kept of other checkpoints and was last written to long ago."""
    with suppress(OSError):  # nothing is there, or another command removes the same
        for folder in home().iterdir():
            if folder != current and time.time() - folder.stat().st_mtime > OLD:
                shutil.rmtree(folder)
