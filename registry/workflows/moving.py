"""The journeys of a whole registry: into a file, out of one, and into another database."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.orm import Session

from registry import settings
from registry.database.connecting.addresses import parsed, shown
from registry.database.connecting.bounds import WHOLE, with_bounds
from registry.database.connecting.connection import open_database
from registry.database.connecting.transactions import answer_of
from registry.database.keeping import dumps, restores
from registry.database.keeping.dumps import Manifest
from registry.files import file_whole, writable


@dataclass(frozen=True)
class Moved:
    """What was carried, and where it is now.

    Attributes:
        manifest: Counts and digests, which hold there too.
        url: Of the database, without its password; None for the embedded one.
    """

    manifest: Manifest
    url: str | None


def dump(path: Path, tool_version: str, url: str | None = None) -> Manifest:
    """Write all of a registry to a file, as it is at one moment.

    Raises DatabaseError, and UnwritableFile with whatever stood at the path before left as it was.

    Args:
        path: Of the file.
        tool_version: Of this package.
        url: Of the database; None is the configured one.
    """

    def work(session: Session) -> Manifest:
        with file_whole(path) as draft:
            return dumps.write(session, draft, tool_version)

    with open_database(url) as engine:
        return answer_of(with_bounds(engine, WHOLE), work)


def restore(path: Path, url: str | None = None) -> Moved:
    """Store all that a dump holds in an empty database, compared table by table.

    Raises UnreadableFile, BrokenDump, DumpNewer, DatabaseNotEmpty, RestoreDiffers.

    Args:
        path: Of the dump.
        url: Of the database; None is the configured one, restores.EMBEDDED the embedded one.
    """
    given = settings.database_url() if url is None else url
    is_embedded = not given or given == restores.EMBEDDED
    with dumps.opened(path, str(path)) as whole, restores.target(url) as engine:
        restores.restore(engine, whole)
        return Moved(whole.manifest, None if is_embedded else shown(engine.url))


def move(to: str, tool_version: str) -> Moved:
    """Carry all of the configured registry into an empty database; it stays as it is.

    Raises as `dump` and `restore` do.

    Args:
        to: The URL of the database, or restores.EMBEDDED.
        tool_version: Of this package.
    """
    if to != restores.EMBEDDED:
        parsed(to)  # before anything is written
    folder = settings.data_dir()
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = TemporaryDirectory(dir=folder, prefix="move-")
    with scratch as name:
        path = Path(name) / "registry.dump"
        dump(path, tool_version)
        return restore(path, to)
