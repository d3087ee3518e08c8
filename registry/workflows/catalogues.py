"""The journeys of fingerprints between registries: into a file, and out of one."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from registry import settings
from registry.catalogues.export import Exported, chosen, export
from registry.catalogues.importing import store_catalogue
from registry.catalogues.opened import opened
from registry.catalogues.outcomes import Imported
from registry.checkpoints.hub.web_file import fetch, is_address
from registry.database.connecting.bounds import WHOLE, with_bounds
from registry.database.connecting.transactions import answer_of, in_transaction
from registry.errors import BrokenCatalogue, DatabaseFault
from registry.files import file_whole, writable
from registry.notices import RejudgingFailed, notify
from registry.workflows.rejudge import PATIENCE, rejudge
from registry.workflows.resolve import expanded


def export_catalogue(
    engine: Engine,
    path: Path,
    tool_version: str,
    *,
    models: Sequence[str] = (),
    families: Sequence[str] = (),
) -> Exported:
    """Write models to a file, of one moment and without their weights.

    Raises ModelNotFound, ModelAmbiguous, FamilyNotFound, NothingToExport, UnwritableFile, with
    whatever stood at the path before left as it was.

    Args:
        models: Names or first digits of digests; neither these nor families are all models.
        families: Whole, with all that their models come from and that comes from them.
    """

    def work(session: Session) -> Exported:
        ids = chosen(session, models, families)
        with file_whole(path) as draft:
            return export(session, ids, draft, tool_version)

    return answer_of(with_bounds(engine, WHOLE), work)


def import_file(
    engine: Engine,
    path: Path,
    *,
    label: str | None = None,
    rename: bool = False,
    whole: bool = True,
) -> Imported:
    """Store what the registry lacks of a catalogue, in one transaction: all of it or nothing.

    A second time changes nothing. What is registered is never overwritten: a model whose name
    other weights have is left out, and told.

    Raises UnreadableFile, BrokenCatalogue, CatalogueNewer.

    Args:
        path: Of the file.
        label: What the user calls it; else the path.
        rename: Whether such a model is stored under its name and digits of its digest instead.
        whole: Whether models without matrices, of vectors alone, are refused.
    """
    attempts: list[Imported] = []

    def work(session: Session) -> Imported:
        try:
            imported = store_catalogue(session, catalogue, rename=rename, whole=whole)
        except (IntegrityError, DataError) as exc:  # such as the same model twice
            reason = f"the database refuses it: {str(exc.orig).splitlines()[0]}"
            raise BrokenCatalogue(path=catalogue.label, reason=reason) from exc
        attempts.append(imported)
        return imported

    with opened(path, label or str(path)) as catalogue:
        last = in_transaction(with_bounds(engine, WHOLE), work)
    # nothing by the second attempt: the first was committed, though its connection was lost
    return last if last.changed else attempts[0]


def import_catalogue(engine: Engine, source: str, *, rename: bool = False) -> Imported:
    """Store what the registry lacks of a file, or of what stands at a web address.

    New models are judged as far as a few seconds go; those that are left are due.

    Raises as `import_file` does, CatalogueUnreachable and AddressWithPassword.
    """
    if not is_address(source):
        return judged(engine, import_file(engine, expanded(source), label=source, rename=rename))
    folder = settings.data_dir()
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = TemporaryDirectory(dir=folder, prefix="import-")
    with scratch as name:
        path = Path(name) / "catalogue.parquet"
        with writable(path):
            fetch(source, path)
        label = source.partition("?")[0]  # what follows may be a signature, and the log keeps it
        return judged(engine, import_file(engine, path, label=label, rename=rename))


def judged(engine: Engine, imported: Imported) -> Imported:
    """Judge models that were imported, for as long as one that is ingested may take."""
    if not imported.due:
        return imported
    try:
        imported.due = rejudge(engine, patience=PATIENCE, because="models were imported").left
    except DatabaseFault as fault:  # they are stored, and due
        notify(RejudgingFailed(name="what was imported", reason=str(fault)))
    return imported
