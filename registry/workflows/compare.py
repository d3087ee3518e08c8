"""Two models side by side, without a database."""

from typing import Unpack

from registry.fingerprints.from_source import Options
from registry.lineage.pair import pair_verdict
from registry.lineage.verdict import Verdict
from registry.workflows.resolve import Named, fingerprint_of, resolve


def compare(a: Named, b: Named, **options: Unpack[Options]) -> Verdict:
    """Return the verdict on whether `a` comes from `b`. Raises RegistryError.

    Both are sources, files of fingerprints, fingerprints or what was resolved before; `a` may be an
    adapter and `b` a base. The verdict's `score` is larger the more surely one comes from the
    other, and comparable across pairs.
    """
    child = resolve(None, a)
    parent = resolve(None, b)
    one = fingerprint_of(child, options)
    other = fingerprint_of(parent, options)
    return pair_verdict(one, other, parent.given)
