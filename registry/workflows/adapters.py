"""Read adapters to be compared with each other."""

from collections.abc import Callable
from pathlib import Path

from registry.architectures.adapter_merge import merged
from registry.checkpoints import open_checkpoint
from registry.errors import UntrainedAdapter
from registry.fingerprints.compute import compute
from registry.lineage.adapter_comparison import ComparedAdapter

RANK = 16  # singular values that a clustering vector needs


def no_weights(_: str | None) -> str | None:
    """Say that the weights of no base are at hand."""
    return None


def read_adapter(
    text: str, weights_of: Callable[[str | None], str | None] = no_weights
) -> ComparedAdapter:
    """Read an adapter, given as SOURCE or LABEL=SOURCE. Raises RegistryError.

    weights_of: gives the source of a base's weights by the name that the adapter declares, or None;
    the adapter is merged into these, too.
    """
    label, mark, labelled_source = text.partition("=")
    has_label = bool(mark) and not Path(text).exists()
    data = label if has_label else None
    source = labelled_source if has_label else text

    checkpoint = open_checkpoint(source)
    try:
        delta = compute(checkpoint, rank=RANK)
    except UntrainedAdapter:
        return ComparedAdapter(checkpoint.name, source, data, checkpoint.base, None)

    base = weights_of(checkpoint.base)
    together = compute(merged(checkpoint, open_checkpoint(base)), rank=RANK) if base else None
    return ComparedAdapter(checkpoint.name, source, data, checkpoint.base, delta, together)
