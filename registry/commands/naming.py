"""Names of models that were typed; of those with two meanings, say which was taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.checkpoints.source_names import check_path
from registry.commands.printing import say_note

if TYPE_CHECKING:
    from registry import Registry
    from registry.workflows.resolve import Resolved


@dataclass(frozen=True)
class NamedModels:
    """Models in the order of their names. note: a key for the JSON, mostly none."""

    models: "tuple[Resolved, ...]"
    note: dict[str, str]


def check_typed(*names: str | None) -> None:
    """Raise SourceNotFound for a path to nothing, before a database is started for the others."""
    for name in names:
        if name is not None:
            check_path(name)


def named_models(
    registry: "Registry", names: Iterable[str], *, labelled: bool = False
) -> NamedModels:
    """Return what names were taken for; say on stderr which of two meanings was."""
    from registry.report.models import ambiguity

    models = tuple(registry.resolve(name, labelled=labelled) for name in names)
    ambiguities = [ambiguity(model) for model in models if model.shadows]
    for line in ambiguities:
        say_note(line, "Ambiguous")
    note = {"note": " ".join(ambiguities)} if ambiguities else {}
    return NamedModels(models, note)
