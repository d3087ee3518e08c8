"""Trainable tokens: an adapter that sets some rows of an embedding (peft.tuners.trainable_tokens).

Their tensor has the rows alone; which tokens they are stands in the config, as `token_indices` of
such an adapter, and as `trainable_token_indices` of one that has factors too.
"""

import re
from collections.abc import Mapping
from typing import Any

from registry.checkpoints.tensors import Entry, TokenRows
from registry.errors import BrokenAdapter

ROWS = re.compile(
    r"(?P<module>.+?)(?:\.token_adapter)?\.trainable_tokens_delta(?:\.[\w-]+)?(?:\.weight)?"
)
MATRIX = 2  # dimensions


def token_rows(entry: Entry, module: str, settings: Mapping[str, Any], source: str) -> TokenRows:
    """Return the rows of some tokens together with their places; nothing is read.

    Args:
        entry: The tensor of the rows, tokens x hidden.
        module: The base's name of the embedding.
        settings: The content of adapter_config.json.
        source: What errors call the adapter.

    Raises:
        BrokenAdapter: Where the config does not say which tokens they are.
    """
    tokens = tokens_of(module, settings)
    if len(entry.shape) != MATRIX or tokens is None or len(tokens) != entry.shape[0]:
        count = entry.shape[0] if entry.shape else 0
        reason = f"its config does not name the tokens of the {count} rows of {module!r}"
        raise BrokenAdapter(source=source, reason=reason)
    return TokenRows(
        name=f"{module}.trainable_tokens_delta",
        dtype=entry.dtype,
        shape=entry.shape,
        read=entry.read,
        weight=f"{module}.weight",
        tokens=tuple(tokens),
    )


def tokens_of(module: str, settings: Mapping[str, Any]) -> list[int] | None:
    """Return the tokens that the config names for an embedding, None where it names none."""
    tokens = settings.get("trainable_token_indices") or settings.get("token_indices")
    if isinstance(tokens, dict):
        fitting = [key for key in tokens if f".{module}".endswith(f".{key}")]
        tokens = tokens[fitting[0]] if fitting else None
    if not isinstance(tokens, list):
        return None
    if not all(type(token) is int and token >= 0 for token in tokens):
        return None
    return tokens
