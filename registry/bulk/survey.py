"""What the directory tells of a source: where it lies, how large it is, and a stamp of it.

No tensor is read. A source with a stamp that is known brings nothing new, so that a list of
thousands is gone through in seconds.
"""

import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from registry.bulk.wanted import Task, Wanted
from registry.checkpoints import stamps
from registry.checkpoints.blob import Blob, Files, read_bytes
from registry.checkpoints.folder import folder_of, weight_files, with_siblings
from registry.checkpoints.formats.safetensors import LENGTH, read_header
from registry.checkpoints.hub import hub_host
from registry.checkpoints.local import local_files, snapshot
from registry.checkpoints.parallel import side_by_side
from registry.checkpoints.source import (
    BESIDE,
    files_of_folder,
    full_path,
    name_of_file,
    name_of_folder,
)
from registry.checkpoints.source_names import HUB_ID
from registry.checkpoints.towers import asked
from registry.errors import RegistryError
from registry.fingerprints.record import VERSION

HEAD = 4096  # bytes of a file that is not safetensors
SMALL = 64 << 20  # bytes of a file whose largest tensor is not looked for
UNKNOWN_LARGEST = 2 << 30  # bytes, at most, of the largest tensor of a file in another format


@dataclass(frozen=True)
class Reading:
    """How all sources of a run are read, as far as it changes what is stored.

    Attributes:
        rank: singular values of each matrix.
        base: what adapters are merged into.
        allow_nonfinite: whether NaN and infinite weights are left out.
    """

    rank: int
    base: str | None = None
    allow_nonfinite: bool = False


def surveyed(wanted: Iterable[Wanted], reading: Reading) -> list[Task]:
    """Return a task for each source, in order; those of the hub are asked for side by side."""
    listed = list(wanted)
    tasks: dict[int, Task] = {}
    far = []
    for place, one in enumerate(listed):
        path = local_path(one.source)
        if path is None:
            far.append(place)
        else:
            tasks[place] = local_task(one, path, reading)

    def ask(place: int) -> None:
        tasks[place] = hub_task(listed[place], reading)

    side_by_side(ask, far)
    return [tasks[place] for place in range(len(listed))]


def local_path(source: str) -> Path | None:
    """Return where a source lies on this machine; None for one of the hub, or that is nowhere."""
    path = full_path(asked(source).source)
    return Path(path) if os.path.exists(path) else None  # noqa: PTH110  # Path's raises


def local_task(wanted: Wanted, path: Path, reading: Reading) -> Task:
    """Return the task of a source on this machine.

    What is wrong with it is told when it is read.
    """
    place = full_path(wanted.source)
    host = platform.node() or None
    try:
        files, weights, name = contents(path)
        stamp = stamp_of([place, host], files, weights, reading)
        size = sum(files[name].size for name in weights)
        largest = largest_tensor([files[name] for name in weights])
    except (RegistryError, OSError, ValueError):
        return Task(wanted, place, host)
    tower = asked(wanted.source).tower
    return Task(
        wanted,
        place,
        host,
        called=f"{name}#{tower}" if tower else name,
        stamp=stamp,
        size=size,
        largest=largest,
    )


def contents(path: Path) -> tuple[Files, Sequence[str], str]:
    """Return the files beside a source's weights, which of them these are, and its name."""
    if path.is_dir():
        folder = snapshot(path)
        files = files_of_folder(folder)
        return files, weight_files(files), name_of_folder(folder.resolve())
    files = local_files(path.parent, 0)
    return files, with_siblings(list(files), path.name), name_of_file(path)


def stamp_of(
    where: Sequence[str | None], files: Files, weights: Sequence[str], reading: Reading
) -> str | None:
    """Return the digest of all that decides what reading a source would bring; None of nothing."""
    if not weights:
        return None
    beside = [f"{folder_of(weights[0])}/{name}".lstrip("/") for name in BESIDE]
    there = [name for name in [*weights, *beside] if name in files]
    lines = [(*stamps.stamp_of(files[name]), head_of(files[name])) for name in there]
    return stamps.digest_of([VERSION, *where, reading.base, reading.allow_nonfinite, lines])


def head_of(blob: Blob) -> str:
    """Return the digest of a file's header, which names its tensors and where they lie."""
    count = min(HEAD, blob.size)
    if blob.name.endswith(".safetensors") and count >= LENGTH:
        length = int.from_bytes(read_bytes(blob, 0, LENGTH), "little")
        count = min(blob.size, LENGTH + length)
    return hashlib.sha256(read_bytes(blob, 0, count)).hexdigest()


def largest_tensor(weights: Sequence[Blob]) -> int:
    """Return the bytes of the largest tensor, or more where that is not to be had from headers."""
    largest = 0
    for blob in weights:
        size = blob.size
        if size > SMALL and blob.name.endswith(".safetensors"):
            rows = read_header(blob).rows.values()
            spans = [row["data_offsets"] for row in rows]
            size = max((end - begin for begin, end in spans), default=0)
        largest = max(largest, min(size, UNKNOWN_LARGEST))
    return largest


def hub_task(wanted: Wanted, reading: Reading) -> Task:
    """Return the task of a model of the hub, stamped with the commit that its revision points to.

    Where the hub does not say, it has no stamp.
    """
    match = HUB_ID.fullmatch(asked(wanted.source).source)
    task = Task(wanted, wanted.source, called=wanted.source)
    if match is None:
        return task
    try:
        from registry.checkpoints.hub.errors import translated  # noqa: PLC0415
        from registry.checkpoints.hub.listing import list_model  # noqa: PLC0415  # it takes long

        with translated(match["model"], match["revision"]):
            commit = list_model(match["model"], match["revision"]).commit
        host = hub_host()
    except RegistryError:
        return task
    content = [VERSION, host, wanted.source, commit, reading.base, reading.allow_nonfinite]
    return replace(task, host=host, stamp=stamps.digest_of(content))
