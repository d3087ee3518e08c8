"""Fingerprints of a part of a model, for verdicts that need no more.

An excerpt of two layers' attention has the records of a model that consists of it alone, with the
vectors beside it; moments are those of some rows. An excerpt of all layers lacks what takes
longest: the spectra, those of a few small matrices aside that tell flat starts, and the
clusterings. Neither is ever stored.
"""

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Unpack

from registry.architectures.layer_numbers import LayerNumbers
from registry.architectures.layout import Layout, ProjectionTensor
from registry.architectures.roles import ATTENTION
from registry.checkpoints import Checkpoint
from registry.checkpoints.pages import POOL
from registry.fingerprints import readahead
from registry.fingerprints.assembly import Origin, assemble
from registry.fingerprints.clustering import Clustered
from registry.fingerprints.compute import (
    check,
    measure,
    open_layout,
    own_axes,
    reports_of,
    without_zero,
)
from registry.fingerprints.device import one_thread_each
from registry.fingerprints.from_source import Measuring
from registry.fingerprints.meter import Meter
from registry.fingerprints.options import measure_options
from registry.fingerprints.record import RANKS, Fingerprint
from registry.fingerprints.timing import Timing
from registry.numerics.compiled.loading import without_loading

CHOSEN = (1 / 3, 2 / 3)  # of the depth, at which layers are chosen
FEW_VALUES = 1 << 18  # of a matrix, that tell its spread to a few parts in a thousand
FEWEST_LAYERS = 4  # of a model of which two are worth reading alone


def chosen_layers(numbers: Collection[int]) -> tuple[int, ...]:
    """Return the two layers of a model that are read first; none of one with few layers."""
    layers = sorted(numbers)
    if len(layers) < FEWEST_LAYERS:
        return ()
    return tuple(layers[int(part * len(layers))] for part in CHOSEN)


def excerpt(
    checkpoint: Checkpoint, layers: Collection[int] | None, **options: Unpack[Measuring]
) -> Fingerprint:
    """Return the fingerprint of some layers' attention, or of a model without most spectra.

    Args:
        layers: Their numbers; None for the whole model.

    Raises what `compute` raises.
    """
    timing = options.get("timing") or Timing()
    origin = open_layout(checkpoint, timing)
    if layers is not None:
        origin = of_origin(origin, layers)
    measuring = measure_options(
        RANKS[0], options.get("threads"), options.get("device", "auto"), prove=False
    )
    measuring = replace(
        measuring,
        spectra_of=smallest_of_layers(origin.layout.projections),
        moments_of=FEW_VALUES if layers is not None else None,
    )
    meter = Meter(measuring, origin.stream, timing)
    sparing = without_loading() if layers is not None else nullcontext()
    with one_thread_each(), sparing, POOL.reusing(readahead.BUDGET):
        reports = reports_of(options.get("progress"), origin, measuring.threads, own=layers is None)
        readings = measure(meter, origin, reports)
        allowed = options.get("allow_nonfinite", False)
        check(readings.matrices, checkpoint.source, allow_nonfinite=allowed)
        readings = without_zero(readings, checkpoint.source)
        own = own_axes(meter, origin, readings, reports) if layers is None else {}
    whole = assemble(origin, readings, own, Clustered(readings.matrices, ()), RANKS[0])
    reports.end()
    return whole if layers is None else attention_of(whole, layers)


def of_origin(origin: Origin, layers: Collection[int]) -> Origin:
    """Return a model as if it had the attention of some layers alone, and vectors."""
    layout = layout_of_attention(origin.layout, layers)
    entries = (*(tensor.entry for tensor in layout.projections), *layout.others)
    checkpoint = replace(origin.checkpoint, entries=entries)
    return replace(origin, checkpoint=checkpoint, layout=layout)


def layout_of_attention(layout: Layout, layers: Collection[int]) -> Layout:
    """Return the tensors of some layers' attention, the vectors beside it and outside all layers.

    A tensor that holds more than attention is among them.
    """
    numbers = LayerNumbers.of(layout)
    projections = [
        tensor
        for tensor in layout.projections
        if tensor.layer in layers and ATTENTION.intersection(tensor.parts)
    ]
    others = []
    for entry in layout.others:
        layer = numbers.layer_of(entry.name)
        if len(entry.shape) == 1 and (layer is None or layer in layers):
            others.append(entry)
    return Layout(tuple(projections), tuple(others), ())


def smallest_of_layers(tensors: Sequence[ProjectionTensor]) -> frozenset[str]:
    """Return the name of the smallest tensor of each of the chosen layers, or of every layer."""
    numbers = {tensor.layer for tensor in tensors}
    smallest: dict[int, ProjectionTensor] = {}
    for tensor in tensors:
        if tensor.layer not in (chosen_layers(numbers) or numbers):
            continue
        least = smallest.setdefault(tensor.layer, tensor)
        if tensor.entry.count < least.entry.count:
            smallest[tensor.layer] = tensor
    return frozenset(tensor.entry.name for tensor in smallest.values())


def attention_of(fingerprint: Fingerprint, layers: Collection[int]) -> Fingerprint:
    """Return what an excerpt of some layers' attention would hold, of a fingerprint at hand."""
    matrices = [
        matrix
        for matrix in fingerprint.matrices
        if matrix.layer in layers and matrix.projection in ATTENTION
    ]
    branches = [
        replace(branch, own=None, scores=None)
        for branch in fingerprint.branches
        if branch.layer in layers and branch.branch == "attention"
    ]
    tensors = [
        tensor
        for tensor in fingerprint.tensors
        if len(tensor.shape) == 1 and (tensor.layer is None or tensor.layer in layers)
    ]
    return replace(
        fingerprint,
        layers=len(layers),
        matrices=tuple(matrices),
        branches=tuple(branches),
        tensors=tuple(tensors),
        zero=(),
        tied=None,
    )
