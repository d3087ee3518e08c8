"""The journey of registered models to verdicts that know those which came after them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.lineage import edges
from registry.database.lineage.families import follow_roots
from registry.database.lineage.verdicts import keep_verdict
from registry.database.stored import models
from registry.database.stored.models import wait_for_others
from registry.errors import ModelNotFound
from registry.lineage.features import ModelFeatures
from registry.lineage.verdict import Verdict
from registry.notices import RejudgingWaits, notify
from registry.workflows.judge import verdict_on_registered

PATIENCE = 5.0  # seconds that the arrival of a model may take from the user for others' verdicts
TOGETHER = 16  # verdicts that are stored in one transaction
KEPT = 128  # models that are kept in memory for the next verdict


@dataclass(frozen=True)
class Rejudged:
    """What judging again came to.

    Attributes:
        models: Names of those that were judged.
        left: How many models are still to be judged again.
    """

    models: tuple[str, ...]
    left: int


def rejudge(
    engine: Engine,
    names: Sequence[str] = (),
    *,
    every: bool = False,
    patience: float | None = None,
    because: str = "judged again",
) -> Rejudged:
    """Judge registered models again, draw the tree anew, and let families follow.

    A transaction holds a few verdicts: what was interrupted goes on where it stopped.

    Args:
        names: Those that are meant; of none, those that are due.
        every: All models, whether due or not.
        patience: Seconds after which no other is begun; None for no limit.
        because: What made it necessary, for the log.

    Raises RegistryError, ModelNotFound before anything is done.
    """
    chosen = answer_of(engine, partial(chosen_models, names=names, every=every))
    deadline = None if patience is None else time.monotonic() + patience
    loaded: dict[str, ModelFeatures] = {}
    judged: list[str] = []
    for first in range(0, len(chosen), TOGETHER):
        some = chosen[first : first + TOGETHER]
        verdicts = {}
        for name in some:
            if deadline is not None and time.monotonic() > deadline:
                break
            verdict = verdict_if_there(engine, name, loaded)
            if verdict is not None:
                verdicts[name] = verdict
            if len(loaded) > KEPT:
                loaded.clear()
        if verdicts:
            in_transaction(engine, partial(keep, verdicts=verdicts, because=because))
        judged += verdicts
        if len(verdicts) < len(some) and deadline is not None:
            break
    left = len(answer_of(engine, edges.due))
    return Rejudged(tuple(judged), left)


def chosen_models(session: Session, names: Sequence[str], *, every: bool) -> list[str]:
    """Return the names of the models that are to be judged. Raises ModelNotFound."""
    if every:
        return models.current_names(session)
    if names:
        return list(dict.fromkeys(models.find(session, name).name for name in names))
    return edges.due(session)


def verdict_if_there(engine: Engine, name: str, loaded: dict[str, ModelFeatures]) -> Verdict | None:
    """Return the verdict on a model; None where it was removed meanwhile."""
    question = partial(verdict_on_registered, name=name, loaded=loaded)
    try:
        return answer_of(engine, question)
    except ModelNotFound:
        return None


def keep(session: Session, verdicts: dict[str, Verdict], because: str) -> None:
    """Store verdicts and draw the tree anew where they are about."""
    wait_for_others(session)
    numbers = []
    for name, verdict in verdicts.items():
        if models.is_registered(session, name):
            number = keep_verdict(session, name, verdict)
            edges.mark_due(session, edges.strangers(session, number))
            numbers.append(number)
    place(session, numbers, because)


def place(session: Session, numbers: Iterable[int], because: str) -> None:
    """Draw the tree anew where some models stand, and let families follow it."""
    group = edges.redraw(session, list(numbers), because)
    follow_roots(session, group, because)


def rejudge_around(engine: Engine, name: str, due: Sequence[str]) -> None:
    """Judge those again whose verdicts the arrival of a model may change, for a short while.

    Who is left is told about, and stays due. Twice, for a model that arrived at the same time may
    be found only then.

    Args:
        due: Those that are known of, the nearest first.
    """
    question = partial(edges.due_around, name=name, also=due)
    deadline = time.monotonic() + PATIENCE
    for _ in range(2):
        patience = deadline - time.monotonic()
        if not due or patience < 0:
            break
        rejudge(engine, due, patience=patience, because=f"{name} arrived")
        due = answer_of(engine, question)
    if due:
        notify(RejudgingWaits(count=len(due)))
