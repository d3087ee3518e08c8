"""The part of `Registry` on where registered models come from, judged again as others arrive."""

from registry.api.base import Room


class Lineage(Room):
    """Methods of `Registry`."""
