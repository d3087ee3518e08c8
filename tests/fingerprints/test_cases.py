"""Inputs that people reported trouble with: layers, cuts and towers, made by generators beside the data.

Each generator's head says what is right.
"""

import pytest

import registry
from registry.errors import BrokenQuantisation, NoProjections, NoTensors

STD = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07)
LAYERS = {
    "decilm_nas": 4,
    "eagle1": 1,
    "experts_uneven": 3,
    "fp8_odd_scales": 3,
    "gptfast_wqkv": 3,
    "litgpt": 3,
    "llada": 3,
    "omni_thinker_talker": 3,
    **{f"config_troubles/{name}": 3 for name in ("arch_null", "bom", "dup", "nan", "odd", "utf16")},
}
REFUSED = {
    "eagle_draft": (NoProjections, "midlayer"),
    "gguf_vocab_only/ggml-vocab-x.gguf": (NoTensors, "holds no tensors"),
}


@pytest.mark.parametrize(("name", "layers"), LAYERS.items(), ids=LAYERS)
def test_no_projection_is_misread(case, name, layers):
    """Each has another standard deviation."""
    fingerprint = registry.fingerprint(case(name), rank=16)
    assert fingerprint.layers == layers
    assert fingerprint.std == pytest.approx(STD, rel=0.04)


@pytest.mark.parametrize(("name", "refused"), REFUSED.items(), ids=REFUSED)
def test_what_is_no_language_model_is_refused(case, name, refused):
    """One sentence names a tensor, or that there is none."""
    error, words = refused
    with pytest.raises(error, match=words):
        registry.fingerprint(case(name))


def test_a_scale_for_each_part_is_refused(case):
    """It covers no block of the fused matrix."""
    with pytest.raises(BrokenQuantisation, match="does not cover"):
        registry.fingerprint(case("fp8_fused_three_scales"))
