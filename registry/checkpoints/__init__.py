"""A source becomes an index of named tensors, each read only when it is asked for.

source        the way in: `open_checkpoint` finds the files of a folder or a hub model
source_names  what a text may name, told before anything is opened
contents      the index over all files; formats/ has a reader for each format
tensors       one entry of the index, and how it is read
quantised/    quantised tensors as plain ones; schemes.py is the table of what is read
peft/         adapters as LoRA deltas; methods.py is the table of formulas
hub/          files of hub models, read by range requests
model_card    config.json and the model card
claims        what these state of the model, which proves nothing
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.checkpoints.checkpoint import Checkpoint
    from registry.checkpoints.source import open_checkpoint
    from registry.checkpoints.tensors import Delta, Entry

__all__ = ["Checkpoint", "Delta", "Entry", "open_checkpoint"]

HOMES = {
    "Checkpoint": "registry.checkpoints.checkpoint",
    "Delta": "registry.checkpoints.tensors",
    "Entry": "registry.checkpoints.tensors",
    "open_checkpoint": "registry.checkpoints.source",
}


def __getattr__(name: str) -> Any:
    """Import on first use: who needs one small module of ours does not wait for all formats."""
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
