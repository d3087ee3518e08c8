"""Adapters as people reported them: each is read, or refused by what is missing."""

import pytest

import registry
from registry.errors import MissingAdapterConfig, UnmergedAdapter

ALONE = {
    "lora_value_head": ("", 0.0374, 0.0392),
    "lora_in_named_subfolder": ("", 0.0374, 0.0392),
    "lora_equals_in_path": ("lr=0.01,r=8", 0.0435, 0.0418),
    "adapter_config_odd": ("r_null", 0.0374, 0.0392),
    "mlx_lora": ("", 0.4360, 0.4184),
    "gguf_lora": ("", 0.0435, 0.0418),
}
REFUSED = {
    "mistral_finetune_lora": MissingAdapterConfig,
    "unmerged_zero_to_fp32": UnmergedAdapter,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_adapters_that_are_read(case, name):
    """Query and value have the deltas that were written, and nothing else has any."""
    inner, query, value = ALONE[name]
    fingerprint = registry.fingerprint(case(name) / inner)
    assert (fingerprint.kind, fingerprint.layers) == ("adapter", 3)
    assert fingerprint.projections == ("query", "value")
    assert (fingerprint.std.query, fingerprint.std.value) == pytest.approx((query, value), rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_adapters_without_their_scaling(case, name):
    """The message says what is missing."""
    with pytest.raises(REFUSED[name], match="adapter_config.json, which gives the scaling"):
        registry.fingerprint(case(name))


@pytest.mark.slow
def test_the_base_is_changed_on_load(case):
    """Untrained, PiSSA and OLoRA give the base again; the std is that of peft's merge."""
    folder = case("lora_pissa")
    for kind in ("pissa", "olora"):
        found = registry.fingerprint(folder / kind, base=folder / "base")
        expected = registry.fingerprint(folder / f"{kind}_merged")
        assert found.std == pytest.approx(expected.std, rel=1e-6)


@pytest.mark.slow
def test_experts_and_patterns(case):
    """Merged, the adapter of stacks is peft's merge; the pattern with a group counts."""
    folder = case("lora_target_parameters")
    merged = registry.fingerprint(folder / "adapter", base=folder / "base")
    assert merged.digest == registry.fingerprint(folder / "merged").digest
    pattern = case("lora_pattern_group")
    assert registry.fingerprint(pattern).std.query == pytest.approx(0.0966646, rel=1e-5)
