"""registry.architectures.ledger: every tensor of a source, in exactly one line."""

import csv
import gzip
from pathlib import Path

import pytest
import torch
from architectures import ARCHITECTURES
from checkpoints_made import write_folder

from registry.architectures.layout import layout_of
from registry.architectures.ledger import ledger
from registry.architectures.ledger_line import Fate
from registry.architectures.model_layout import model_layout
from registry.checkpoints import open_checkpoint
from registry.checkpoints.dtypes import F32
from registry.checkpoints.tensors import Entry

EXTRA = {
    "model.layers.0.mystery.weight": "unknown",
    "model.layers.0.mystery_row": "unknown",
    "model.layers.0.ff.output.weight": "unknown",
    "blocks.0.ff.output.weight": "unknown",
    "lm_head.weight": "head",
    "output.weight": "head",
    "model.layers.0.mlp.gate.weight": "router",
    "model.layers.0.self_attn.q_proj.bias": "bias",
    "model.layers.0.self_attn.sinks": "scale",
    "logit_scale": "scale",
    "model.vision_tower.patch.weight": "tower",
    "model.mtp.layers.0.eh_proj.weight": "draft",
    "model.layers.0.self_attn.rotary_emb.inv_freq": "buffer",
    "optimizer.state.0.exp_avg": "buffer",
}


def lines_by_name(names: dict[str, tuple[int, ...]]) -> dict[str, tuple[str, str]]:
    """Fate and group of tensors beside a layer's query."""
    shapes = {"model.layers.0.self_attn.q_proj.weight": (8, 8)} | names
    entries = [Entry(name, F32, shape, torch.empty) for name, shape in shapes.items()]
    found = {}
    for entry in entries:
        layout = model_layout(entries, {})
        [line] = ledger([entry], layout)
        found[entry.name] = (line.fate, line.group)
    return found


@pytest.mark.parametrize(("name", "group"), EXTRA.items(), ids=EXTRA)
def test_where_a_tensor_ends(name, group):
    """Counted by its group, ignored, or unknown where no rule knows it, an inner output included."""
    shape = (8,) if name.endswith(("row", "bias", "sinks", "freq", "avg", "scale")) else (8, 8)
    fate, its_group = lines_by_name({name: shape})[name]
    if group == "unknown":
        assert fate == Fate.UNKNOWN
    else:
        assert its_group == group
        assert fate == (Fate.IGNORED if group == "buffer" else Fate.COUNTED)


def test_a_mask_and_a_bias_of_one_name():
    """`attn.bias` of several dimensions is GPT-2's mask, a row of numbers is a bias."""
    assert lines_by_name({"h.0.attn.bias": (1, 1, 8, 8)})["h.0.attn.bias"] == ("ignored", "buffer")
    assert lines_by_name({"h.0.attn.bias": (8,)})["h.0.attn.bias"] == ("counted", "bias")


def test_a_tensor_without_values_is_ignored():
    """A dimension of 0 holds nothing to measure, whatever the name."""
    name = "model.layers.0.self_attn.q_proj.weight"
    assert lines_by_name({name: (0, 8)})[name][0] == "ignored"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_tensor_of_every_architecture_is_in_one_line(saved, name):
    """The lines add up to the tensors, elements and bytes of the source; none is unknown."""
    checkpoint = saved(name)[1]
    lines = ledger(checkpoint.entries, layout_of(checkpoint))
    entries = checkpoint.entries
    assert sum(line.tensors for line in lines) == len(entries)
    assert sum(line.parameters for line in lines) == sum(entry.count for entry in entries)
    assert sum(line.bytes for line in lines) == sum(entry.stored_bytes for entry in entries)
    assert [line for line in lines if line.fate == Fate.UNKNOWN] == []
    assert all(line.reason and line.names for line in lines)


def test_every_real_tensor_is_in_one_line(data: Path):
    """Of 1,247 real models each matrix is in one line, and no rule is missing."""
    by_model: dict[str, dict[str, tuple[int, int]]] = {}
    with gzip.open(data / "stats" / "real_tensor_stats.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            shape = (int(row["rows"]), int(row["cols"]))
            by_model.setdefault(row["model"], {})[row["tensor"]] = shape
    counted = 0
    for shapes in by_model.values():
        entries = [Entry(name, F32, shape, torch.empty) for name, shape in shapes.items()]
        lines = ledger(entries, model_layout(entries, {}))
        counted += sum(line.tensors for line in lines)
        assert not [line for line in lines if line.fate == Fate.UNKNOWN]
    assert counted == 124_286


def test_heads_that_are_joined_are_projections(tmp_path):
    """Each head's matrix is counted by itself, all as their projection."""
    names = {
        f"blocks.0.sa.heads.{head}.{part}.weight": torch.ones(4, 8)
        for head in range(2)
        for part in ("query", "key", "value")
    }
    checkpoint = open_checkpoint(write_folder(tmp_path, names))
    lines = ledger([e for e in checkpoint.entries if e.name in names], layout_of(checkpoint))
    counts = {line.group: line.tensors for line in lines if line.fate == Fate.PROJECTION}
    assert counts == {"query": 2, "key": 2, "value": 2}
