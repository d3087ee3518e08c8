"""What people changed of registered models, for reading and as JSON. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from registry.report.claims import sources_line
from registry.report.tree_wording import change_of_people

if TYPE_CHECKING:
    from registry.database.curating.curation import Done
    from registry.database.curating.curation_answers import Note, Remarks
    from registry.database.stored.sources import Source

ALREADY = "nothing was changed, it is so already"


def done_lines(done: "Done") -> str:
    """Return what was changed, and how it is undone, as a sentence."""
    if done.event is None:
        return ALREADY
    sentence = change_of_people(done.action, done.details)
    if done.model is not None:
        sentence = f"{done.model}: {sentence}"
    if done.action == "undone":
        return sentence
    return f"{sentence}; registry undo {done.event} takes it back"


def done_json(done: "Done") -> dict[str, Any]:
    """Return what was changed."""
    return {
        "event": done.event,
        "action": str(done.action),
        "model": done.model,
        "details": done.details,
    }


def remark_lines(remarks: "Remarks", sources: Sequence["Source"]) -> list[str]:
    """Return the tags and notes on a model, and where else it was seen, a line each."""
    lines = [f"tags: {', '.join(remarks.tags)}"] if remarks.tags else []
    lines += map(note_line, remarks.notes)
    return [*lines, sources_line(sources)] if len(sources) > 1 else lines


def note_line(note: "Note") -> str:
    """Return a note with who wrote it, and when."""
    return f"note of {note.author}, {note.noted_at:%Y-%m-%d}: {note.note}"


def remarks_json(remarks: "Remarks", sources: Sequence["Source"]) -> dict[str, Any]:
    """Return the keys that `registry show --json` has beside the fingerprint."""
    return {"tags": remarks.tags, "notes": remarks.notes, "sources": sources}
