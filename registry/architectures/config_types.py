"""What a config calls the model: asked only where two namings share a tensor's name and shape."""

from collections.abc import Iterable, Iterator
from typing import Any

from registry.architectures.fused import NESTED_CONFIGS
from registry.architectures.name_table import Row, namings
from registry.errors import TwoNamings


def stated_types(config: dict[str, Any]) -> list[str]:
    """Return the model types and architectures that a config states, in lower case."""
    places = [config, *(config.get(nested) for nested in NESTED_CONFIGS)]
    types = []
    for place in places:
        if isinstance(place, dict):
            types += [text.lower() for text in texts_of(place)]
    return types


def texts_of(place: dict[str, Any]) -> Iterator[str]:
    """Yield what one table of a config calls the model."""
    architectures = place.get("architectures")
    stated = architectures if isinstance(architectures, list) else []
    for text in (place.get("model_type"), *stated):
        if isinstance(text, str):
            yield text


def typed_namings(config: dict[str, Any]) -> frozenset[str]:
    """Return the namings that count for the types which a config states."""
    types = stated_types(config)
    counting = set()
    for naming, content in namings().items():
        if holds_any(types, content.get("types", ())):
            counting.add(naming)
    return frozenset(counting)


def holds_any(types: Iterable[str], words: Iterable[str]) -> bool:
    """Return whether one of the types holds one of the words."""
    wanted = tuple(words)
    return any(word in text for text in types for word in wanted)


def check_rival(row: Row, tensor: str, types: list[str]) -> None:
    """Check that no other naming could be meant by a tensor's name.

    Raises:
        TwoNamings: Where the config states no type, and the name has the rival's prefix.
    """
    if row.rival is None or types:
        return
    before_layer, _, _ = row.name.partition("{layer}")
    if namings()[row.naming]["prefix"] + before_layer in tensor:
        raise TwoNamings(tensor=tensor, one=row.naming, other=row.rival)
