"""registry.lineage: what is said of two models, whatever was done to one of them."""

import models_made as made
import numpy as np
import pytest
import torch
from checkpoints_made import write_folder

import registry
from registry.lineage.comparison import Comparison
from registry.lineage.features import Traits
from registry.lineage.layer_alignment import align
from registry.lineage.merge_shares import mixture
from registry.lineage.verdict import Candidates, judge


@pytest.fixture(scope="module")
def fingerprinted(tmp_path_factory):
    """Fingerprints of made-up models, each made once."""
    known = {}

    def of(name, tensors, config=None):
        if name not in known:
            folder = write_folder(
                tmp_path_factory.mktemp("m") / "m",
                {n: t.to(torch.bfloat16) for n, t in tensors.items()},
                config,
            )
            known[name] = registry.fingerprint(folder, rank=16)
        return known[name]

    return of


ROOT = made.grown()
HIDDEN_AXES = {
    "neurons permuted": made.neurons_permuted,
    "heads permuted": made.heads_permuted,
    "rescaled": made.rescaled,
    "signs flipped": made.signs_flipped,
    "norms folded": made.norms_folded,
}
STREAM_AXES = {"turned": made.turned, "stream permuted": made.stream_permuted}


def similarity(a, b, kind):
    return align(Traits(a).sketches, Traits(b).sketches, kind).similarity


@pytest.mark.parametrize("name", HIDDEN_AXES)
def test_hidden_axes_change_no_sketch(fingerprinted, name):
    """Whatever is done between the two matrices of a branch, the branch does the same."""
    root, child = fingerprinted("root", ROOT), fingerprinted(name, HIDDEN_AXES[name](ROOT))
    for kind in ("stream", "token"):
        assert similarity(child, root, kind) > 0.999


@pytest.mark.parametrize("name", STREAM_AXES)
def test_the_tokens_axes_turn_along(fingerprinted, name):
    """In the stream's own axes nothing is left, in those of the tokens everything."""
    root, child = fingerprinted("root", ROOT), fingerprinted(name, STREAM_AXES[name](ROOT))
    assert similarity(child, root, "token") > 0.999
    assert similarity(child, root, "stream") < 0.3


def test_another_seed_is_a_stranger(fingerprinted):
    """Two independent models of one shape agree no more than chance."""
    found = Comparison.of(fingerprinted("twin", made.grown(1)), fingerprinted("root", ROOT))
    assert max(found.numbers["stream"], found.numbers["token"]) < 5
    assert judge(found, "root", None).verdict in ("same family", "unknown")


@pytest.mark.parametrize(
    ("name", "tensors", "verdict", "how"),
    [
        ("fine-tuned", made.tuned(ROOT), "derived", ["fine-tuned: the weights moved by 10"]),
        (
            "continued",
            made.tuned(ROOT, 0.6),
            "derived",
            ["continued training, or merged: the weights moved by"],
        ),
        ("lora 4", made.adapted(ROOT, 4), "derived", ["LoRA-like: the change has rank 4"]),
        ("lora 8", made.adapted(ROOT, 8), "derived", ["LoRA-like: the change has rank 8"]),
        ("pruned", made.pruned(ROOT, 0.5), "derived", ["pruned: 50% of the weights became zero"]),
        ("8 bits", made.quantised(ROOT, 8), "quantised copy", ["quantised to about 8 bits"]),
        ("4 bits", made.quantised(ROOT, 4), "quantised copy", ["quantised to about 4 bits"]),
        ("dropped", made.layers_taken(ROOT, [0, 1, 3]), "derived", ["layers removed: 2"]),
        (
            "stacked",
            made.layers_taken(ROOT, [0, 1, 2, 1, 2, 3]),
            "derived",
            ["layers stacked: 1, 2 repeated"],
        ),
        ("turned", made.turned(ROOT), "derived", ["re-parameterised to hide: the residual stream"]),
        (
            "neurons permuted",
            made.neurons_permuted(ROOT),
            "derived",
            ["re-parameterised to hide: neurons"],
        ),
        (
            "heads permuted",
            made.heads_permuted(ROOT),
            "derived",
            ["re-parameterised to hide: heads"],
        ),
        (
            "new vocabulary",
            made.vocabulary_anew(ROOT),
            "derived",
            ["vocabulary of 70 instead of 80 tokens"],
        ),
        ("same", ROOT, "same weights", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_done(fingerprinted, name, tensors, verdict, how):
    """Every change is named, with its size."""
    found = judge(
        Comparison.of(fingerprinted(name, tensors), fingerprinted("root", ROOT)),
        "root",
        None,
        Candidates(100),
    )
    assert found.verdict == verdict
    assert len(found.how) == len(how)
    assert all(phrase.startswith(start) for phrase, start in zip(found.how, how, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64], ids=str)
def test_a_cast_is_the_same_weights(tmp_path, dtype):
    """Also where rounding changed nearly every value."""
    wide = made.grown(3)
    one = registry.fingerprint(
        write_folder(tmp_path / "a", {n: t.to(dtype) for n, t in wide.items()}), rank=16
    )
    other = registry.fingerprint(
        write_folder(tmp_path / "b", {n: t.bfloat16() for n, t in wide.items()}), rank=16
    )
    assert judge(Comparison.of(other, one), "a", None).verdict == "same weights"


@pytest.mark.parametrize(
    "config",
    [{}, {"architectures": ["Other"], "num_attention_heads": 64, "model_type": "gemma"}],
    ids=str,
)
def test_a_config_proves_nothing(fingerprinted, config):
    """An empty or lying one changes no number of the verdict."""
    root = fingerprinted("root", ROOT)
    plain = Comparison.of(fingerprinted("fine-tuned", made.tuned(ROOT)), root)
    lying = Comparison.of(fingerprinted(f"lying {config}", made.tuned(ROOT), config), root)
    assert lying.numbers == plain.numbers


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 0, 3, 2]], ids=str)
def test_reordered_layers_cost_nothing(fingerprinted, order):
    """Layers are matched by what they do."""
    child = fingerprinted(str(order), made.layers_taken(ROOT, order))
    found = align(Traits(child).sketches, Traits(fingerprinted("root", ROOT)).sketches, "stream")
    assert found.pairs == tuple(enumerate(order))
    assert found.similarity > 0.999


def test_a_mixture_tells_its_shares(fingerprinted):
    """Least squares on sketches finds the weights of a merge."""
    one, other = made.tuned(ROOT, 0.2, 1), made.tuned(ROOT, 0.2, 2)
    mixed = fingerprinted("mixed", {name: 0.3 * one[name] + 0.7 * other[name] for name in one})
    first, second = (
        Comparison.of(mixed, fingerprinted(f"parent {i}", t)) for i, t in enumerate((one, other))
    )
    found = mixture(first, second)
    assert found.plain
    assert found.share == pytest.approx(0.3, abs=0.01)
    apart = mixture(
        Comparison.of(fingerprinted("fine-tuned", made.tuned(ROOT)), fingerprinted("root", ROOT)),
        second,
    )
    assert apart is None or not apart.plain


def test_scores_are_comparable(fingerprinted):
    """The more was changed the lower, and every child above a twin."""
    root = fingerprinted("root", ROOT)
    scores = [
        Comparison.of(fingerprinted(f"tuned {by}", made.tuned(ROOT, by)), root).score
        for by in (0.05, 0.5, 1.0)
    ]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > Comparison.of(fingerprinted("twin", made.grown(1)), root).score
    assert np.isfinite(scores).all()
