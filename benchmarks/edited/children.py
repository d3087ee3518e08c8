"""All children of a zoo's roots that benchmarks/edits.py asks about, made once."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from edited import edits, trained
from edited.weights import Weights

ROOTS = {
    "calibration": (
        "llama-small",
        "llama-medium",
        "gpt2-medium",
        "phi3-medium",
        "deep-llama-tied-d48x12",
        "wide-llama-d256x2",
        "llama-tied-d128",
        "chars-llama-d96x6",
    ),
    "test": (
        "mistral-small",
        "mistral-medium",
        "olmo2-medium",
        "neox-medium",
        "llama-160-d160",
        "wide-mistral-d320x2",
        "deep-mistral-d64x16",
    ),
}
# Of which nothing is trained here: the zoo has trained children of them.
UNTRAINED = frozenset(ROOTS["test"][2:])
ROUNDED = frozenset({"few values in bfloat16", "as stated", "fewer bits than stated"})
ORDINARY = frozenset({"fine-tuned", "LoRA merged", "pruned or noise", *ROUNDED})
ZOO = {  # what the zoo has beside
    "fine-tune": "fine-tuned",
    "fine-tune-b": "fine-tuned",
    "fine-tune-c": "fine-tuned",
    "continued": "fine-tuned",
    "merge-mean": "fine-tuned",
    "merge-ties": "fine-tuned",
    "lora-a": "LoRA merged",
    "lora-b": "LoRA merged",
    "low-rank-4": "LoRA merged",
    "low-rank-16": "LoRA merged",
    "int3": "few values in bfloat16",
    "gptq": "few values in bfloat16",
    "pruned-30": "pruned or noise",
    "pruned-70": "pruned or noise",
}


@dataclass(frozen=True)
class Child:
    """A child, how it was made, and of which kind that is."""

    root: str
    name: str
    kind: str
    folder: Path

    @property
    def is_ordinary(self) -> bool:
        """Whether it was trained, merged or rounded as children mostly are, in all layers."""
        return self.kind in ORDINARY and not self.name.endswith(", one layer")


def children(zoo: Path, made: Path, roots: Sequence[str]) -> Iterator[Child]:
    """Make what is not there yet and yield every child."""
    for root in roots:
        parent, place = zoo / root / "root", made / root
        for kind, by_name in edits.kinds():
            for name, edit in by_name.items():
                folder = place / name.replace(" ", "-")
                if not folder.exists():
                    edited(parent, edit, seed_of(root, name), folder)
                yield Child(root, name, kind, folder)
        for kind, by_step in () if root in UNTRAINED else trained.kinds():
            for name, step in by_step.items():
                folder = place / name.replace(" ", "-")
                if not folder.exists():
                    trained.made_of(parent, step, seed_of(root, name), folder)
                yield Child(root, name, kind, folder)
        for name, kind in ZOO.items():
            if (zoo / root / name).exists():
                yield Child(root, f"zoo {name}", kind, zoo / root / name)


def seed_of(root: str, name: str) -> int:
    """A seed for each child."""
    return zlib.crc32(f"{root}/{name}".encode())


def edited(parent: Path, edit: edits.Edit, seed: int, folder: Path) -> None:
    """Edit a root's weights and save them."""
    weights = Weights.of(parent)
    with torch.no_grad():
        edit(weights, torch.Generator().manual_seed(seed))
    weights.save(folder)
