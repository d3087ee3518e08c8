"""The journey of registered models to fingerprints of the version that is computed now.

A model whose source is still there, and holds the same weights, is read again at the rank that it
had. Each is a transaction of its own, so that an upgrade which was interrupted goes on where it
stopped. Then those that were read are judged again, among the models of this version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Unpack

from sqlalchemy import Engine

from registry.architectures.adapter_merge import MERGED_INTO, open_merged
from registry.checkpoints import Checkpoint
from registry.checkpoints.source_names import HUB_ID
from registry.checkpoints.towers import asked
from registry.database.connecting.transactions import answer_of, check_answers, in_transaction
from registry.database.stored import fingerprints, versions
from registry.database.stored.models import Summary
from registry.database.stored.origin import Origin
from registry.database.stored.spool import Journey, Waiting
from registry.database.stored.versions import OldModel
from registry.errors import (
    DatabaseFault,
    HubFileNotFound,
    HubModelNotFound,
    HubRevisionNotFound,
    ModelNotFound,
    NoWeights,
    OtherWeights,
    RegistryError,
    SourceGone,
    SourceNotFound,
)
from registry.fingerprints.digest_lines import earlier_digest
from registry.fingerprints.from_source import Options, read
from registry.fingerprints.record import Fingerprint
from registry.workflows.rejudge import rejudge
from registry.workflows.resolve import exists
from registry.workflows.spool import kept, kept_if_stopped

GONE = (
    SourceGone,
    SourceNotFound,
    NoWeights,
    HubModelNotFound,
    HubRevisionNotFound,
    HubFileNotFound,
)


class UpgradeOutcome(Enum):
    """What became of a model whose fingerprint was of an older version."""

    REFRESHED = "refreshed"
    """Its weights were read again; the fingerprint is of this version now."""
    SOURCE_FOUND = "source found"
    """Nothing was done, as asked; its source is there, whatever weights it holds."""
    SOURCE_GONE = "source gone"
    """There is nothing left where it was ingested from."""
    OTHER_WEIGHTS = "other weights"
    """What is there now has another digest."""
    FAILED = "failed"
    """What is there could not be read."""


@dataclass(frozen=True)
class Upgraded:
    """What became of one model.

    Attributes:
        model: as it is registered now.
        version_before: of the fingerprint that it had.
        outcome: what was done, or why nothing was.
        error: why its fingerprint is still the old one; None where it is not, or nothing was tried.
    """

    model: Summary
    version_before: int
    outcome: UpgradeOutcome
    error: RegistryError | None = None


def upgrade(
    engine: Engine,
    tool_version: str,
    names: Sequence[str] = (),
    *,
    dry_run: bool = False,
    **options: Unpack[Options],
) -> list[Upgraded]:
    """Read all models again, or those named, whose fingerprints are of older versions.

    Models that are of this version already are not among the answers.

    Args:
        dry_run: Look whether the sources are there, read no weights and store nothing.
        options: How sources are read; each keeps its rank.

    Raises ModelNotFound, ModelAmbiguous and FingerprintNewer before anything is done. A source that
    cannot be read is an outcome, not an error.
    """
    old_models = answer_of(engine, partial(versions.old_models, names=names))

    upgraded = []
    for old in old_models:
        if dry_run:
            upgraded.append(found(old, options))
        else:
            upgraded.append(upgrade_one(engine, old, tool_version, options))
    if any(one.outcome is UpgradeOutcome.REFRESHED for one in upgraded):
        rejudge(engine, because="read again")
    return upgraded


def found(old: OldModel, options: Options) -> Upgraded:
    """Return whether a model's source is there, from its headers alone."""
    try:
        source, base = source_of(old.model)
        open_merged(source, base, download=options.get("download", False))
    except RegistryError as error:
        return not_read(old, error)
    return Upgraded(old.model, old.model.fingerprint_version, UpgradeOutcome.SOURCE_FOUND)


def upgrade_one(engine: Engine, old: OldModel, tool_version: str, options: Options) -> Upgraded:
    """Read one model again and store its new fingerprint."""
    version = old.model.fingerprint_version
    check_answers(engine)  # before minutes of reading
    try:
        checkpoint, fingerprint = read_again(old, options)
    except RegistryError as error:
        return not_read(old, error)

    if old.model.digest not in (fingerprint.digest, earlier_digest(fingerprint)):
        other = OtherWeights(source=old.model.source, name=old.model.name)
        return Upgraded(old.model, version, UpgradeOutcome.OTHER_WEIGHTS, other)
    origin = origin_of(old.model, checkpoint, tool_version)
    refresh = partial(fingerprints.refresh, origin=origin, fingerprint=fingerprint)
    waiting = Waiting(Journey.UPGRADE, origin, fingerprint)
    try:
        with kept_if_stopped(waiting):
            model = in_transaction(engine, refresh)
    except ModelNotFound as error:  # it was removed while its weights were read
        return not_read(old, error)
    except DatabaseFault as fault:
        return Upgraded(old.model, version, UpgradeOutcome.FAILED, kept(waiting, fault))
    return Upgraded(model, version, UpgradeOutcome.REFRESHED)


def origin_of(model: Summary, checkpoint: Checkpoint, tool_version: str) -> Origin:
    """Return where a registered model comes from, as what is to be stored of it anew."""
    return Origin(
        source=model.source,
        revision=model.revision,
        base=model.declared_base,
        name=model.name,
        family=model.family,
        tool_version=tool_version,
        facts=checkpoint.facts,
        claims=checkpoint.claims,
    )


def not_read(old: OldModel, error: RegistryError) -> Upgraded:
    """Return that a model's source is gone, or that it cannot be read."""
    outcome = UpgradeOutcome.SOURCE_GONE if isinstance(error, GONE) else UpgradeOutcome.FAILED
    return Upgraded(old.model, old.model.fingerprint_version, outcome, error)


def read_again(old: OldModel, options: Options) -> tuple[Checkpoint, Fingerprint]:
    """Return what a model's source holds now, with its fingerprint at the rank that it had."""
    source, base = source_of(old.model)
    again: Options = {**options, "base": base, "rank": old.rank}
    if old.nonfinite:
        again["allow_nonfinite"] = True
    return read(source, **again)


def source_of(model: Summary) -> tuple[str, str | None]:
    """Return what to read, and the base that it is to be merged into; None for no base.

    A hub model is read at the commit that was ingested. Raises SourceGone where a file or folder is
    not there, so that its name is not looked for on the hub.
    """
    source, _, base = model.source.partition(MERGED_INTO)
    if model.revision is None and not exists(asked(source).source):
        raise SourceGone(source=source, name=model.name)
    if model.revision is not None:
        source = at_commit(source, model.revision)
    return source, base or None


def at_commit(source: str, commit: str) -> str:
    """Return the hub id of the same model, and file, at one commit."""
    match = HUB_ID.fullmatch(source)
    if match is None:
        return source
    file = f":{match['file']}" if match["file"] else ""
    return f"{match['model']}@{commit}{file}"
