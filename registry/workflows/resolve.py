"""What a user names becomes a model: weights, a registered model, or a fingerprint in a file.

A text is tried in this order:

    0  a text that begins as paths do, with / ./ ../ or ~/, is one, and must exist
    1  a file that `registry fingerprint -o` wrote, recognised by its suffix `.json`
    2  any other file or folder: weights
    3  a registered model, by its name or the first digits of its digest
    4  LABEL=SOURCE, where labels are asked for: the label goes, and 1 to 3 and 5 hold for the rest
    5  a model of the hub

So a folder wins over a registered model of the same name; `Resolved.shadows` says that there are
both.
"""

import json
import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.checkpoints.folder import INDEX
from registry.checkpoints.source_names import check_path, is_path
from registry.errors import (
    BrokenFingerprintFile,
    FingerprintNewer,
    FingerprintOutdated,
    ModelNotFound,
    NothingToMerge,
    UnreadableFile,
)
from registry.fingerprints import serialised
from registry.fingerprints.record import RANKS, VERSION, Fingerprint

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.fingerprints.from_source import Options

# ruff: noqa: PLC0415  # weights and the database are for those who need them

HUB_FILE = re.compile(r"[\w.-]+/[\w.-]+(@[^:=]+)?:")
"""How the name of a file in a hub model begins, in which = is part of the name."""
SHORT_DIGEST = 12
"""Digits of a digest that name a fingerprint which has no other name."""


class Taken(Enum):
    """What a name was taken for."""

    WEIGHTS = "weights"
    """A file, a folder or a model of the hub, still to be read."""
    REGISTERED = "registered model"
    FILE = "fingerprint file"
    FINGERPRINT = "fingerprint"
    """A record that the caller had already."""


@dataclass(frozen=True)
class Resolved:
    """A model that a user named.

    Attributes:
        given: what was typed, without a label; the first digits of the digest for a record.
        name: what to call it: a registered model's own name, the last part of a path, else as
            given.
        taken: what it was taken for.
        source: where its weights are, or were when it was registered; None for a fingerprint
            without them.
        fingerprint: None for weights that are still to be read.
        label: what it was trained on, from LABEL=SOURCE.
        declared_base: what a registered model says it was made from.
        shadows: whether a registered model bears the same name as the file or folder that was
            taken.
    """

    given: str
    name: str
    taken: Taken
    source: str | None = None
    fingerprint: Fingerprint | None = None
    label: str | None = None
    declared_base: str | None = None
    shadows: bool = False


Named = str | Path | Fingerprint | Resolved
"""All that names a model."""


def resolve(
    session: "Session | None", named: Named, *, labelled: bool = False, load: bool = True
) -> Resolved:
    """Return what a user named, as the module's docstring tells.

    Reads no weights. Raises RegistryError.

    Args:
        session: where registered models are looked up; None looks up none.
        named: a text or path, a fingerprint, or what was resolved before, which is returned as it
            is.
        labelled: whether LABEL=SOURCE is understood.
        load: whether to load the fingerprint of a registered model; without it `fingerprint` stays
            None.
    """
    if isinstance(named, Resolved):
        return named
    if isinstance(named, Fingerprint):
        name = named.digest[:SHORT_DIGEST]
        return Resolved(name, name, Taken.FINGERPRINT, fingerprint=named)
    text = str(named)
    if exists(text):
        return on_disk(session, text)
    check_path(text)
    registered = from_database(session, text, load=load) if session else None
    if registered:
        return registered
    label, mark, source = text.partition("=")
    if labelled and mark and (exists(source) or not HUB_FILE.match(text)):
        return replace(resolve(session, source, load=load), label=label)
    return Resolved(text, text, Taken.WEIGHTS, source=text)


def exists(text: str) -> bool:
    """Return whether a text names a file or folder; `~` stands for the home folder."""
    return bool(text.strip()) and os.path.exists(expanded(text))  # noqa: PTH110  # Path.exists raises for long texts


def expanded(text: str) -> Path:
    """Return a text as a path, with `~` as the home folder.

    Path.expanduser raises for users that there are not.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111


def on_disk(session: "Session | None", text: str) -> Resolved:
    """Return a file or folder that exists."""
    path = expanded(text)
    shadows = session is not None and not is_path(text) and is_registered(session, text)
    if is_fingerprint_file(path):
        fingerprint = read_fingerprint(path, text)
        return Resolved(text, path.stem, Taken.FILE, fingerprint=fingerprint, shadows=shadows)
    return Resolved(text, path.resolve().name, Taken.WEIGHTS, source=text, shadows=shadows)


def is_registered(session: "Session", text: str) -> bool:
    """Return whether a registered model bears a name."""
    from registry.database.stored import models

    return models.is_registered(session, text)


def is_fingerprint_file(path: Path) -> bool:
    """Return whether a file is a fingerprint by its name: JSON, but not the index of shards."""
    return path.is_file() and path.suffix == ".json" and not INDEX.search(path.name)


def read_fingerprint(path: Path, given: str) -> Fingerprint:
    """Return the fingerprint in a file.

    Raises UnreadableFile, BrokenFingerprintFile, FingerprintVersionDiffers.
    """
    return serialised.from_json(json_of(path, given), given)


def json_of(path: Path, given: str) -> Any:
    """Return the JSON in a file of a fingerprint. Raises UnreadableFile, BrokenFingerprintFile."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise UnreadableFile(path=given, reason=exc.strerror or exc) from exc
    except (ValueError, RecursionError) as exc:
        raise BrokenFingerprintFile(path=given, reason="it is not JSON") from exc


def from_database(session: "Session", text: str, *, load: bool) -> Resolved | None:
    """Return a registered model; None where there is none. Raises ModelAmbiguous."""
    from registry.database.stored import fingerprints, models

    try:
        summary = models.summary_of(session, text)
    except ModelNotFound:
        return None
    model = Resolved(
        text,
        summary.name,
        Taken.REGISTERED,
        source=summary.source,
        declared_base=summary.declared_base,
    )
    if not load:
        return model
    return replace(model, fingerprint=fingerprints.load(session, summary.name).fingerprint)


def comparable_fingerprint(model: Resolved, options: "Options") -> Fingerprint:
    """Return the fingerprint at hand, or compute that of the weights.

    Raises FingerprintOutdated and FingerprintNewer for one of another version, and any
    RegistryError of reading.
    """
    fingerprint = fingerprint_of(model, options)
    version = fingerprint.version
    if version < VERSION:
        raise FingerprintOutdated(name=model.name, version=version, expected=VERSION)
    if version > VERSION:
        raise FingerprintNewer(name=model.name, version=version, expected=VERSION)
    return fingerprint


def fingerprint_in_question(model: Resolved, options: "Options") -> Fingerprint:
    """Return the fingerprint of the model that is asked about, merged into `base` if that is given.

    Raises NothingToMerge where there is a base and no weights, and what comparable_fingerprint
    raises.
    """
    base = options.get("base")
    if base and model.fingerprint:
        raise NothingToMerge(source=model.given, base=str(base))
    return comparable_fingerprint(model, options)


def fingerprint_of(model: Resolved, options: "Options") -> Fingerprint:
    """Return the fingerprint at hand, or compute that of the weights.

    Unless asked otherwise its rank is 16, for that is what is compared. Raises RegistryError.
    """
    if model.fingerprint:
        return model.fingerprint

    from registry.fingerprints.from_source import read

    measuring: Options = {"rank": RANKS[0], **options}
    return read(model.source or model.given, **measuring)[1]
