"""Two models side by side, without a database."""

from typing import TYPE_CHECKING, Unpack

from registry.errors import NotAnAdapter
from registry.lineage.pair import pair_verdict
from registry.lineage.verdict import Verdict
from registry.workflows.resolve import (
    Named,
    Resolved,
    comparable_fingerprint,
    fingerprint_in_question,
    resolve,
)

if TYPE_CHECKING:
    from registry.fingerprints.from_source import Options
    from registry.fingerprints.record import Fingerprint


def compare(a: Named, b: Named, **options: "Unpack[Options]") -> Verdict:
    """Return the verdict on whether `a` comes from `b`. Raises RegistryError.

    Both are sources, files of fingerprints, fingerprints or what was resolved before; `a` may be an
    adapter and `b` a base. The verdict's `score` is larger the more surely one comes from the
    other, and comparable across pairs.
    """
    child = resolve(None, a)
    parent = resolve(None, b)
    one = fingerprint_in_question(child, options)
    other = parent_fingerprint(parent, options)
    return pair_verdict(one, other, parent.given)


def parent_fingerprint(parent: Resolved, options: "Options") -> "Fingerprint":
    """Return the fingerprint of what a model may come from.

    A whole model is taken as it is: `base` is for adapters.
    """
    try:
        return comparable_fingerprint(parent, options)
    except NotAnAdapter:
        as_it_is: Options = {**options, "base": None}
        return comparable_fingerprint(parent, as_it_is)
