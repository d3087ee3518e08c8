"""registry.checkpoints.source and card."""

import pytest
from checkpoints_made import llama, write_folder

from registry.checkpoints import open_checkpoint
from registry.errors import BrokenJSON, SourceNotFound

BASES = {
    "card": ("---\nbase_model: org/base\n---\nText", {}, "org/base"),
    "card with a list": ("---\nbase_model:\n- org/one\n- org/two\n---\n", {}, "org/one"),
    "card before config": (
        "---\nbase_model: org/base\n---\n",
        {"_name_or_path": "org/other"},
        "org/base",
    ),
    "config": (None, {"_name_or_path": "org/base"}, "org/base"),
    "absolute path": (None, {"_name_or_path": "/home/me/models/base/"}, "base"),
    "relative path": (None, {"_name_or_path": "out/models/base"}, "base"),
    "windows path": (None, {"_name_or_path": "C:\\models\\base"}, "base"),
    "empty": (None, {"_name_or_path": ""}, None),
    "dot": (None, {"_name_or_path": "./"}, None),
    "not a string": (None, {"_name_or_path": 3}, None),
    "broken card": ("---\nbase_model: [\n---\n", {}, None),
    "card without a head": ("# Model\n---\nbase_model: x\n---\n", {}, None),
    "nothing": (None, {}, None),
}


@pytest.mark.parametrize(("card", "config", "expected"), BASES.values(), ids=BASES.keys())
def test_the_declared_base(tmp_path, card, config, expected):
    """The card speaks first, then the config; paths of somebody's disk lose their folders."""
    folder = write_folder(tmp_path / "m", llama(), config)
    if card:
        (folder / "README.md").write_text(card)
    assert open_checkpoint(folder).base == expected


def test_names(tmp_path, monkeypatch):
    """A folder lends its name, a file its folder's too."""
    folder = write_folder(tmp_path / "some-model", llama())
    assert open_checkpoint(folder).name == "some-model"
    assert open_checkpoint(folder / "model.safetensors").name == "some-model/model.safetensors"
    monkeypatch.chdir(folder)
    assert open_checkpoint(".").name == "some-model"


@pytest.mark.parametrize(
    "source", ["./nowhere", "/no/where", "a/b/c", "", "x y", "~/nowhere", "-x"]
)
def test_neither_a_path_nor_a_hub_id(source):
    """What cannot be a hub id is not looked for there."""
    with pytest.raises(SourceNotFound, match="neither a file or folder"):
        open_checkpoint(source)


def test_a_broken_config(tmp_path):
    """A config that is not JSON is reported, not skipped."""
    folder = write_folder(tmp_path, llama())
    (folder / "config.json").write_text("{not json")
    with pytest.raises(BrokenJSON, match=r"config\.json"):
        open_checkpoint(folder)
