"""The journeys of a model out of the registry and back, with those whose verdicts that changes."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine

from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.curating import removal, undo
from registry.database.curating.curation import Done
from registry.database.curating.events import Action
from registry.database.curating.removal import Removed
from registry.database.lineage import edges
from registry.errors import AlreadyUndone, DatabaseFault, ModelNotFound
from registry.notices import StillDue, notify
from registry.workflows.rejudge import PATIENCE, rejudge


def remove(engine: Engine, name: str) -> Removed:
    """Remove a model, and judge its relatives again for a short while.

    Raises RegistryError: ModelNotFound, ModelAmbiguous.
    """
    work = partial(removal.remove_model, name=name)
    removed = in_transaction(engine, work, done=ModelNotFound)
    judge(engine, removed.relatives, f"{removed.model.name} was removed")
    return removed


def take_back(engine: Engine, event: int | None = None) -> Done:
    """Undo an event of the log, or the user's own last one.

    Around a model that came back, models are judged again for a short while. Raises RegistryError:
    EventNotFound, NothingToUndo, NotUndoable, AlreadyUndone, CannotUndo.
    """
    done = in_transaction(engine, partial(undo.undo, number=event), done=AlreadyUndone)
    if done.model is not None and done.details["action"] == Action.REMOVED:
        due = answer_of(engine, partial(edges.due_around, name=done.model, also=()))
        judge(engine, due, f"the removal of {done.model} was undone")
    return done


def judge(engine: Engine, names: Sequence[str], because: str) -> None:
    """Judge some models again, as long as a user waits gladly; the others stay due."""
    if not names:
        return
    try:
        rejudged = rejudge(engine, names, patience=PATIENCE, because=because)
    except (DatabaseFault, ModelNotFound):  # what was done is stored, and they are due
        notify(StillDue(count=len(names)))
        return
    left = len(names) - len(rejudged.models)
    if left > 0:
        notify(StillDue(count=left))
