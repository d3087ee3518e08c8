"""registry.architectures.names: what a tensor is by its name."""

import csv
import gzip
from pathlib import Path

import pytest
from architectures import ARCHITECTURES

from registry.architectures.name_table import Row, ignored, namings, rows
from registry.architectures.names import (
    Kind,
    look_up,
    marked_namings,
    parse,
    recognise,
)

LAYER = "model.layers.3"
KINDS = {
    f"{LAYER}.self_attn.q_proj.weight": Kind.PROJECTION,
    f"{LAYER}.mystery.weight": Kind.UNKNOWN,
    f"{LAYER}.self_attn.rotary_emb.inv_freq": Kind.BUFFER,
    "model.embed_tokens.weight": Kind.MATRIX,
    "vision_tower.mystery.weight": Kind.TOWER,
    f"vision_tower.{LAYER}.self_attn.q_proj.weight": Kind.PROJECTION,
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items(), ids=KINDS)
def test_kinds(name, kind):
    """Each kind of tensor is recognised by its name alone."""
    assert recognise(name).kind is kind


def test_modules_that_are_ignored():
    """Whatever lies in an ignored module is no projection."""
    module = min(ignored("modules"))
    recognition = recognise(f"{module}.{LAYER}.self_attn.q_proj.weight")
    assert (recognition.kind, recognition.match) == (Kind.MODULE, None)


def test_a_match_has_the_numbers_of_its_name():
    """Stack, layer and expert are those that stand in the name."""
    match = recognise("decoder.layers.11.mlp.experts.7.up_proj.weight").match
    assert match
    assert (match.place.stack, match.place.layer, match.expert) == ("decoder", 11, 7)
    assert match.row.parts == ("up",)


def test_towers_are_named_with_their_path():
    """The tower's path is told of whatever lies in it, and of nothing else."""
    inside = recognise(f"model.vision_tower.{LAYER}.self_attn.q_proj.weight")
    assert inside.tower == "model.vision_tower"
    assert recognise(f"{LAYER}.self_attn.q_proj.weight").tower is None


def test_a_naming_with_a_marker_needs_it():
    """Rows of a naming with a marker count only where the checkpoint has the marker."""
    row = next(row for row in rows() if row.marker)
    marker = row.marker.replace("{layer}", "0")
    name = row.name.replace("{layer}", "0").replace("{expert}", "0").replace("{head}", "0")
    marked = marked_namings([f"model.{marker}", name])
    assert row.naming in marked
    assert recognise(name, marked).match.row == row
    without = recognise(name).match
    assert without is None or without.row.naming != row.naming


def real_names(data: Path) -> dict[str, set[str]]:
    """The names of the matrices of other people's models, by model."""
    found: dict[str, set[str]] = {}
    with gzip.open(data / "stats" / "real_tensor_stats.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["model"], set()).add(row["tensor"])
    return found


def matches(name: str) -> list[Row]:
    """Every row that could be meant by a name, the shorter ones too."""
    parsed = parse(name)
    return [
        row
        for row in look_up(parsed.form).rows
        if all(parsed.numbers[place] == number for place, number in row.stated)
    ]


def test_every_real_name_is_known_once(data: Path):
    """Of 1,247 real models every matrix is in one row, or ignored on purpose; none is in both."""
    names = {name for own in real_names(data).values() for name in own}
    for name in names:
        unmarked = [row for row in matches(name) if row.marker is None]
        kind = recognise(name).kind
        assert len(unmarked) <= 1, name
        assert kind is not Kind.UNKNOWN, name
        assert (kind is Kind.PROJECTION) == bool(unmarked), name


LENS = ("attn.W_Q", "attn.W_K", "attn.W_V", "attn._W_K", "attn._W_V", "attn.W_O", "mlp.W_gate")
WITHOUT_A_MODEL = [f"blocks.0.{name}" for name in (*LENS, "mlp.W_in", "mlp.W_out")]
"""Names that TransformerLens saves; test_stored_heads.py cuts them."""


def test_no_row_is_dead(saved, data: Path):
    """Every row and naming is met in a model of transformers, of the hub or of somebody's."""
    names = {name for own in real_names(data).values() for name in own}
    for name in ARCHITECTURES:
        names |= {entry.name for entry in saved(name)[1].entries}
    names |= set(WITHOUT_A_MODEL)
    everything = frozenset(namings())
    met = set()
    for name in names:
        for marked in (everything, frozenset()):
            match = recognise(name, marked).match
            if match:
                met.add((match.row.naming, match.row.name))
    # gguf's are names of a format, not of a model: test_gguf_names.py
    own = {(row.naming, row.name) for row in rows() if row.naming != "gguf"}
    assert own - met == set()
