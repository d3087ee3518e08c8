"""What training libraries wrap a model in: longer names, or tensors without their data."""

import re
from collections.abc import Sequence
from dataclasses import replace

from registry.checkpoints.tensors import Entry
from registry.errors import FormatNotRead

# What compiling, checkpointing and sharding a module put before the names of what is in it.
WRAPPER = re.compile(
    r"(?:(?<=\.)|^)(?:_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\."
)
FLAT = re.compile(r"(^|\.)_?flat_param(_\d+)?$")


def unwrapped(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries under the names that they have without wrappers around their modules."""
    names = [WRAPPER.sub("", entry.name) for entry in entries]
    if len(set(names)) < len(names):  # a copy with wrappers and one without
        return list(entries)
    pairs = zip(entries, names, strict=True)
    return [entry if entry.name == name else replace(entry, name=name) for entry, name in pairs]


def check_whole(entries: Sequence[Entry], source: str) -> None:
    """Check that the tensors hold their own data.

    Raises:
        FormatNotRead: Where they are flat vectors of several, or placeholders.
    """
    for entry in entries:
        if FLAT.search(entry.name):
            raise FormatNotRead(
                path=source,
                format="FSDP's local state, flat vectors that do not say what is in them",
                remedy="save it again with a full state dict, as safetensors",
            )
        if entry.shape == (0,) and entry.name.endswith(".weight"):
            raise FormatNotRead(
                path=source,
                format=f"a checkpoint of empty placeholders ({entry.name!r} is one), as ZeRO-3"
                " leaves them where it does not gather the weights",
                remedy="gather them (DeepSpeed's zero_to_fp32.py does) and give what that writes",
            )
