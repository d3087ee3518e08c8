"""The part of `Registry` on what people say of models, and what sources claim."""

from registry.api.base import Room


class Curation(Room):
    """Methods of `Registry`."""
