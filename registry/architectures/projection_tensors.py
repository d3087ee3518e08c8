"""The tensors that hold projections, and the layout of a checkpoint that they make up."""

from collections import Counter
from dataclasses import dataclass

from registry.checkpoints import Entry
from registry.numerics.arrays import A, reshaped


@dataclass(frozen=True)
class ProjectionTensor:
    """A tensor that holds projections: where it stands in the model and how to cut it.

    Attributes:
        entry: The tensor's place in the checkpoint's index.
        naming: The table of projections.toml that knows its name.
        layer: The layer's number.
        parts: The projection of every matrix that `cut` gives.
        experts: The expert of every matrix that `cut` gives; None for none.
        transposed: Whether it is stored inputs x outputs.
        sizes: Rows (outputs) of each part of one expert.
        groups: How many times the parts alternate; 1 where they are stacked.
        number: Which of the numbers in its name is the layer's, counted from the end: -1 the last.
    """

    entry: Entry
    naming: str
    layer: int
    parts: tuple[str, ...]
    experts: tuple[int | None, ...]
    transposed: bool
    sizes: tuple[int, ...]
    groups: int
    number: int = -1

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Outputs x inputs of every matrix that `cut` gives of the whole tensor."""
        inputs = self.entry.shape[-2 if self.transposed else -1]
        shapes = tuple((size, inputs) for size in self.sizes)
        experts = len(self.parts) // len(self.sizes)
        return shapes * experts

    def cut(self, values: A) -> tuple[A, ...]:
        """Return the projections in the tensor, outputs x inputs, in the order of `parts`."""
        is_stack = values.ndim == 3  # noqa: PLR2004  # experts x rows x columns
        matrices = values if is_stack else values[None]
        projections: list[A] = []
        for matrix in matrices:
            projections += self.split(matrix.T if self.transposed else matrix)
        return tuple(projections)

    def split(self, matrix: A) -> list[A]:
        """Return the parts of one matrix, outputs x inputs each."""
        rows, inputs = matrix.shape
        grouped = matrix.reshape(self.groups, rows // self.groups, inputs)
        parts = []
        start = 0
        for size in self.sizes:
            stop = start + size // self.groups
            part = grouped[:, start:stop]  # groups x rows in a group x inputs
            parts.append(reshaped(part, size, inputs))
            start = stop
        return parts


@dataclass(frozen=True)
class Layout:
    """Every tensor of a checkpoint, classified.

    Attributes:
        projections: Tensors that hold projections, by layer and in the order of PROJECTIONS.
        others: Tensors with weights that are no projection.
        unknown: Those among the others that no rule knows.
        towers: Where parts of another kind stand (`model.vision_tower`) that are not fingerprinted.
        ignored: Constants that the program computes: no weights.
        second: Those among the others that are projections of other models beside the language
            model.
        drafts: What names of layers begin with that predict tokens further ahead; they are among
            the others.
    """

    projections: tuple[ProjectionTensor, ...]
    others: tuple[Entry, ...]
    unknown: tuple[Entry, ...]
    towers: tuple[str, ...] = ()
    ignored: tuple[Entry, ...] = ()
    second: tuple[Entry, ...] = ()
    drafts: tuple[str, ...] = ()

    @property
    def naming(self) -> str:
        """The naming that most of the projections follow; the first by name of several."""
        counts = Counter(tensor.naming for tensor in self.projections)
        return max(sorted(counts), key=counts.__getitem__)
