"""What became of a catalogue, as lines and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.catalogues.export import Exported
    from registry.catalogues.outcomes import Imported, ImportedModel


def exported_line(exported: "Exported", file: str) -> str:
    """Return what was written, as a sentence."""
    size = f"{exported.bytes / 1e6:,.1f} MB"
    return f"wrote {models(exported.models)} to {file} ({size}, digest {exported.digest[:12]})"


def exported_json(exported: "Exported", file: str) -> dict[str, Any]:
    """Return what was written, as `registry export --json` gives it."""
    return {"file": file, **asdict(exported)}


def imported_lines(imported: "Imported") -> list[str]:
    """Return what became of a catalogue: a line of counts, and one for each model left out."""
    lines = [counts_line(imported)]
    if imported.edges or imported.edges_left_out:
        lines.append(edges_line(imported))
    if imported.due:
        lines.append(f"{models(imported.due)} still to be judged: `registry rejudge`")
    lines += map(model_line, imported.models)
    untold = imported.told - len(imported.models)
    if untold > 0:
        lines.append(f"and {untold:,} more")
    return lines


def counts_line(imported: "Imported") -> str:
    """Return how many models there are of each outcome."""
    counts = []
    for outcome, count in imported.counts.items():
        counts.append(f"{count:,} {WORDS[str(outcome)]}")
    return "; ".join(counts) or "the file holds no models"


WORDS = {
    "new": "new",
    "renamed": "new under another name",
    "known": "known",
    "completed": "completed",
    "conflict": "in conflict, left out",
    "refused": "refused",
}


def edges_line(imported: "Imported") -> str:
    """Return how many edges were stored."""
    line = "1 new edge" if imported.edges == 1 else f"{imported.edges:,} new edges"
    if imported.edges_left_out:
        why = "whose parent is not here, or that contradict what is"
        line += f"; {imported.edges_left_out:,} left out {why}"
    return line


def model_line(model: "ImportedModel") -> str:
    """Return what became of one model, as a sentence."""
    outcome = str(model.outcome)
    if outcome == "conflict":
        return (
            f"{model.name} is registered with other weights (digest {str(model.reason)[:12]}, not"
            f" {model.digest[:12]}); import with --rename, or rename the registered one"
        )
    if outcome == "refused":
        return f"{model.name} was refused: {model.reason}"
    if outcome == "renamed":
        return f"{model.name} is registered as {model.registered_as}"
    return f"{model.registered_as} gained what the file says of it"


def imported_json(imported: "Imported", source: str) -> dict[str, Any]:
    """Return what became of a catalogue, as `registry import --json` gives it."""
    told = [asdict(model) for model in imported.models]
    return {"source": source, **imported.numbers, "models": told}


def models(count: int) -> str:
    """Return a count of models in words."""
    return "1 model" if count == 1 else f"{count:,} models"
