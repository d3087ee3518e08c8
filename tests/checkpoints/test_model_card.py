"""registry.checkpoints.model_card: what stands beside the weights."""

import pytest

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.limits import limit
from registry.checkpoints.model_card import (
    LIMIT,
    declared_base,
    declared_on_card,
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


def test_metadata_beyond_the_head(tmp_path):
    """Metadata that do not end within the head of a card are not read."""
    for length, base in ((100, "org/card"), (limit("card-bytes"), None)):
        text = f"---\nbase_model: org/card\nnote: {'x' * length}\n---\n"
        assert declared_base({"README.md": blob(tmp_path, "README.md", text)}, {}) == base


ODD_CARDS = {
    "a month that is none": ("date: 2026-13-01\nbase_model: a/b", "a/b"),
    "an hour that is none": ("at: 2026-12-01 99:99:99\nbase_model: a/b", "a/b"),
    "a number of 5,000 digits": (f"n: {'9' * 5000}\nbase_model: a/b", "a/b"),
    "a version of 5,000 digits": (f"%YAML {'9' * 5000}.1\n--- {{base_model: a/b}}", None),
    "the same key twice": ("base_model: a/b\nbase_model: c/d", "c/d"),
    "a list in itself": ("base_model: &a [*a]", None),
    "a table in itself": ("base_model: &a {name: *a}", None),
    "nothing": ("base_model: null", None),
    "a tag of Python": ("base_model: !!python/object/apply:os.system [x]", "x"),
    "a number": ("base_model: 7", None),
    "too many": (f"base_model: [{'7, ' * 20}a/b]", None),
    "deep lists": ("base_model: " + "[" * 10_000, None),
    "deep tables": ("{a: " * 10_000, None),
    "deep keys": ("? " * 20_000, None),
    "deep items": ("- " * 20_000, None),
    "a key that is a list": ("? [a, b]\n: c", None),
    "control characters": ("base_model: a\0b", None),
    "many lines": ("\n" * 60_000, None),
    "many blanks": (" " * 60_000, None),
}


@pytest.mark.parametrize(("text", "base"), ODD_CARDS.values(), ids=ODD_CARDS)
def test_odd_cards(tmp_path, text, base):
    """Dates that are none, nesting and aliases without end: a card is read, or says nothing."""
    card = blob(tmp_path, "README.md", f"---\n{text}\n---\n")
    assert declared_base({"README.md": card}, {}) == base


def test_aliases_of_aliases(tmp_path):
    """A card of 20 lists, each of nine times the one before, is not written out."""
    lines = ["a0: &a0 [x]"]
    for number in range(1, 20):
        lines.append(f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]")
        lines.append(f"m{number}: &m{number} {{<<: [{', '.join([f'*a{number - 1}'] * 9)}]}}")
    lines.append("base_model: org/card")
    card = blob(tmp_path, "README.md", "---\n" + "\n".join(lines) + "\n---\n")
    assert declared_base({"README.md": card}, {}) == "org/card"


def test_a_card_that_is_not_utf_8(tmp_path):
    """Bytes that are no UTF-8 do not keep the rest from being read."""
    (tmp_path / "README.md").write_bytes(b"---\nnote: \xff\xfe\nbase_model: org/card\n---\n")
    card = LocalBlob(tmp_path / "README.md", "README.md")
    assert declared_base({"README.md": card}, {}) == "org/card"


@pytest.mark.parametrize(
    "text",
    ["# Model", "---\n- a list\n---\n", "---\n{broken\n---\n", "---\nno end"],
    ids=["none", "a list", "broken", "open"],
)
def test_cards_without_metadata(tmp_path, text):
    """A card without a readable block says nothing."""
    assert declared_on_card(blob(tmp_path, "README.md", text)) in ([], [None])
