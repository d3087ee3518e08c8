"""registry.checkpoints.claims: what cards, configs and headers state of a model."""

import json

import gguf
import numpy as np
import pytest
from checkpoints_made import llama, write_folder, write_shards

from registry.checkpoints import open_checkpoint
from registry.checkpoints.claim import Claim, Claimant, Claimed
from registry.checkpoints.claims import LONGEST, MOST


def made(claims):
    """Claims as (claim, value, made_by)."""
    return [(str(claim.claim), claim.value, str(claim.made_by)) for claim in claims]


def claims_with(folder, card=None, config=None, adapter_config=None):
    """The claims of a small model that these stand beside."""
    path = write_folder(folder, llama())
    files = {"config.json": config, "adapter_config.json": adapter_config}
    for name, content in files.items():
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            (path / name).write_text(text)
    if card is not None:
        (path / "README.md").write_text(card)
    return made(open_checkpoint(path).claims)


CARDS = {
    "all bases, not only the first": (
        "base_model: [org/a, org/b]\nbase_model_relation: merge",
        [("base_model", "org/a"), ("base_model", "org/b"), ("relation", "merge")],
    ),
    "a licence by its identifier": ("license: apache-2.0", [("licence", "apache-2.0")]),
    "several licences": ("license: [mit, gpl-3.0]", [("licence", "mit"), ("licence", "gpl-3.0")]),
    "another licence by its name and place": (
        "license: other\nlicense_name: qwen-research\nlicense_link: https://example.org/LICENSE",
        [("licence", "qwen-research"), ("licence", "https://example.org/LICENSE")],
    ),
    "another licence without a name": ("license: other", [("licence", "other")]),
    "an address and a path": (
        "base_model: [https://huggingface.co/org/a, /home/me/base-7b]",
        [("base_model", "org/a"), ("base_model", "base-7b")],
    ),
    "itself": ("base_model: model", []),
    "the same twice": ("base_model: [org/a, org/a]", [("base_model", "org/a")]),
    "numbers and dates": ("base_model: 7\nlicense: 2024-01-01\nbase_model_relation: 3", []),
    "a table in itself": ("base_model: &a {name: *a}\nlicense: mit", [("licence", "mit")]),
    "a list in itself": ("license: &a [*a]", []),
    "nothing": ("tags: [text-generation]", []),
}


@pytest.mark.parametrize(("head", "expected"), CARDS.values(), ids=CARDS)
def test_claims_of_cards(tmp_path, head, expected):
    """A card claims bases, a relation and licences, in the hub's words."""
    claims = claims_with(tmp_path / "model", card=f"---\n{head}\n---\n# A model\n")
    assert claims == [(claim, value, "card") for claim, value in expected]


CONFIGS = {
    "classes": ({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}, "Qwen2ForCausalLM"),
    "a type alone": ({"model_type": "llama"}, "llama"),
    "no list": ({"architectures": "LlamaForCausalLM", "model_type": "llama"}, "llama"),
    "an empty list": ({"architectures": [], "model_type": "llama"}, "llama"),
}


@pytest.mark.parametrize(("config", "architecture"), CONFIGS.values(), ids=CONFIGS)
def test_claims_of_configs(tmp_path, config, architecture):
    """A config claims the classes that it names, else the type."""
    claims = claims_with(tmp_path, config=config)
    assert claims == [("architecture", architecture, "config")]


def test_a_config_claims_its_base(tmp_path):
    """`_name_or_path` names what the weights were loaded from, `base_model_name_or_path` too."""
    claims = claims_with(
        tmp_path,
        config={"_name_or_path": "org/a"},
        adapter_config={"base_model_name_or_path": "C:\\models\\base"},
    )
    assert claims == [("base_model", "org/a", "config"), ("base_model", "base", "adapter config")]


def test_a_broken_config_of_an_adapter_claims_nothing(tmp_path):
    """Whole weights are read, whatever lies beside them."""
    assert claims_with(tmp_path, adapter_config="{") == []


def test_more_claims_than_are_kept(tmp_path):
    """Of a card without end the first claims are kept, and no endless text."""
    bases = ", ".join(f"org/m{number}" for number in range(10 * MOST))
    card = f"---\nbase_model: [{bases}]\nlicense: {'x' * (LONGEST + 1)}\n---\n"
    classes = {"architectures": [f"A{number}" for number in range(10 * MOST)]}
    claims = claims_with(tmp_path, card=card, config=classes)
    assert [value for claim, value, _ in claims if claim == "base_model"] == [
        f"org/m{number}" for number in range(MOST)
    ]
    assert [claim for claim, _, _ in claims].count("architecture") == MOST
    assert "licence" not in [claim for claim, _, _ in claims]


def test_claims_of_a_gguf_file(tmp_path):
    """Its header claims all bases, by address or name, a licence and the architecture."""
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_string("general.license", "other")
    writer.add_string("general.license.name", "llama3")
    writer.add_string("general.base_model.0.repo_url", "https://huggingface.co/org/a")
    writer.add_string("general.base_model.1.name", "Second Base")
    writer.add_tensor("blk.0.ffn_up.weight", np.zeros((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    checkpoint = open_checkpoint(path)
    assert made(checkpoint.claims) == [
        ("base_model", "org/a", "config"),
        ("base_model", "Second Base", "config"),
        ("licence", "llama3", "config"),
        ("architecture", "llama", "config"),
    ]
    assert (checkpoint.facts.format, checkpoint.facts.size) == ("gguf", path.stat().st_size)


def test_facts_of_a_folder(tmp_path):
    """Size and format are those of all shards; the host is this machine."""
    folder = write_shards(tmp_path / "model", llama(), count=3)
    facts = open_checkpoint(folder).facts
    assert facts.size == sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    assert facts.format == "safetensors"
    assert facts.host


def test_claims_are_records():
    """Two equal statements are one."""
    claim = Claim(Claimed.LICENCE, "mit", Claimant.CARD)
    assert {claim, Claim(Claimed.LICENCE, "mit", Claimant.CARD)} == {claim}
