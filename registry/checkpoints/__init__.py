"""A source becomes an index of named tensors, each read only when it is asked for."""

from registry.checkpoints.source import Checkpoint, open_checkpoint
from registry.checkpoints.tensors import Delta, Entry

__all__ = ["Checkpoint", "Delta", "Entry", "open_checkpoint"]
