"""Which tensors of a checkpoint hold which projections, for models and adapters alike."""

from registry.architectures.adapter_layout import adapter_layout
from registry.architectures.model_layout import is_empty, model_layout
from registry.architectures.projection_tensors import Layout, ProjectionTensor
from registry.checkpoints import Checkpoint
from registry.checkpoints.limits import limit
from registry.errors import NoDeltas, NoProjections, NoTensors, TooManyTensors, ZeroMatrices

__all__ = ["Layout", "ProjectionTensor", "layout_of", "require_projections"]


def layout_of(checkpoint: Checkpoint) -> Layout:
    """Find the projections of a model, or those that an adapter's LoRA deltas (B A) belong to.

    Nothing is read.

    Raises:
        QuantisedWeights: For a projection whose numbers are no floats.
        NotAMatrix: For a projection that is no matrix, or no stack of matrices.
        CannotSplit: For a tensor of several projections that does not show how to cut it.
    """
    if checkpoint.kind == "adapter":
        return adapter_layout(checkpoint)
    return model_layout(checkpoint.entries, checkpoint.config)


def require_projections(layout: Layout, checkpoint: Checkpoint) -> None:
    """Check that a checkpoint has a projection at all, and no more than one of its size can have.

    Raises:
        TooManyTensors: Where their number is out of proportion: each takes milliseconds.
        NoDeltas: Where an adapter changes other weights alone.
        NoTensors: Where it has nothing at all.
        ZeroMatrices: Where all of them are empty.
        NoProjections: Where it has no projection; the error names a few of its tensors.
    """
    size = sum(entry.stored_bytes for entry in checkpoint.entries)
    projections = sum(len(tensor.parts) for tensor in layout.projections)
    tensors = len(checkpoint.entries)
    if projections > limit("projections", size):
        raise too_many(checkpoint.source, f"{projections:,} projections", size)
    if tensors > limit("tensors", size):
        raise too_many(checkpoint.source, f"{tensors:,} tensors", size)
    if layout.projections:
        return
    if checkpoint.kind == "adapter" and not layout.unknown:
        changed = [entry.name for entry in layout.others]
        raise NoDeltas(source=checkpoint.source, names=", ".join(changed[:3]))
    if not checkpoint.entries:
        raise NoTensors(source=checkpoint.source)
    if not layout.unknown and any(is_empty(entry) for entry in layout.ignored):
        raise ZeroMatrices(source=checkpoint.source)
    names = [entry.name for entry in layout.unknown or checkpoint.entries]
    raise NoProjections(
        source=checkpoint.source,
        count=len(checkpoint.entries),
        examples=", ".join(names[:3]),
    )


def too_many(source: str, count: str, size: int) -> TooManyTensors:
    """Return the error for more tensors or matrices than a model of `size` bytes has."""
    return TooManyTensors(source=source, count=count, size=f"{size:,}")
