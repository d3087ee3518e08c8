"""Two sources side by side, without a database."""

from pathlib import Path
from typing import Unpack

from registry.fingerprints.from_source import Options, read
from registry.fingerprints.record import RANKS, Fingerprint
from registry.lineage.pair import pair_verdict
from registry.lineage.verdict import Verdict


def compare(
    a: str | Path | Fingerprint, b: str | Path | Fingerprint, **options: Unpack[Options]
) -> Verdict:
    """Whether `a` comes from `b`. Both are sources or fingerprints; `a` may be an adapter and `b` a base.

    The verdict has `verdict`, `score` (larger is more surely derived, comparable across pairs), `p_value` and
    `evidence`. Raises RegistryError.
    """
    one, other = fingerprint_of(a, options), fingerprint_of(b, options)
    return pair_verdict(one, other, str(b) if not isinstance(b, Fingerprint) else other.digest[:12])


def fingerprint_of(source: str | Path | Fingerprint, options: Options) -> Fingerprint:
    """A fingerprint as it is, or that of a source at the rank that is compared."""
    if isinstance(source, Fingerprint):
        return source
    options.setdefault("rank", RANKS[0])
    return read(source, **options)[1]
