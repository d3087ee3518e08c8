"""What may be wrong with the embedded server's folder and processes, and what is safe to mend."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from registry.database.embedded import sockets
from registry.database.embedded.binaries import usable
from registry.database.embedded.cluster import account_of, draft_of
from registry.database.embedded.locks import FREE, locked
from registry.database.embedded.processes import postmaster
from registry.database.embedded.server import Server
from registry.database.embedded.sockets import is_private, is_served, noted
from registry.database.keeping.ailments import Ailment, Finding

OTHERS = 0o077
LEAST_FREE = 256 << 20  # bytes


def findings(server: Server, *, mend: bool) -> Iterator[Finding]:
    """Yield what is wrong with a server's folder and processes. mend: whether to put it right."""
    with usable(server.data_dir):
        if server.data_dir.is_dir():
            for check in (folder, room, processes, drafts, left_sockets):
                yield from check(server, mend=mend)


def folder(server: Server, *, mend: bool) -> Iterator[Finding]:
    """The data folder and the cluster are their owner's alone, and locks work there."""
    owner = server.data_dir.stat().st_uid
    if owner != os.geteuid():
        yield Finding(Ailment.FOLDER_OF_ANOTHER, str(server.data_dir), detail=str(owner))
        return
    for path in (server.data_dir, server.cluster):
        if path.is_dir() and is_open(path):
            detail = f"{stat.S_IMODE(path.stat().st_mode):04o}"
            if mend:
                path.chmod(sockets.PRIVATE)
            yield Finding(Ailment.FOLDER_OPEN, str(path), mended=mend, detail=detail)
    if not locks_work(server.data_dir / "doctor"):
        yield Finding(Ailment.NO_LOCKS, str(server.data_dir))


def is_open(path: Path) -> bool:
    """Return whether others than its owner may do anything in a folder."""
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)


def locks_work(path: Path) -> bool:
    """Return whether a second lock on one file is refused: not so on some network disks."""
    try:
        with locked(path, FREE), locked(path, FREE):
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        path.unlink(missing_ok=True)


def room(server: Server, *, mend: bool) -> Iterator[Finding]:  # noqa: ARG001  # nothing to mend
    """The disk has room for the database to grow."""
    free = shutil.disk_usage(server.data_dir).free
    if free < LEAST_FREE:
        yield Finding(Ailment.DISK_FULL, str(server.data_dir), detail=f"{free >> 20} MiB")


def processes(server: Server, *, mend: bool) -> Iterator[Finding]:
    """A server that runs has a keeper and takes connections; one that is to stay up runs."""
    if not server.running():
        if server.pinned.exists():
            yield Finding(Ailment.NOT_UP, str(server.data_dir), mended=mend)
            if mend:
                server.start()
        return

    subject = str(server.pid())
    if server.is_stuck():
        if mend:
            server.stop()
        yield Finding(Ailment.NOT_SERVING, subject, mended=mend)
    elif not server.kept() and postmaster(server.pid(), server.cluster):
        if mend:
            server.see_to_a_keeper()
        yield Finding(Ailment.NO_KEEPER, subject, mended=mend)


def drafts(server: Server, *, mend: bool) -> Iterator[Finding]:
    """No cluster was left half-made."""
    draft = draft_of(server.cluster)
    if not draft.exists():
        return
    with suppress(BlockingIOError), locked(server.data_dir / "server", FREE):
        if mend:
            shutil.rmtree(draft)
        yield Finding(Ailment.HALF_MADE, str(draft), mended=mend)


def left_sockets(server: Server, *, mend: bool) -> Iterator[Finding]:
    """No server that has gone left the folder of its socket."""
    account = account_of(server.cluster)
    owners = {os.geteuid(), *(account[:1] if account else ())}
    used = noted(server.data_dir / "sockets") if server.kept() else None
    for path in sorted(sockets.PARENT.glob(f"{sockets.PREFIX}*")):
        ours = is_private(path) and path.stat().st_uid in owners
        if ours and path != used and not is_served(path):
            if mend:
                shutil.rmtree(path, ignore_errors=True)
            yield Finding(Ailment.SOCKETS_LEFT, str(path), mended=mend)
