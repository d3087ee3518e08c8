"""The quick journey of an unknown checkpoint: looked up in the registry while it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import Engine

from registry.checkpoints import open_checkpoint
from registry.database.connecting.transactions import answer_of
from registry.database.searching import near_sketches, nearest
from registry.database.searching.near_models import NamedModel, StartLikeness
from registry.errors import NoWeightsInFile, QuickNeedsModel
from registry.fingerprints.partial import Glimpse
from registry.fingerprints.record import Branch
from registry.workflows.quick_verdict import QuickIdentification, partial_verdict
from registry.workflows.resolve import expanded, is_fingerprint_file

NEAREST = 8  # models looked up at a time


def identify_quickly(
    engine: Engine, source: str | Path, *, download: bool = False
) -> QuickIdentification:
    """Return which registered model a source comes from, and what was read of it.

    Raises RegistryError.

    What was done to it is not looked into, and the same weights are called derived.
    """
    if is_fingerprint_file(expanded(str(source))):
        raise NoWeightsInFile(source=str(source))
    checkpoint = open_checkpoint(source, download=download)
    if checkpoint.kind != "model":
        raise QuickNeedsModel(source=checkpoint.source)

    glimpse = Glimpse(checkpoint)
    verdict = partial_verdict(RegisteredModels(engine), glimpse)
    return QuickIdentification(verdict, glimpse)


@dataclass(frozen=True)
class RegisteredModels:
    """All registered models; no connection is held while weights are read."""

    engine: Engine

    @cached_property
    def candidates(self) -> int:
        """How many there are."""
        return answer_of(self.engine, lambda session: nearest.count(session, "model"))

    def by_start(self, start: tuple[float, ...]) -> Sequence[StartLikeness]:
        """Return those whose tensors begin most alike, the nearest first."""
        return answer_of(self.engine, partial(near_sketches.by_start, start=start, k=NEAREST))

    def by_branch(self, branch: Branch) -> Mapping[NamedModel, float]:
        """Return the cosine of those with a layer most like this one."""
        return answer_of(self.engine, partial(near_sketches.by_branch, branch=branch, k=NEAREST))
