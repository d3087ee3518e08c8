"""registry.projections: names and shapes become projections, element for element what the model computes with."""

from pathlib import Path

import pytest
import torch
from architectures import ARCHITECTURES
from checkpoints_made import llama, write_folder

from registry.checkpoints import Checkpoint, open_checkpoint
from registry.errors import CannotSplit, NotAMatrix, QuantisedWeights
from registry.names import ignored, in_module, rows, tower
from registry.projections import classify


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    """Every architecture, built with one seed and saved the way it usually is."""
    found = {}
    for name, architecture in ARCHITECTURES.items():
        torch.manual_seed(7)
        model, folder = architecture.build(), tmp_path_factory.mktemp("model")
        if hasattr(model, "save_pretrained"):
            model.save_pretrained(folder)
        else:
            torch.save({"model": model.state_dict()}, folder / "model.pt")
        found[name] = model, folder
    return found


def cut(checkpoint: Checkpoint) -> dict[tuple[int, str], torch.Tensor]:
    layout = classify(checkpoint.entries, checkpoint.config)
    return {
        (site.layer, projection): matrix
        for site in layout.sites
        for projection, matrix in zip(site.parts, site.cut(site.entry.load()), strict=True)
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_projections_are_the_modules_weights(saved, name):
    """Split, transposed and de-interleaved, every projection equals its module's weight; nothing else is unknown."""
    model, folder = saved[name]
    checkpoint = open_checkpoint(folder)
    expected = ARCHITECTURES[name].projections(model)
    found = cut(checkpoint)
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert classify(checkpoint.entries, checkpoint.config).unknown == ()


@pytest.mark.parametrize("prefix", ["", "model.", "module.model.", "_orig_mod.transformer."])
def test_prefixes_do_not_matter(tmp_path, prefix):
    """Wrappers put words before a name."""
    state = {prefix + name.removeprefix("model."): tensor for name, tensor in llama().items()}
    assert len(cut(open_checkpoint(write_folder(tmp_path, state)))) == 14


def test_layer_numbers_are_those_of_the_names(tmp_path):
    """Layer 11 comes after layer 2, and keeps its number though others are missing."""
    state = {name.replace("layers.1.", "layers.11."): tensor for name, tensor in llama(layers=3).items()}
    layout = classify(open_checkpoint(write_folder(tmp_path, state)).entries, {})
    assert [site.layer for site in layout.sites] == [0] * 7 + [2] * 7 + [11] * 7


def test_two_stacks_are_counted_through(tmp_path):
    """An encoder's layers come before its decoder's; none hides the other."""
    stacks = {f"{stack}.{name}": t for stack in ("decoder", "encoder") for name, t in llama().items()}
    layout = classify(open_checkpoint(write_folder(tmp_path, stacks)).entries, {})
    assert {site.layer for site in layout.sites} == {0, 1, 2, 3}
    assert {site.layer for site in layout.sites if site.entry.name.startswith("encoder")} == {2, 3}


def test_unknown_matrices_are_shown(tmp_path):
    """A matrix without a rule is reported; vectors and embeddings are not."""
    state = llama() | {
        "model.layers.0.mystery.weight": torch.ones(4, 4),
        "model.layers.0.mystery.bias": torch.ones(4),
    }
    layout = classify(open_checkpoint(write_folder(tmp_path, state)).entries, {})
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
        ({"layers.0.mlp.gate_up_proj.weight": torch.randn(7, 32)}, {}, "gate, up .its rows do not add up"),
        (
            {
                "layers.0.self_attn.qkv_proj.weight": torch.randn(32, 32),
                "layers.0.self_attn.o_proj.weight": torch.randn(32, 32),
            },
            {},
            "do not add up",
        ),
    ],
    ids=["no config", "wrong heads", "text", "zero", "no output projection", "odd rows", "no rows left"],
)
def test_what_cannot_be_split(tmp_path, state, config, message):
    """A fused tensor that does not fit is an error that names it."""
    checkpoint = open_checkpoint(write_folder(tmp_path, state, config))
    with pytest.raises(CannotSplit, match=message):
        classify(checkpoint.entries, checkpoint.config)


def test_grouped_queries_need_no_config(tmp_path):
    """The output projection's width tells how many rows belong to the query."""
    state = {
        "layers.0.self_attn.qkv_proj.weight": torch.randn(48 + 2 * 16, 32),
        "layers.0.self_attn.o_proj.weight": torch.randn(32, 48),
    }
    found = cut(open_checkpoint(write_folder(tmp_path, state)))
    assert [tuple(found[0, p].shape) for p in ("query", "key", "value")] == [(48, 32), (16, 32), (16, 32)]


def test_projections_must_be_floating_matrices(tmp_path):
    """Quantised and one-dimensional projections are refused by name."""
    name = "layers.0.self_attn.q_proj.weight"
    with pytest.raises(QuantisedWeights, match=r"q_proj\.weight' is stored quantised \(int8\)"):
        classify(
            open_checkpoint(write_folder(tmp_path / "a", {name: torch.ones(4, 4, dtype=torch.int8)})).entries,
            {},
        )
    with pytest.raises(NotAMatrix, match=r"shape \[16\]"):
        classify(open_checkpoint(write_folder(tmp_path / "b", {name: torch.ones(16)})).entries, {})


def test_no_name_stands_in_two_rows():
    """Of the rows of one form only stated numbers and markers tell one from the other; no row is ignored as well."""
    keys = [(row.form, row.stated, row.marker) for row in rows()]
    assert len(set(keys)) == len(keys)
    for row in rows():
        assert row.form not in ignored("matrices") | ignored("buffers") or row.marker
        assert not in_module(row.form)
        assert tower(row.form) is None


def test_real_names(data: Path):
    """In other people's checkpoints every matrix is a projection or ignored on purpose."""
    for folder in sorted(data.glob("checkpoints/*")):
        checkpoint = open_checkpoint(folder)
        layout = classify(checkpoint.entries, checkpoint.config)
        assert layout.sites
        assert layout.unknown == ()
