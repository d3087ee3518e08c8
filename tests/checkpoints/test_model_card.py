"""registry.checkpoints.model_card: what stands beside the weights."""

import pytest

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.model_card import (
    LIMIT,
    card_metadata,
    declared_base,
    read_config,
    read_json,
)
from registry.errors import BrokenJSON


def blob(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return LocalBlob(path, path.name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[1]", "not an object"), ("{", "Expecting"), ("[" * 100_000, "recursion")],
    ids=["list", "cut short", "deep"],
)
def test_json_that_is_no_object(tmp_path, text, reason):
    """A broken config.json is one error that names the file."""
    with pytest.raises(BrokenJSON, match=reason) as caught:
        read_json(blob(tmp_path, "config.json", text))
    assert "config.json" in str(caught.value)


def test_json_that_is_too_long(tmp_path):
    """More bytes than any model needs are not read."""
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(BrokenJSON, match="more than any model needs"):
        read_json(LocalBlob(path, path.name))


def test_no_config():
    """A model without config.json states nothing."""
    assert read_config({}) == {}


BASES = {
    "a hub id": ("org/model", "org/model"),
    "the first of several": (["org/a", "org/b"], "org/a"),
    "an empty list": ([], None),
    "a path": ("/home/me/models/base-7b/", "base-7b"),
    "a path of Windows": (r"C:\models\base", "base"),
    "a relative path": ("./out/base", "base"),
    "nothing": ("./", None),
    "a number": (7, None),
}


@pytest.mark.parametrize(("stated", "base"), BASES.values(), ids=BASES)
def test_declared_bases(stated, base):
    """A hub id is kept, of a path the last part, and anything else declares nothing."""
    assert declared_base({}, {"_name_or_path": stated}) == base


def test_the_card_counts_before_the_config(tmp_path):
    """What the card's metadata declares is believed first."""
    card = blob(tmp_path, "README.md", "---\nbase_model: org/card\n---\n# Model\n")
    assert declared_base({"README.md": card}, {"_name_or_path": "org/config"}) == "org/card"


@pytest.mark.parametrize(
    "text",
    ["# Model", "---\n- a list\n---\n", "---\n{broken\n---\n", "---\nno end"],
    ids=["none", "a list", "broken", "open"],
)
def test_cards_without_metadata(tmp_path, text):
    """A card without a readable block says nothing."""
    assert card_metadata(blob(tmp_path, "README.md", text)) == {}
