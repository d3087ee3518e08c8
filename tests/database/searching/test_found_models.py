"""registry.database.searching.found_models: which models a search finds, in which order, page by page."""

import pytest
from command_line import run
from sqlalchemy.orm import Session

import registry
from registry.database.connecting.connection import open_database
from registry.database.searching.found_models import Search, found_models
from registry.database.searching.search_fields import FIELDS
from registry.errors import (
    ModelNotFound,
    PlaceRefused,
    SearchNeedsModel,
    SearchValueRefused,
    SearchWordUnknown,
)

LLAMAS = ["llama", "llama-bf16", "llama-chat", "llama-code", "llama-lora", "llama-merge"]


@pytest.fixture(scope="module")
def session(team_url):
    """The registry of a team, which is only read."""
    with open_database(team_url) as engine, Session(engine) as session:
        yield session


def names(session, where="", **search):
    """Names of the models that a search finds."""
    found = found_models(session, Search(where, **search))
    return [one.model.name for one in found.models]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("family = 'llama'", LLAMAS),
        ("family = 'llama' and not kind = 'adapter'", [name for name in LLAMAS if name != "llama-lora"]),
        ("name in ('llama', 'qwen') and fingerprint_version = 3", ["llama", "qwen"]),
        ("name = 'qwen' and fingerprint_version < 3", ["qwen"]),
        ("name like 'llama-c%'", ["llama-chat", "llama-code"]),
        ("name ilike 'LLAMA-C%' and name not like '%t'", ["llama-code"]),
        ("name like 'LLAMA%'", []),
        ("'AMA-C'", ["llama-chat", "llama-code"]),
        ("'%'", []),
        ("parent = 'llama-chat'", ["llama-code", "llama-merge"]),
        ("parent is null and family = 'llama' and kind = 'model'", ["llama"]),
        ("seen_as = 'mirror-llama' or seen_at ilike 'ORG/qwen'", ["llama", "qwen"]),
        ("claim = 'apache-2.0'", ["qwen"]),
        ("ingested_at < '2025-01-01'", []),
        ("ingested_at >= '2026-01-01T00:00+00:00' and name = 'llama'", ["llama"]),
        ("family_ in ('x')", None),
        ("parameters > 99999999999999999999999", []),
        ("parameters > 1.5e3 and layers >= 1 and q_std > 0 and name = 'llama'", ["llama"]),
        ("name = 'x'' OR 1=1 --'", []),
    ],
)  # fmt: skip
def test_a_search_finds(session, where, expected):
    """Words mean columns; of what a model has several of, one that fits suffices."""
    if expected is None:
        with pytest.raises(
            SearchWordUnknown,
            match="searched by 'family_', did you mean 'family'; there are name, ",
        ):
            names(session, where)
        return
    assert names(session, where) == expected


@pytest.mark.parametrize("word", FIELDS)
def test_every_word_can_be_compared(session, word):
    """No word makes a query that the server refuses."""
    value = {"text": "'x'", "a number": "1", "a time": "'2026-01-01'", "true or false": "true"}[
        FIELDS[word].kind
    ]
    for term in (
        f"{word} = {value}",
        f"{word} != {value}",
        f"not {word} in ({value})",
        f"{word} is not null",
    ):
        names(session, term, near="llama" if word == "std_distance" else "")


def test_a_tag_that_is_not_there(session):
    """`!=` of what a model has several of means that none is so."""
    tagged = names(session, "tag is not null")
    assert tagged
    found = found_models(session, Search(f"name = '{tagged[0]}'"))
    tag = found.models[0].tags[0]
    assert tagged[0] in names(session, f"tag = '{tag}'")
    assert tagged[0] not in names(session, f"tag != '{tag}'")


def test_distances_sort_the_answer(session):
    """Models of the same projections come by distance from one; itself is first, at 0."""
    found = found_models(session, Search(near="llama", most=3))
    distances = [one.std_distance for one in found.models]
    assert found.models[0].std_distance == 0
    assert distances == sorted(distances)
    limit = distances[-1]
    assert names(session, f"std_distance < {limit!r}", near="llama") == [
        one.model.name for one in found.models if one.std_distance < limit
    ]


@pytest.mark.parametrize("near", ["", "llama"])
def test_pages_follow_each_other(session, near):
    """Pages of one give what one page gives, each model once."""
    whole = names(session, near=near)
    paged, after = [], ""
    while True:
        page = found_models(session, Search(near=near, after=after, most=1))
        paged += [one.model.name for one in page.models]
        if not page.next:
            break
        after = page.next
    assert sorted(paged) == sorted(whole)
    assert len(paged) > 3


@pytest.mark.parametrize(
    ("search", "error", "words"),
    [
        (Search("std_distance < 1"), SearchNeedsModel, "is measured from a model"),
        (Search(near="nobody"), ModelNotFound, "No registered model is called 'nobody'"),
        (Search("parameters = 'many'"), SearchValueRefused, "compares 'parameters', which is a number, with"),
        (Search("name = 7"), SearchValueRefused, "compares 'name', which is text, with 7"),
        (Search("due = 1"), SearchValueRefused, "which is true or false, with 1"),
        (Search("ingested_at > 'soon'"), SearchValueRefused, "which is a time, with"),
        (Search("layers like '3%'"), SearchValueRefused, "which is a number, with like"),
        (Search(f"parameters > {'9' * 400}"), SearchValueRefused, "which is a number"),
        (Search(after="nowhere"), PlaceRefused, "'nowhere' is not the place where a page of this list ends"),
        (Search(near="llama", after="3:llama"), PlaceRefused, "is not the place"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(session, search, error, words):
    """A value of another kind, a distance from nothing, a place of no list."""
    with pytest.raises(error, match=words):
        found_models(session, search)


def test_the_command_line_and_python_search_alike(team_url, monkeypatch):
    """`registry list --where --near` and Registry.search find the same."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", team_url)
    where = "family = 'llama' and std_distance < 2"
    answer = run("list", "--where", where, "--near", "llama", "--json")
    assert answer.exit_code == 0, answer.output
    with registry.Registry() as known:
        found = known.search(where, near="llama")
    assert found[0].model.name == "llama"
    for one in found:
        assert f'"{one.model.name}"' in answer.stdout
    refused = run("list", "--where", "familj = 'x'")
    assert refused.exit_code == 1
    assert "did you mean 'family'" in refused.stderr
