"""registry.architectures.residual_stream: where the stream stands in a checkpoint."""

import numpy as np
import pytest
import torch
from checkpoints_made import llama, write_folder

from registry.architectures.layout import layout_of
from registry.architectures.residual_stream import (
    ResidualStream,
    layer_prefix,
    read_residual_stream,
    scheme_of,
    table,
    token_axes,
)
from registry.checkpoints import open_checkpoint


def stream_of(folder, tensors):
    """The stream of a checkpoint with these tensors."""
    return read_residual_stream(layout_of(open_checkpoint(write_folder(folder, tensors))))


def test_a_llamas_stream(tmp_path):
    """Width, vocabulary and the gains on the inward side of both branches are found by name."""
    tensors = llama(layers=2)
    gain = torch.randn(16)
    tensors["model.layers.1.input_layernorm.weight"] = gain
    stream = stream_of(tmp_path, tensors)
    vocabulary, width = tensors["model.embed_tokens.weight"].shape
    assert (stream.width, stream.vocabulary) == (width, vocabulary)
    assert (stream.gain(1, "attention_in") == gain.numpy()).all()
    assert stream.gain(1, "attention_out") is None


def test_an_embedding_of_another_width_does_not_count(tmp_path):
    """Without an embedding as wide as the stream there are no token axes."""
    tensors = llama() | {"model.embed_tokens.weight": torch.randn(32, 5)}
    stream = stream_of(tmp_path, tensors)
    assert (stream.tokens, stream.vocabulary) == (None, None)


def test_gains_that_do_not_fit_the_stream_are_left_out():
    """A norm of another width, such as one on heads, scales no branch."""
    stream = ResidualStream(4, gains={(0, "mlp_in"): np.ones(3)})
    assert stream.gain(0, "mlp_in") is None
    assert stream.gain(1, "mlp_in") is None


def test_token_axes_are_orthonormal():
    """The rows span the centred embeddings, and their singular values are one or left out."""
    axes = token_axes(np.random.default_rng(0).standard_normal((5, 8)))
    values = np.linalg.svd(axes, compute_uv=False)
    assert values[:4] == pytest.approx(np.ones(4), abs=1e-5)
    assert values[4] < 1e-5


def test_rotating_the_stream_rotates_the_axes():
    """With embeddings E Q the axes are those of E, times Q."""
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((5, 8))
    rotation = np.linalg.qr(draw.standard_normal((8, 8))).Q
    expected = token_axes(rows) @ rotation
    assert token_axes(rows @ rotation) == pytest.approx(expected, abs=1e-5)


def test_equal_embeddings_have_no_axes():
    """What does not differ fixes no direction."""
    assert token_axes(np.ones((4, 6))) is None


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("model.layers.3.mlp.up_proj.weight", "model.layers.3"),
        ("h.0.ln_1.weight", "h.0"),
        ("model.norm.weight", ""),
    ],
)
def test_layer_prefixes(name, prefix):
    """A layer's tensors begin alike, up to its number."""
    assert layer_prefix(name) == prefix


def test_the_last_scheme_needs_no_marker():
    """Every set of names has a scheme of norms; a marker chooses an earlier one."""
    assert scheme_of(set()) is table()["schemes"][-1]
    for scheme in table()["schemes"][:-1]:
        assert scheme_of({scheme["marker"]})["marker"] == scheme["marker"]


@pytest.mark.parametrize("scheme", table()["schemes"], ids=lambda scheme: scheme["models"])
def test_a_scheme_is_known_by_its_marker(scheme):
    """A checkpoint that has a scheme's norms, and no other's marker, has them where the scheme says."""
    sides = ("attention_in", "attention_out", "mlp_in", "mlp_out")
    names = {name for side in sides for name in scheme.get(side, ())} | {scheme.get("marker", "")}
    found = scheme_of(
        names
        - {
            other["marker"]
            for other in table()["schemes"]
            if other is not scheme and "marker" in other
        }
    )
    assert {side: found.get(side) for side in sides} == {side: scheme.get(side) for side in sides}
