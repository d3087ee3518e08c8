"""Two models side by side, without a database."""

from typing import Unpack

from registry.fingerprints.from_source import Options
from registry.lineage.pair import pair_verdict
from registry.lineage.verdict import Verdict
from registry.workflows.resolve import Named, fingerprint_of, resolve


def compare(a: Named, b: Named, **options: Unpack[Options]) -> Verdict:
    """Return whether `a` comes from `b`: sources, files of fingerprints, fingerprints or what was resolved before.

    `a` may be an adapter and `b` a base. The verdict has `verdict`, `score` (larger is more surely derived, comparable
    across pairs), `p_value` and `evidence`. Raises RegistryError.
    """
    child, parent = resolve(None, a), resolve(None, b)
    return pair_verdict(
        fingerprint_of(child, options), fingerprint_of(parent, options), parent.given
    )
