"""Models whose names, paths, tensors, configs and cards hold what acts on terminals."""

import json
from pathlib import Path

import torch
from checkpoints_made import llama, write_raw
from places import execute
from safetensors.torch import save

ACTING = "\x1b]0;t\a\x1b[2J\x7f\x9b31m\n\r\u202e\u2028\u200b\U000e0041[red][link=x]<b>&$\\frac"
"""A title for the window, a bell, a cleared screen, lines, an override, and markup of three kinds."""
BASE = "base\x1b[2J\a\u202e\u2028"
"""The like, which is no path and no label of one."""
HIDDEN = frozenset(letter for letter in ACTING if not letter.isprintable())


def hostile_tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    """A llama's tensors, and some that are of no layer."""
    tensors = llama(seed, layers=4)
    return tensors | {ACTING: torch.ones(3), f"x.{ACTING}.weight": torch.randn(4, 4)}


def write_hostile(folder: Path, seed: int = 0, base: str = BASE) -> Path:
    """A whole model; the path's last part is what it is called."""
    place = folder / f"m{seed}{ACTING.replace('/', '')}"
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(save(hostile_tensors(seed)))
    config = {"architectures": [ACTING], "model_type": ACTING, "_name_or_path": base}
    (place / "config.json").write_text(json.dumps(config))
    card = {"base_model": BASE, "license": ACTING}
    (place / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n", "utf-8")
    return place


def write_hostile_adapter(folder: Path, kind: str = "LORA") -> Path:
    """An adapter of two factors on a llama."""
    place = folder / f"a{ACTING}"
    place.mkdir(parents=True)
    factors = {}
    for layer in range(4):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{{}}.weight"
        factors[name.format("A")] = torch.randn(2, 16)
        factors[name.format("B")] = torch.randn(16, 2)
    factors[f"base_model.model.{ACTING}"] = torch.ones(2, 2)
    (place / "adapter_model.safetensors").write_bytes(save(factors))
    config = {"peft_type": kind, "r": 2, "lora_alpha": 2, "base_model_name_or_path": BASE}
    (place / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["q_proj"]}))
    return place


def write_broken(folder: Path) -> Path:
    """A file whose header names a tensor beyond its end."""
    entry = {"dtype": ACTING, "shape": [2], "data_offsets": [0, 8]}
    return write_raw(folder / f"b{ACTING}" / "model.safetensors", {ACTING: entry})


def rename(url: str, name: str, new: str) -> None:
    """Give a registered model, and its family, a name as an older registry stored them."""
    written = new.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\r", "\\r")
    execute(
        url,
        f"UPDATE registry_tables.models SET name = E'{written}', revision = E'{written}' WHERE name = '{name}'",
    )
    execute(url, f"UPDATE registry_tables.families SET name = E'{written}' WHERE name = '{name}'")
