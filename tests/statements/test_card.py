"""registry.statements.card and front_matter: the head of a model card, edited in place."""

import subprocess

import pytest
from statements_made import account, kin, merge, unknown

from registry.errors import CardNotEditable
from registry.lineage.standing import Basis
from registry.lineage.verdict import Change, ChangeKind, Relation
from registry.report.statement_wording import beside_base
from registry.statements.card import card_edit, front_matter, keys_of
from registry.statements.front_matter import edited
from registry.workflows.account_lines import Lines

FINETUNE = {"base_model": "org/base", "base_model_relation": "finetune"}
NOTE = "so it seems"


def lines(relation=Relation.DERIVED, *changes, basis=Basis.SHOWN):
    """One ancestor, related in some way."""
    return Lines(ancestors=(kin(basis=basis, relation=relation, changes=changes),))


@pytest.mark.parametrize(
    ("stated", "keys"),
    [
        (account(), FINETUNE),
        (merge(), {"base_model": ("org/base", "org/other"), "base_model_relation": "merge"}),
        (unknown(), {}),
        (account(lines(), kind="adapter"), {**FINETUNE, "base_model_relation": "adapter"}),
        (account(lines(Relation.QUANTISED_COPY)), {**FINETUNE, "base_model_relation": "quantized"}),
        (
            account(lines(Relation.DERIVED, Change(ChangeKind.QUANTISED))),
            {**FINETUNE, "base_model_relation": "quantized"},
        ),
        (
            account(lines(Relation.DERIVED, Change(ChangeKind.MERGED))),
            {**FINETUNE, "base_model_relation": "merge"},
        ),
        (account(lines(Relation.SAME_WEIGHTS)), {"base_model": "org/base"}),
        (account(called={"base": "Org/Base@v1"}), {**FINETUNE, "base_model": "Org/Base@v1"}),
        (account(Lines(variants=(kin(basis=Basis.PRESUMED),))), FINETUNE),
        (account(Lines(variants=(kin(parent=False),))), {}),
    ],
    ids=[
        "fine-tune",
        "merge",
        "unknown",
        "adapter",
        "quantised copy",
        "quantised and trained",
        "merge with strangers",
        "same weights",
        "as the card calls it",
        "presumed",
        "a relative that may be younger",
    ],
)
def test_what_a_card_should_say(stated, keys):
    """Base and relation are in the hub's words; of what is unknown nothing is said."""
    assert keys_of(stated) == keys


def test_a_head_of_its_own():
    """It says beside the base what is not certain, and is empty where nothing is known."""
    expected = "---\nbase_model: org/base  # so it seems\nbase_model_relation: finetune\n---\n"
    assert front_matter(account(), NOTE) == expected
    assert front_matter(unknown(), NOTE) == ""


CARDS = {
    "no head": (
        "# Title\n",
        "---\nbase_model: org/base\nbase_model_relation: finetune\n---\n# Title\n",
    ),
    "nothing": ("", "---\nbase_model: org/base\nbase_model_relation: finetune\n---\n"),
    "empty head": (
        "---\n---\nx",
        "---\nbase_model: org/base\nbase_model_relation: finetune\n---\nx",
    ),
    "other keys": (
        "---\nlicense: mit # ok\n\ntags:\n- a\n---\nx\n",
        "---\nlicense: mit # ok\n\ntags:\n- a\nbase_model: org/base\nbase_model_relation: finetune\n---\nx\n",
    ),
    "another base": (
        "---\nbase_model: 'x/y'  # guess\nlicense: mit\nbase_model_relation: finetune\n---\n",
        "---\nbase_model: org/base\nlicense: mit\nbase_model_relation: finetune\n---\n",
    ),
    "a list": (
        "---\nbase_model:\n  - x/y\n  - z\n# on tags\n\ntags: [a]\n---\n",
        "---\nbase_model: org/base\n# on tags\n\ntags: [a]\nbase_model_relation: finetune\n---\n",
    ),
    "a list not indented": (
        "---\nbase_model:\n- x/y\ntags:\n- a\n---\n",
        "---\nbase_model: org/base\ntags:\n- a\nbase_model_relation: finetune\n---\n",
    ),
    "a list in brackets": (
        "---\nbase_model: [x/y,\n  z]\ntags: a\n---\n",
        "---\nbase_model: org/base\ntags: a\nbase_model_relation: finetune\n---\n",
    ),
    "a table": (
        "---\nbase_model:\n  name: x\n  deep:\n  - y\na: 1\n---\n",
        "---\nbase_model: org/base\na: 1\nbase_model_relation: finetune\n---\n",
    ),
    "empty": (
        "---\nbase_model:\na: 1\n---\n",
        "---\nbase_model: org/base\na: 1\nbase_model_relation: finetune\n---\n",
    ),
    "long text": (
        "---\nbase_model: >\n  x\n  y\n\na: 1\n---\n",
        "---\nbase_model: org/base\na: 1\nbase_model_relation: finetune\n---\n",
    ),
    "windows": (
        "\ufeff---\r\nbase_model: x\r\n---\r\n\r\nb\tc\x0cd\r\n",
        "\ufeff---\r\nbase_model: org/base\r\nbase_model_relation: finetune\r\n---\r\n\r\nb\tc\x0cd\r\n",
    ),
    "a mark and no head": (
        "\ufeffx",
        "\ufeff---\nbase_model: org/base\nbase_model_relation: finetune\n---\nx",
    ),
    "separators in the text": (
        "---\nt: a\n---\nx\u2028y\x85z\x1d\n",
        "---\nt: a\nbase_model: org/base\nbase_model_relation: finetune\n---\nx\u2028y\x85z\x1d\n",
    ),
    "carriage returns": (
        "---\rt: a\r---\rx\r",
        "---\rt: a\rbase_model: org/base\rbase_model_relation: finetune\r---\rx\r",
    ),
    "dots": (
        "---\nbase_model: x\n...\ntext\n",
        "---\nbase_model: org/base\nbase_model_relation: finetune\n...\ntext\n",
    ),
    "bytes that are no text": (
        "---\nt: a\n---\n\udcff\n",
        "---\nt: a\nbase_model: org/base\nbase_model_relation: finetune\n---\n\udcff\n",
    ),
}


@pytest.mark.parametrize("name", CARDS)
def test_the_rest_of_a_card_stays(name):
    """All bytes but those of the two values are as they were, and a second time changes nothing."""
    before, after = CARDS[name]
    assert edited(before, FINETUNE, "", "card") == after
    assert edited(after, FINETUNE, NOTE, "card") == after


@pytest.mark.parametrize(
    "card",
    [
        "---\n{base_model: x, license: mit}\n---\n",
        "---\nbase_model: x\nbase_model: y\n---\n",
        "---\nbase_model: &a x\nother: *a\n---\n",
        "---\nbase_model: x\n",
        "---\n- base_model\n---\n",
        "---\na: [b\n---\n",
        "---\n" + "a: b\n" * 20_000 + "---\n",
        "---\n" + "- " * 3000 + "\n---\n",
    ],
    ids=["braces", "twice", "referred to", "endless", "a list", "broken", "long", "deep"],
)
def test_cards_that_are_not_edited(card):
    """What cannot be changed in place is refused in a sentence."""
    with pytest.raises(
        CardNotEditable, match=r"The head of the model card 'card' cannot be changed"
    ):
        edited(card, FINETUNE, "", "card")


def test_a_base_that_a_config_alone_names_is_not_called_related():
    """The comment beside the base of an adapter whose weights show no relative says just that."""
    claimed = Lines(ancestors=(kin(basis=Basis.CLAIMED),))
    open_case = account(claimed, unknown().verdict, kind="adapter")
    assert beside_base(open_case).startswith("not shown by the weights; that it was trained on")
    assert beside_base(account(claimed)).startswith("related by the weights (")


def test_a_list_as_a_key_is_none_of_ours():
    """YAML has keys that are lists or tables; they stay as they are."""
    head = "---\n? [a, b]\n: c\n? {d: e}\n: f\n"
    assert edited(head + "---\n", {"base_model": "x"}, "", "card") == head + "base_model: x\n---\n"


def test_the_diff_is_one_that_patch_takes(tmp_path):
    """With Windows' line ends, and without one at the end of the file."""
    for number, (before, after) in enumerate(CARDS.values()):
        edit = card_edit(account(), "", "README.md", before)
        assert (edit.after, edit.changed) == (after, True)
        folder = tmp_path / str(number)
        folder.mkdir()
        card = folder / "README.md"
        card.write_bytes(before.encode("utf-8", "surrogateescape"))
        done = subprocess.run(
            ["patch", "--binary", "-p0", "-s"],
            cwd=folder,
            input=edit.diff.encode("utf-8", "surrogateescape"),
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0, (before, edit.diff, done)
        assert card.read_bytes() == after.encode("utf-8", "surrogateescape")


def test_an_unknown_base_leaves_the_card():
    """What the card claims stays where the registry knows nothing better."""
    card = "---\nbase_model: x/y\n---\n"
    edit = card_edit(unknown(), NOTE, "README.md", card)
    assert (edit.after, edit.diff) == (card, "")
