"""The part of `Registry` on catalogues: fingerprints that move between registries."""

from registry.api.base import Room


class Catalogues(Room):
    """Methods of `Registry`."""
