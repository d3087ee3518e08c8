"""registry.statements.cyclonedx, spdx, in_toto: documents that the published schemas accept."""

import json
from dataclasses import replace

import pytest
from statements_made import (
    ACCOUNTS,
    CHECKS,
    MADE,
    account,
    check_spdx,
    kin,
    merge,
    of_files,
    unknown,
)

from registry.lineage.standing import Basis
from registry.lineage.verdict import Relation
from registry.statements.cyclonedx import bill_of_materials
from registry.statements.in_toto import statement
from registry.statements.predicate import TYPE, as_text
from registry.statements.spdx import document
from registry.statements.words import Words
from registry.workflows.account_lines import Lines, Place

WORDS = Words("child: derived from base", ("fine-tuned", "p < 1e-15"))
HOSTILE = '</b>\x1b]0;t\u202e{} ; \U0001f600 "quoted" \\'


def made(form, stated):
    """A document of some form, as text."""
    if form == "in-toto":
        return as_text(statement(stated, MADE))
    make = document if form == "spdx" else bill_of_materials
    return as_text(make(stated, WORDS, MADE))


@pytest.mark.parametrize("form", CHECKS)
@pytest.mark.parametrize("name", ACCOUNTS)
def test_documents_validate(form, name):
    """Of a fine-tune, a merge, an unknown model, and of files with relatives on either side."""
    CHECKS[form](made(form, ACCOUNTS[name]()))


@pytest.mark.parametrize("form", CHECKS)
def test_names_may_hold_anything(form):
    """Documents with names that act on terminals and pages validate, and keep them."""
    strange = replace(kin(), name=HOSTILE)
    stated = account(
        Lines(ancestors=(strange,)), name=HOSTILE, family=HOSTILE, licences=(HOSTILE, HOSTILE * 100)
    )
    text = made(form, stated)
    CHECKS[form](text)
    assert not {"\x1b", "\u202e"} & set(text)
    names = json.dumps(json.loads(text), ensure_ascii=False)
    assert json.dumps(HOSTILE, ensure_ascii=False)[1:-1] in names


@pytest.mark.parametrize("form", CHECKS)
def test_the_same_account_gives_the_same_bytes(form):
    """And another account other ids."""
    assert made(form, merge()) == made(form, merge())
    assert made(form, account()) != made(form, account(digest="f" * 64))


def component(stated):
    """The model of a bill of materials."""
    return bill_of_materials(stated, WORDS, MADE)["metadata"]["component"]


def test_a_direction_that_is_open_makes_a_variant():
    """What is shown or claimed to be older is an ancestor, and of a merge all parents are."""
    assert [one["name"] for one in component(merge())["pedigree"]["ancestors"]] == ["base", "other"]
    pedigree = component(of_files())["pedigree"]
    assert "ancestors" not in pedigree
    assert [one["name"] for one in pedigree["variants"]] == ["base", "gone"]


def test_an_unknown_model_has_no_pedigree():
    """Nothing is made up: no relatives, no licence, no source."""
    content = component(unknown())
    assert set(content["pedigree"]) == {"notes"}
    assert not {"licenses", "purl", "hashes", "externalReferences"} & set(content)


@pytest.mark.parametrize(
    ("basis", "overall", "methods"),
    [
        (Basis.PRESUMED, 1 - 2e-9, 1),
        (Basis.CLAIMED, None, 1),
        (Basis.SHOWN, "least", 2),
    ],
    ids=lambda value: f"{value}",
)
def test_confidence(basis, overall, methods):
    """It is 1 less the family-wise p, less for errors of direction; of a claim there is none."""
    relative = merge().lines.ancestors[0] if basis is Basis.SHOWN else kin(basis=basis)
    [content] = component(account(Lines(ancestors=(relative,))))["pedigree"]["ancestors"]
    [identity] = content["evidence"]["identity"]
    assert len(identity["methods"]) == methods
    if overall == "least":
        overall = 1 - relative.direction_error
        assert 0.5 < overall < 1
    assert identity.get("confidence") == overall


def test_hashes_are_those_of_files():
    """The digest over all weights is no file's, and stands apart from the files' own."""
    content = component(of_files())
    assert [file["hashes"][0]["content"][0] for file in content["components"]] == ["1", "2"]
    subjects = statement(of_files(), MADE)["subject"]
    assert [list(subject["digest"]) for subject in subjects] == [
        ["weightsSha256"],
        ["sha256"],
        ["sha256"],
    ]
    [weights] = statement(account(), MADE)["subject"]
    assert weights["digest"] == {"weightsSha256": "e" * 64}


def test_a_model_of_the_hub_has_an_address():
    """A package URL and a place; a path on somebody's disk is told to nobody."""
    on_hub = component(of_files())
    assert on_hub["purl"] == f"pkg:huggingface/org/child@{'c' * 40}"
    assert on_hub["externalReferences"][0]["url"] == "https://huggingface.co/org/child"
    for form in CHECKS:
        at_home = account(place=Place("/home/me/secret", None, "machine"))
        assert "secret" not in made(form, at_home)
    cached = Place("/home/me/hub/models--org--child/snapshots/1", "c" * 40, "machine")
    assert (cached.hub_id, cached.address) == ("org/child", None)
    for source in ("org/child:a.gguf", "org/child#vision", "org/child@main"):
        assert Place(source, "c", "huggingface.co").hub_id == "org/child"


def test_relationships_of_spdx():
    """Ancestors of ancestors are there, too, each model once."""
    elements = check_spdx(made("spdx", merge()))
    names = sorted(package.name for package in elements.foreach_type("ai_AIPackage"))
    assert names == ["base", "merge", "other"]
    pairs = {
        (one.from_.name, end.name)
        for one in elements.foreach_type("Relationship")
        if one.relationshipType.endswith("ancestorOf")
        for end in one.to
    }
    assert pairs == {("base", "merge"), ("other", "merge"), ("base", "other")}


def test_the_predicate():
    """Its keys are those of docs/statements.md, and what is not known is left out."""
    content = statement(unknown(), MADE)
    assert content["predicateType"] == TYPE
    predicate = content["predicate"]
    assert set(predicate) == {"tool", "statedAt", "model", "verdict", "evidence"}
    assert predicate["verdict"]["relation"] == Relation.UNKNOWN
    assert "nearest" not in predicate["verdict"]
    assert "null" not in as_text(
        {key: value for key, value in predicate.items() if key != "evidence"}
    )


def test_every_key_of_the_predicate_is_documented():
    """docs/statements.md names all that a predicate may hold."""
    from places import ROOT

    page = (ROOT / "docs" / "statements.md").read_text()
    keys = set()

    def collect(value):
        if isinstance(value, dict):
            keys.update(value)
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                collect(item)

    for make in ACCOUNTS.values():
        collect(statement(make(), MADE))
    missing = {key for key in keys if f"`{key}`" not in page}
    assert not missing
