"""registry.architectures.layout: names and shapes become projections, element for element as the model computes."""

import csv
import gzip
from functools import cache
from pathlib import Path

import pytest
import torch
from architectures import ARCHITECTURES
from checkpoints_made import llama, write_folder
from modules import save

from registry.architectures.layout import layout_of
from registry.architectures.model_layout import model_layout
from registry.architectures.names import (
    Kind,
    Row,
    ignored,
    in_module,
    look_up,
    namings,
    parse,
    recognise,
    rows,
    table,
    tower_of,
)
from registry.checkpoints import Checkpoint, open_checkpoint
from registry.errors import CannotSplit, NotAMatrix, QuantisedWeights


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    """Any architecture, built with one seed and saved the way it usually is."""

    @cache
    def build(name: str) -> tuple[torch.nn.Module, Checkpoint]:
        folder = tmp_path_factory.mktemp("model")
        return save(ARCHITECTURES[name], folder), open_checkpoint(folder)

    return build


def cut(checkpoint: Checkpoint) -> dict[tuple[int, str, int | None], torch.Tensor]:
    layout = layout_of(checkpoint)
    return {
        (site.layer, projection, expert): matrix
        for site in layout.projections
        for projection, expert, matrix in zip(
            site.parts, site.experts, site.cut(site.entry.load()), strict=True
        )
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_projections_are_the_modules_weights(saved, name):
    """Split, transposed and de-interleaved, every projection equals its module's weight; nothing else is unknown."""
    model, checkpoint = saved(name)
    expected = ARCHITECTURES[name].projections(model)
    found = cut(checkpoint)
    assert set(found) == set(expected)
    assert [key for key in expected if not torch.equal(found[key], expected[key])] == []
    assert [entry.name for entry in layout_of(checkpoint).unknown] == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_shapes_are_those_of_the_cuts(saved, name):
    """What is said of a tensor's projections from its header is what cutting the tensor gives."""
    checkpoint = saved(name)[1]
    for site in layout_of(checkpoint).projections:
        assert site.shapes == tuple(tuple(part.shape) for part in site.cut(site.entry.load()))


@pytest.mark.parametrize("prefix", ["", "model.", "module.model.", "_orig_mod.transformer."])
def test_prefixes_do_not_matter(tmp_path, prefix):
    """Wrappers put words before a name."""
    state = {prefix + name.removeprefix("model."): tensor for name, tensor in llama().items()}
    assert len(cut(open_checkpoint(write_folder(tmp_path, state)))) == 14


def test_layer_numbers_are_those_of_the_names(tmp_path):
    """Layer 11 comes after layer 2, and keeps its number though others are missing."""
    state = {
        name.replace("layers.1.", "layers.11."): tensor for name, tensor in llama(layers=3).items()
    }
    layout = model_layout(open_checkpoint(write_folder(tmp_path, state)).entries, {})
    assert [site.layer for site in layout.projections] == [0] * 7 + [2] * 7 + [11] * 7


def test_two_stacks_are_counted_through(tmp_path):
    """An encoder's layers come before its decoder's; none hides the other."""
    stacks = {
        f"{stack}.{name}": t for stack in ("decoder", "encoder") for name, t in llama().items()
    }
    layout = model_layout(open_checkpoint(write_folder(tmp_path, stacks)).entries, {})
    assert {site.layer for site in layout.projections} == {0, 1, 2, 3}
    assert {site.layer for site in layout.projections if site.entry.name.startswith("encoder")} == {
        2,
        3,
    }


def test_unknown_matrices_are_shown(tmp_path):
    """A matrix without a rule is reported; vectors and embeddings are not."""
    state = llama() | {
        "model.layers.0.mystery.weight": torch.ones(4, 4),
        "model.layers.0.mystery.bias": torch.ones(4),
    }
    layout = model_layout(open_checkpoint(write_folder(tmp_path, state)).entries, {})
    assert [entry.name for entry in layout.unknown] == ["model.layers.0.mystery.weight"]


def neox(rows_: int = 96) -> dict[str, torch.Tensor]:
    return {"gpt_neox.layers.0.attention.query_key_value.weight": torch.randn(rows_, 32)}


@pytest.mark.parametrize(
    ("state", "config", "message"),
    [
        (neox(), {}, "num_attention_heads is missing"),
        (neox(), {"num_attention_heads": 5}, "num_attention_heads is 5"),
        (neox(), {"num_attention_heads": "4"}, "num_attention_heads is '4'"),
        (neox(), {"num_attention_heads": 0}, "num_attention_heads is 0"),
        (
            {"layers.0.self_attn.qkv_proj.weight": torch.randn(64, 32)},
            {},
            "query, key, value .its rows do not add up",
        ),
        (
            {"layers.0.mlp.gate_up_proj.weight": torch.randn(7, 32)},
            {},
            "gate, up .its rows do not add up",
        ),
        (
            {
                "layers.0.self_attn.qkv_proj.weight": torch.randn(32, 32),
                "layers.0.self_attn.o_proj.weight": torch.randn(32, 32),
            },
            {},
            "do not add up",
        ),
    ],
    ids=[
        "no config",
        "wrong heads",
        "text",
        "zero",
        "no output projection",
        "odd rows",
        "no rows left",
    ],
)
def test_what_cannot_be_split(tmp_path, state, config, message):
    """A fused tensor that does not fit is an error that names it."""
    checkpoint = open_checkpoint(write_folder(tmp_path, state, config))
    with pytest.raises(CannotSplit, match=message):
        layout_of(checkpoint)


def test_grouped_queries_need_no_config(tmp_path):
    """The output projection's width tells how many rows belong to the query."""
    state = {
        "layers.0.self_attn.qkv_proj.weight": torch.randn(48 + 2 * 16, 32),
        "layers.0.self_attn.o_proj.weight": torch.randn(32, 48),
    }
    found = cut(open_checkpoint(write_folder(tmp_path, state)))
    assert [tuple(found[0, p, None].shape) for p in ("query", "key", "value")] == [
        (48, 32),
        (16, 32),
        (16, 32),
    ]


def test_projections_must_be_floating_matrices(tmp_path):
    """Quantised and one-dimensional projections are refused by name."""
    name = "layers.0.self_attn.q_proj.weight"
    with pytest.raises(QuantisedWeights, match=r"q_proj\.weight' is stored quantised \(int8\)"):
        model_layout(
            open_checkpoint(
                write_folder(tmp_path / "a", {name: torch.ones(4, 4, dtype=torch.int8)})
            ).entries,
            {},
        )
    with pytest.raises(NotAMatrix, match=r"shape \[16\]"):
        model_layout(
            open_checkpoint(write_folder(tmp_path / "b", {name: torch.ones(16)})).entries, {}
        )


def test_no_name_stands_in_two_rows():
    """Of the rows of one form only stated numbers and markers tell one from the other; no row is ignored as well."""
    keys = [(row.form, row.stated, row.marker) for row in rows()]
    assert len(set(keys)) == len(keys)
    for row in rows():
        assert row.form not in ignored("matrices") | ignored("buffers") or row.marker
        assert not in_module(row.form)
        assert tower_of(row.form) is None


def test_real_names(data: Path):
    """In other people's checkpoints every matrix is a projection or ignored on purpose."""
    for folder in sorted(data.glob("checkpoints/*")):
        checkpoint = open_checkpoint(folder)
        layout = layout_of(checkpoint)
        assert layout.projections
        assert layout.unknown == ()


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


def test_a_vision_tower_is_reported(saved):
    """Beside a language model a tower is named and left out; alone it is the model."""
    layout = model_layout(saved("LLaVA")[1].entries, {})
    assert [name.removeprefix("model.") for name in layout.towers] == [
        "multi_modal_projector",
        "vision_tower",
    ]
    assert any("vision_tower" in entry.name for entry in layout.others)
    tower_ = [entry for entry in saved("LLaVA")[1].entries if "vision_tower" in entry.name]
    alone = model_layout(tower_, {})
    assert alone.towers == ()
    assert len(alone.projections) == 12


def test_orientation_of_experts_is_told_by_their_shapes(tmp_path):
    """Experts stored inputs x outputs are turned, even where down is square."""
    state = {"layers.0.mlp.experts.gate_up_proj": torch.randn(3, 16, 32),
             "layers.0.mlp.experts.down_proj": torch.randn(3, 16, 16)}  # fmt: skip
    found = cut(open_checkpoint(write_folder(tmp_path, state)))
    assert torch.equal(found[0, "up", 2], state["layers.0.mlp.experts.gate_up_proj"][2].T[16:])
    assert torch.equal(found[0, "down", 1], state["layers.0.mlp.experts.down_proj"][1].T)


def test_experts_must_be_a_stack(tmp_path):
    """One matrix, no expert or more than any model has is refused by name."""
    name = "layers.0.mlp.experts.down_proj"
    for i, shape in enumerate([(4, 4), (0, 4, 4), (1 << 20, 1, 1), (1 << 40, 0, 0)]):
        folder = write_folder(tmp_path / str(i), {name: torch.ones(shape)})
        with pytest.raises(NotAMatrix, match="experts.down_proj"):
            model_layout(open_checkpoint(folder).entries, {})


def test_heads_of_one_projection_must_fit_each_other(tmp_path):
    """Heads of several shapes make no matrix."""
    state = {f"blocks.0.sa.heads.{i}.key.weight": torch.ones(4, 8 + i) for i in range(2)}
    with pytest.raises(NotAMatrix, match=r"heads\.1\.key"):
        model_layout(open_checkpoint(write_folder(tmp_path, state)).entries, {})


@pytest.mark.parametrize(
    "config", [{"text_config": {"num_attention_heads": 4}, "num_attention_heads": 7}]
)
def test_head_counts_of_nested_configs(tmp_path, config):
    """A language model inside a larger one has its own number of heads."""
    layout = model_layout(open_checkpoint(write_folder(tmp_path, neox(), config)).entries, config)
    assert layout.projections[0].groups == 4


def test_every_real_name_is_known_once(data: Path):
    """Of 1,247 real models every matrix is in one row, or ignored on purpose; none is in both."""
    names = {name for own in real_names(data).values() for name in own}
    for name in names:
        unmarked = [row for row in matches(name) if row.marker is None]
        kind = recognise(name).kind
        assert len(unmarked) <= 1, name
        assert kind is not Kind.UNKNOWN, name
        assert (kind is Kind.PROJECTION) == bool(unmarked), name


def test_no_row_is_dead(saved, data: Path):
    """Every row and naming is met in a model of transformers, of the hub or of somebody's."""
    names = {name for own in real_names(data).values() for name in own}
    for name in ARCHITECTURES:
        names |= {entry.name for entry in saved(name)[1].entries}
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


def test_every_architecture_is_covered_or_left_out():
    """No causal, masked or sequence-to-sequence model type of transformers is forgotten; none stands in both lists."""
    from transformers.models.auto import modeling_auto as auto

    types = {
        *auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    }
    covered = [name for content in namings().values() for name in content["covers"]]
    left_out = [name for names in table()["left_out"].values() for name in names]
    assert types - set(covered) - set(left_out) == set()
    assert len(set(covered + left_out)) == len(covered + left_out)
