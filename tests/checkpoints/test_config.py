"""registry.checkpoints.peft.config: how an adapter's factors are scaled."""

import math

import pytest

from registry.checkpoints.peft.config import ADALORA_RANK, read_adapter_config
from registry.errors import BrokenAdapter

QUERY = "model.layers.0.self_attn.q_proj"
SCALINGS = {
    "alpha / r": ({"r": 4, "lora_alpha": 6}, "lora", 1.5),
    "defaults": ({}, "lora", 2.0),
    "no alpha": ({"lora_alpha": None}, "lora", 2.0),
    "LoHa's alpha": ({"alpha": 6}, "loha", 1.5),
    "rsLoRA": ({"lora_alpha": 6, "use_rslora": True}, "lora", 3.0),
    "AdaLoRA": ({"lora_alpha": 6}, "adalora", 6 / (4 + ADALORA_RANK)),
    "AdaLoRA without alpha": ({"lora_alpha": 0}, "adalora", 4 / (4 + ADALORA_RANK)),
    "of one module": ({"lora_alpha": 6, "alpha_pattern": {"q_proj": 2}}, "lora", 0.5),
    "of another module": ({"lora_alpha": 6, "alpha_pattern": {"k_proj": 2}}, "lora", 1.5),
    "zero is an alpha": ({"alpha_pattern": {"q_proj": 0}}, "lora", 0.0),
}


@pytest.mark.parametrize(("settings", "method", "scaling"), SCALINGS.values(), ids=SCALINGS)
def test_scalings(settings, method, scaling):
    """The product of factors of rank 4 is multiplied by what each method defines."""
    assert read_adapter_config(settings, "x").scaling(QUERY, 4, method) == scaling


def test_scalings_of_no_rank():
    """A rank of 0 is taken for 1, so that nothing is divided by it."""
    assert read_adapter_config({"lora_alpha": 6}, "x").scaling(QUERY, 0, "lora") == 6


RANKS = {
    "the ending": ({"q_proj": 2}, 2),
    "the first key that fits": ({"self_attn.q_proj": 3, "q_proj": 2}, 3),
    "the order in the file": ({"q_proj": 2, "self_attn.q_proj": 3}, 2),
    "a pattern": ({r"layers\.\d+\.self_attn\.q_proj": 5}, 5),
    "a pattern with groups": ({r"model\.layers\.([0-1])\.self_attn\.(q|k)_proj": 5}, 5),
    "a group of others": ({r"model\.layers\.([1-3])\.self_attn\.q_proj": 5}, 8),
    "a pattern that would take Python's matcher forever": ({r"(([a-z._]+)+)+[0-9]!": 5}, 8),
    "no end": ({"q_pro": 2}, 8),
    "none": ({}, 8),
}


@pytest.mark.parametrize(("pattern", "rank"), RANKS.values(), ids=RANKS)
def test_ranks_of_single_modules(pattern, rank):
    """A key is the end of a module's name or a pattern of it; the first that fits counts."""
    assert read_adapter_config({"rank_pattern": pattern}, "x").rank(QUERY) == rank


def test_a_rank_of_null():
    """Where r is null the shapes tell the rank, and peft's default stands for shapes that do not."""
    config = read_adapter_config({"r": None, "lora_alpha": 8}, "x")
    assert config.rank(QUERY) == 8
    assert config.scaling(QUERY, 4, "lora") == 2


def test_adaloras_masks_are_no_ranks():
    """AdaLoRA keeps lists in rank_pattern, which its shapes make needless."""
    settings = {"target_r": 4, "rank_pattern": {"q_proj": [True, False]}}
    assert read_adapter_config(settings, "x").rank(QUERY) == 8


BROKEN = {
    "r of words": ({"r": "8"}, "its r is '8'"),
    "r that is true": ({"r": True}, "its r is True"),
    "alpha NaN": ({"lora_alpha": math.nan}, "its lora_alpha is nan"),
    "alpha too large": ({"lora_alpha": 1e10}, "its lora_alpha is 1"),
    "flags of numbers": ({"enable_lora": [1, 0]}, "enable_lora is no list"),
    "too many flags": ({"enable_lora": [True] * 9}, "enable_lora is no list"),
    "a pattern that is a list": ({"rank_pattern": [1]}, "its rank_pattern is no table"),
    "a pattern of words": ({"alpha_pattern": {"q": "4"}}, "its alpha_pattern is '4'"),
    "no pattern": ({"alpha_pattern": {"(a": 4}}, "'\\(a', which is no regular expression"),
    "a back reference": ({"alpha_pattern": {r"(a)\1": 4}}, "groupref"),
    "many patterns": ({"rank_pattern": {f"^a{i}$": 1 for i in range(101)}}, "more than 100"),
}


@pytest.mark.parametrize(("settings", "reason"), BROKEN.values(), ids=BROKEN)
def test_settings_that_are_refused(settings, reason):
    """What is not of its kind or of no sane size is an error that names the setting."""
    with pytest.raises(BrokenAdapter, match=reason):
        read_adapter_config(settings, "x")
