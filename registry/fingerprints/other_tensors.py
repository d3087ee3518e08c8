"""The records of the tensors outside the seven projections; whether embedding and head are one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from registry.architectures.layer_numbers import LayerNumbers
from registry.architectures.layout import Layout
from registry.architectures.ledger import Accounts
from registry.fingerprints.digests import OtherTensor
from registry.fingerprints.record import Tensor


def placed(layout: Layout, others: Sequence[OtherTensor], kind: str) -> list[OtherTensor]:
    """Return a model's other tensors with the layers that they belong to; an adapter's as given."""
    if kind == "adapter":
        return list(others)
    numbers = LayerNumbers.of(layout)
    return [replace(other, layer=numbers.layer_of(other.entry.name)) for other in others]


def tensor_records(layout: Layout, others: Sequence[OtherTensor]) -> tuple[Tensor, ...]:
    """Return what a fingerprint keeps of a model's other tensors.

    Those outside the layers come first, then by layer; by name within, whatever the files' order.
    """
    accounts = Accounts(layout)
    records = []
    for other in others:
        name = other.entry.name
        record = Tensor(
            name=name,
            group=accounts.of(name).group,
            layer=other.layer,
            shape=tuple(other.entry.shape),
            length=other.sketch.length,
            digest=other.digests.digest,
            cast_digest=other.digests.cast_digest,
            sketch=other.sketch.sums,
        )
        records.append(record)
    return tuple(sorted(records, key=place_of))


def place_of(tensor: Tensor) -> tuple[int, str]:
    """Return what tensors are sorted by: layer and name."""
    layer = -1 if tensor.layer is None else tensor.layer
    return layer, tensor.name


def tied_embedding(
    tensors: Sequence[Tensor], vocabulary: int | None, config: dict[str, Any]
) -> bool | None:
    """Return whether the tokens' embedding is the head as well.

    None without an embedding, and where the head is missing though the config says that it has
    weights of its own.
    """
    embeddings = [tensor for tensor in tensors if is_table(tensor, "embedding", vocabulary)]
    if not embeddings:
        return None

    heads = [tensor for tensor in tensors if is_table(tensor, "head", vocabulary)]
    if heads:
        digests = {embedding.digest for embedding in embeddings}
        return any(head.digest in digests for head in heads)
    states_own_head = config.get("tie_word_embeddings") is False
    return None if states_own_head else True


def is_table(tensor: Tensor, group: str, vocabulary: int | None) -> bool:
    """Return whether a tensor outside the layers has a row for every token."""
    is_matrix = len(tensor.shape) == 2  # noqa: PLR2004
    return (
        tensor.group == group
        and tensor.layer is None
        and is_matrix
        and tensor.shape[0] == vocabulary
    )
