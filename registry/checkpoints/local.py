"""The files of a folder on this machine, wherever its links lead."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from registry.checkpoints.blob import Blob, Files, LocalBlob
from registry.checkpoints.folder import SUFFIXES
from registry.checkpoints.formats.signatures import format_of
from registry.checkpoints.tensors import FileStamp
from registry.errors import UnreadableFile

DEPTH = 3  # levels of folders within folders
CACHED = re.compile(r"models--(?P<id>.+)")  # a hub model's folder in the cache
SUFFIXED = re.compile(r"\.[A-Za-z]\w{0,20}$")  # of a file that says what it is
COMMIT = re.compile(r"[0-9a-f]{40,64}")


def local_files(folder: Path, depth: int = DEPTH) -> Files:
    """Return the files of a local folder and of the folders in it, `depth` levels down.

    Links are followed; folders in it that may not be read are passed over.

    Raises UnreadableFile where the folder itself may not be read.
    """

    def refuse(exc: OSError) -> None:
        if exc.filename == os.fspath(folder):
            raise UnreadableFile(path=str(folder), reason=exc.strerror or exc) from exc

    files: dict[str, Blob] = {}
    walk = os.walk(folder, onerror=refuse, followlinks=True)  # the depth ends every loop
    for place, folders, names in walk:
        inner = Path(place).relative_to(folder)
        if len(inner.parts) < depth:
            folders[:] = sorted(name for name in folders if not name.startswith("."))
        else:
            folders.clear()
        for name in sorted(names):
            within = (inner / name).as_posix()
            files[within] = LocalBlob(Path(place, name), within)
    return files


def without_copies(folder: Path, files: Files) -> Files:
    """Return files less the weights that are reached in another way, too.

    A link to another of the files is left out, and of links that lead to one place outside all but
    the first.
    """
    root = os.path.realpath(folder)
    at_home = {os.path.join(root, name) for name in files}  # noqa: PTH118
    reached: set[tuple[str, str]] = set()

    kept = {}
    for name, blob in files.items():
        place = os.path.realpath(folder / name)
        is_link = place != os.path.join(root, name)  # noqa: PTH118
        link = (place, PurePosixPath(name).name)
        is_copy = is_link and (place in at_home or link in reached)
        if is_copy and name.endswith(SUFFIXES):
            continue
        reached.add(link)
        kept[name] = blob
    return kept


def with_suffixless(files: Files) -> Files:
    """Return files with those of no suffix as weights, where their first bytes say so."""
    named: dict[str, Blob] = dict(files)
    for name, blob in files.items():
        if SUFFIXED.search(name) or not isinstance(blob, LocalBlob) or not blob.path.is_file():
            continue
        suffix = format_of(blob)
        if suffix:
            named[f"{name}.{suffix}"] = LocalBlob(blob.path, f"{name}.{suffix}")
    return named


def local_blobs(files: Files, stamps: Iterable[FileStamp]) -> tuple[LocalBlob, ...]:
    """Return those of some stamped files that lie on this machine."""
    blobs = [files[stamp.name] for stamp in stamps if stamp.name in files]
    return tuple(blob for blob in blobs if isinstance(blob, LocalBlob))


def snapshot(folder: Path) -> Path:
    """Return where the files of a hub model lie, for its folder in the cache or the cache itself.

    That is the snapshot that `refs/main` points to, else the only one. Other folders are returned
    as they are.
    """
    models = sorted(folder.glob("models--*"))
    if len(models) == 1 and not (folder / "snapshots").is_dir():
        folder = models[0]
    if not CACHED.fullmatch(folder.name) or not (folder / "snapshots").is_dir():
        return folder
    snapshots = sorted((folder / "snapshots").iterdir())
    pointer = folder / "refs" / "main"
    if pointer.is_file():
        commit = pointer.read_text(encoding="ascii", errors="replace").strip()
        snapshots = [path for path in snapshots if path.name == commit] or snapshots
    return snapshots[0] if len(snapshots) == 1 else folder


def cached_id(folder: Path) -> str | None:
    """Return the hub id of a snapshot in the cache, None for any other folder."""
    if folder.parent.name != "snapshots":
        return None
    model = CACHED.fullmatch(folder.parent.parent.name)
    return model["id"].replace("--", "/") if model else None


def cached_commit(folder: Path) -> str | None:
    """Return the commit of a snapshot in the cache, None for any other folder."""
    is_commit = cached_id(folder) is not None and COMMIT.fullmatch(folder.name)
    return folder.name if is_commit else None
