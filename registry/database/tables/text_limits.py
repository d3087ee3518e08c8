"""Text as it is stored: how long it may be in every column, and what becomes of longer text.

Postgres stores no NUL, and no part of a surrogate pair. In names and sources they are refused, in
all other text they are stored as the escapes that `registry.legible` shows.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from registry.legible import legible, shortened

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
DIGITS = 8  # of the digest, which tells names apart that differ in their middle


class TooLong(Enum):
    """What becomes of text that is longer than its column takes."""

    REFUSED = "refused"
    """With a sentence, and nothing is stored."""
    LEFT_OUT = "left out"
    """With a note."""
    CUT = "cut"
    """In the middle, with digits of the whole text's digest at the end."""


@dataclass(frozen=True)
class Limit:
    """Characters that a column takes, of each text in an array or a JSON document."""

    characters: int
    longer: TooLong = TooLong.CUT


NAME = Limit(300, TooLong.REFUSED)
WORD = Limit(300)
TENSOR = Limit(1000)

LIMITS: dict[str, Limit] = {
    "families.name": NAME,
    "models.name": NAME,
    "models.source": Limit(8192, TooLong.REFUSED),
    "models.declared_base": Limit(NAME.characters, TooLong.LEFT_OUT),
    "models.revision": WORD,
    "models.architecture": WORD,
    "models.dtype": WORD,
    "models.tool_version": WORD,
    "fingerprints.projections": WORD,
    "fingerprints.stored": WORD,
    "fingerprints.unknown": TENSOR,
    "fingerprints.zero": TENSOR,
    "adapters.method": WORD,
    "adapters.beside": TENSOR,
    "adapters.untouched": TENSOR,
    "matrices.projection": WORD,
    "matrices.tensor": TENSOR,
    "tensors.name": TENSOR,
    "tensors.tensor_group": WORD,
    "ledgers.tensor_group": WORD,
    "ledgers.reason": WORD,
    "ledgers.names": TENSOR,
    "histograms.projection": WORD,
    "characteristics.referenced": WORD,
    "characteristics.projection": WORD,
    "verdicts.verdict": WORD,
    "verdicts.base": WORD,
    "verdicts.family": WORD,
    "verdicts.closest": WORD,
    "verdicts.how": TENSOR,
    "verdicts.evidence": TENSOR,
    "verdicts.changes": TENSOR,
    "verdicts.direction": WORD,
    "verdicts.relatives": TENSOR,
    "verdicts.signs": WORD,
    "edges.relation": WORD,
    "edges.reason": WORD,
    "edges.because": TENSOR,
    "edges.evidence": TENSOR,
    "edges.changes": TENSOR,
    "sources.name": NAME,
    "sources.source": Limit(8192, TooLong.REFUSED),
    "sources.revision": WORD,
    "sources.host": WORD,
    "sources.format": WORD,
    "claims.value": WORD,
    "claims.made_by": WORD,
    "tags.tag": NAME,
    "notes.note": Limit(10_000, TooLong.REFUSED),
    "notes.author": WORD,
    "events.actor": WORD,
    "events.action": WORD,
    "events.model": WORD,
    "events.family": WORD,
    "events.details": Limit(10_000),
    "runs.actor": WORD,
    "runs.host": WORD,
    "runs.tool_version": WORD,
    "jobs.source": Limit(8192),
    "jobs.place": Limit(8192),
    "jobs.host": WORD,
    "jobs.name": WORD,
    "jobs.family": WORD,
    "jobs.error": WORD,
    "jobs.reason": TENSOR,
    "clusters.family": WORD,
}
"""By table and column. Columns that are not here hold digests, or words that a constraint lists."""


def fitting(column: str, value: Any) -> Any:
    """Return a value as its column takes it: text of it, and in it, is cut where it is too long.

    Args:
        column: Table and column, as in LIMITS; values of others are returned as they are.
    """
    limit = LIMITS.get(column)
    if limit is None or limit.longer is not TooLong.CUT:
        return value
    return cut(value, limit.characters)


def cut(value: Any, longest: int) -> Any:
    """Return text of at most so many characters, or a tuple, list or object of such text."""
    if isinstance(value, str):
        return stored(value, longest)
    if isinstance(value, list | tuple) and not all(isinstance(item, float) for item in value):
        return type(value)(cut(item, longest) for item in value)
    if isinstance(value, dict):
        return {cut(key, longest): cut(item, longest) for key, item in value.items()}
    return value


def stored(text: str, longest: int) -> str:
    """Return text without what Postgres refuses, of at most so many characters."""
    storable = UNSTORABLE.sub(lambda match: legible(match[0]), text)
    if len(storable) <= longest:
        return storable
    digest = hashlib.sha256(storable.encode()).hexdigest()[:DIGITS]
    return f"{shortened(storable, longest - DIGITS - 1)}~{digest}"
