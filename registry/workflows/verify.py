"""The journey of a claim, that one model comes from another, to a verdict."""

from typing import Unpack

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.transactions import answer_of
from registry.fingerprints.from_source import Options
from registry.lineage.pair import pair_verdict
from registry.lineage.verdict import Verdict
from registry.workflows.compare import parent_fingerprint
from registry.workflows.judge import Judge
from registry.workflows.resolve import Named, fingerprint_in_question, resolve


def verify(engine: Engine, source: Named, claimed: Named, **options: Unpack[Options]) -> Verdict:
    """Return the verdict on whether a model comes from a claimed base. Raises RegistryError.

    As `compare`, but for the direction: other registered models may show that both come from one
    of them.
    """
    child = resolve(None, source)
    parent = resolve(None, claimed)
    one = fingerprint_in_question(child, options)
    other = parent_fingerprint(parent, options)
    if one.kind == "adapter" or other.kind == "adapter":
        return pair_verdict(one, other, parent.given)

    def judged(session: Session) -> Verdict:
        return Judge.of(session, one).verdict_on_claim(parent.given, other)

    return answer_of(engine, judged)
