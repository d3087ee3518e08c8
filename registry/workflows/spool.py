"""What was read and cannot be stored is kept in a file."""

from registry.database import spool
from registry.database.spool import Waiting
from registry.errors import DatabaseFault, NotSpooled, RegistryError, Spooled, UnwritableFile


def kept(waiting: Waiting, fault: DatabaseFault) -> RegistryError:
    """Keep a fingerprint in a file; return the error that says where, or why that failed too."""
    source = waiting.origin.source
    try:
        path = spool.keep(waiting)
    except UnwritableFile as error:
        return NotSpooled(cause=str(fault), source=source, **error.data)
    return Spooled(cause=str(fault), source=source, path=str(path))
