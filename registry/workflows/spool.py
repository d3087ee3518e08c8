"""What was read and cannot be stored is kept in a file."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from registry.database.stored import spool
from registry.database.stored.spool import Waiting
from registry.errors import DatabaseFault, NotSpooled, RegistryError, Spooled, UnwritableFile
from registry.notices import SpooledStopped, notify


def kept(waiting: Waiting, fault: DatabaseFault) -> RegistryError:
    """Keep a fingerprint in a file; return the error that says where, or why that failed too."""
    source = waiting.origin.source
    try:
        path = spool.keep(waiting)
    except UnwritableFile as error:
        return NotSpooled(cause=str(fault), source=source, **error.data)
    return Spooled(cause=str(fault), source=source, path=str(path))


@contextmanager
def kept_if_stopped(waiting: Waiting) -> Iterator[None]:
    """Keep a fingerprint in a file where Ctrl-C or a signal ends the wait for the database.

    It may have been stored just before; `registry flush` finds that out.
    """
    try:
        yield
    except KeyboardInterrupt:
        with suppress(UnwritableFile):  # the end is what was asked for
            path = spool.keep(waiting)
            notify(SpooledStopped(source=waiting.origin.source, path=str(path)))
        raise
