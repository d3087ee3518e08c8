"""The part of `Registry` on SQL by analysts."""

from registry.api.base import Room


class Analysis(Room):
    """Methods of `Registry`."""
