"""A source becomes an index of named tensors, each read only when it is asked for."""

from registry.checkpoints.source import Checkpoint, open_checkpoint
from registry.checkpoints.tensors import Entry, Update

__all__ = ["Checkpoint", "Entry", "Update", "open_checkpoint"]
