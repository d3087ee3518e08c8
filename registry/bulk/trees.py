"""The models below a folder: folders that hold one, and files where a folder holds several."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from registry.bulk.wanted import Wanted
from registry.checkpoints.folder import only_model, weight_files, with_siblings
from registry.checkpoints.local import CACHED, snapshot
from registry.checkpoints.ranks import without_rank
from registry.errors import NoModelsBelow, NotAFolder, SeveralCheckpoints

RANKED = "#/"
"""In the name of a file less its rank, where every rank has a folder of its own."""


def models_below(folder: str) -> list[Wanted]:
    """Return the models below a folder, in the order of their paths.

    Links are followed, each folder is looked into once, hidden ones are passed over. A model of the
    hub's cache is one source, its newest snapshot. A folder that cannot be looked into is one, too:
    reading it says why.

    Raises NotAFolder, NoModelsBelow.
    """
    root = Path(os.path.expanduser(folder))  # noqa: PTH111  # Path's raises for unknown users
    if not os.path.isdir(root):  # noqa: PTH112  # Path's raises where a folder above is closed
        raise NotAFolder(path=folder)
    sources = list(dict.fromkeys(sources_below(root)))
    if not sources:
        raise NoModelsBelow(path=folder)
    return [Wanted(source) for source in sources]


def sources_below(root: Path) -> Iterator[str]:
    """Yield the sources below a folder."""
    seen: set[tuple[int, int]] = set()
    closed: list[OSError] = []
    for place, folders, names in os.walk(root, onerror=closed.append, followlinks=True):
        folder = Path(place)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            if CACHED.fullmatch(folder.name) and (folder / "snapshots").is_dir():
                folders.clear()
                if snapshot(folder) != folder:
                    yield str(folder)
                    continue
                folders[:] = ["snapshots"]
        except OSError as exc:
            closed.append(exc)
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from sources_in(folder, sorted(names))
    for error in closed:
        if not isinstance(error, FileNotFoundError):  # it was there a moment ago
            yield str(error.filename)


def sources_in(folder: Path, names: Sequence[str]) -> Iterator[str]:
    """Yield the sources of one folder: itself, or each of several models in it."""
    weights = weight_files(names)
    if not weights:
        return
    if all(RANKED in without_rank(f"{folder.name}/{name}") for name in weights):
        yield str(folder.parent)
        return
    try:
        only_model(names, str(folder))
    except SeveralCheckpoints:
        yield from (str(folder / name) for name in first_files(weights))
    else:
        yield str(folder)


def first_files(weights: Sequence[str]) -> Iterator[str]:
    """Yield one file of each model among several in a folder: of shards the first."""
    taken: set[str] = set()
    for name in weights:
        if name not in taken:
            taken.update(with_siblings(list(weights), name))
            yield name
