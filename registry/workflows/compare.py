"""Two models side by side, without a database."""

from typing import Unpack

from registry.errors import NotAnAdapter
from registry.lineage.verdict import Verdict
from registry.workflows.graded import pair_graded
from registry.workflows.resolve import Named, Resolved, resolve
from registry.workflows.subject import Candidate, Subject, VerdictOptions


def compare(a: Named, b: Named, **options: Unpack[VerdictOptions]) -> Verdict:
    """Return the verdict on whether `a` comes from `b`. Raises RegistryError.

    Both are sources, files of fingerprints, fingerprints or what was resolved before; `a` may be an
    adapter and `b` a base. The verdict's `score` is larger the more surely one comes from the
    other, and comparable across pairs; `grade` says how much evidence it rests on.
    """
    child = resolve(None, a)
    parent = resolve(None, b)
    one = Subject.of(child, options)
    other = Candidate(parent.given, parent_subject(parent, options))
    return pair_graded(one, other, options)


def parent_subject(parent: Resolved, options: VerdictOptions) -> Subject:
    """Open what a model may come from. Raises RegistryError.

    A whole model is taken as it is: `base` is for adapters.
    """
    as_it_is: VerdictOptions = {**options, "base": None}
    if parent.fingerprint:
        return Subject.of(parent, as_it_is)
    try:
        return Subject.of(parent, options)
    except NotAnAdapter:
        return Subject.of(parent, as_it_is)
