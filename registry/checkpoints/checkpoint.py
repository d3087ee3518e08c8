"""A model whose tensors are indexed, with what stands beside them."""

from dataclasses import dataclass
from typing import Any

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.claim import Claim
from registry.checkpoints.source_facts import NOT_KNOWN, SourceFacts
from registry.checkpoints.source_names import is_step
from registry.checkpoints.tensors import Entry


@dataclass(frozen=True)
class Checkpoint:
    """A model whose tensors are indexed and not read, and what stands beside them.

    Attributes:
        kind: 'model' or 'adapter'; an adapter's entries are its LoRA deltas (Delta), under the
            names of the weights that they change.
        remote: Whether loading a tensor waits for a network.
        left_aside: Other files of weights in the same folder, which were not read.
        claims: What the card and the configs state of the model.
        facts: Where it lies, how large it is and in which format.
        stamp: Digest of its files' names, lengths and times, or of the hub's commit: as long as it
            is the same, the weights are taken to be.
        blobs: The files of weights that lie on this machine.
    """

    source: str
    name: str
    revision: str | None
    config: dict[str, Any]
    base: str | None
    entries: tuple[Entry, ...]
    remote: bool = False
    kind: str = "model"
    left_aside: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    facts: SourceFacts = NOT_KNOWN
    stamp: str | None = None
    blobs: tuple[LocalBlob, ...] = ()

    @property
    def family(self) -> str:
        """What its family is called where it declares no base: its name, without a run's folder."""
        folder, _, last = self.name.rpartition("/")
        if folder and is_step(last):
            return folder
        return self.name

    @property
    def architecture(self) -> str | None:
        """What the config calls the architecture; it proves nothing."""
        architectures = self.config.get("architectures")
        name = self.config.get("model_type")
        if isinstance(architectures, list) and architectures:
            name = architectures[0]
        if isinstance(name, str):
            return name
        return None
