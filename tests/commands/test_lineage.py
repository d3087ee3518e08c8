"""`registry tree`, `log` and `rejudge`."""

import json

import pytest
from command_line import answer, run
from places import EXAMPLES

CHILD, BASE = EXAMPLES / "llama-tiny-code", EXAMPLES / "llama-tiny"


@pytest.fixture
def filled(url):
    """A registry that has a child, then its base."""
    assert run("ingest", CHILD, BASE, EXAMPLES / "phi-tiny").exit_code == 0
    return url


def test_a_tree_is_drawn(filled):
    """Each model below what it was made from, with what was changed and what the direction rests on."""
    root, child, alone = run("tree").stdout.splitlines()
    assert root == "llama-tiny  (family llama-tiny)"
    assert child.startswith("└── llama-tiny-code  (derived; fine-tuned")
    assert child.endswith("direction as claimed)")
    assert alone == "1 without a relative"
    assert run("tree", "llama-tiny-code").stdout.splitlines() == [root, child]
    assert run("tree", "phi-tiny").stdout == "phi-tiny  (family phi-tiny)\n"
    assert run("tree", "nobody").exit_code == 1


def test_an_empty_tree(url):
    """Nothing is registered."""
    assert run("tree").stdout == "no models\n"


def test_json_of_a_tree(filled):
    """Models and edges, as docs/json.md has them."""
    tree = answer("tree", "llama-tiny")
    assert [model["name"] for model in tree["models"]] == ["llama-tiny", "llama-tiny-code"]
    [edge] = tree["edges"]
    assert (edge["child"], edge["parent"], edge["main"]) == ("llama-tiny-code", "llama-tiny", True)
    assert (edge["relation"], edge["direction"]) == ("derived", "claimed")
    assert edge["changes"][0]["kind"] == "fine-tuned"


def test_the_log(filled):
    """What changed and why, the newest first; of one model alone where one is named."""
    events = answer("log")["events"]
    assert [event["action"] for event in events[-1:]] == ["ingested"]
    assert {event["model"] for event in answer("log", "llama-tiny-code")["events"]} == {
        "llama-tiny-code"
    }
    found = next(event for event in events if event["action"] == "parent found")
    assert found["details"] == {"because": "llama-tiny arrived", "to": "llama-tiny"}
    text = " ".join(run("log", "llama-tiny-code").stdout.split())
    assert "comes from llama-tiny (llama-tiny arrived)" in text
    assert len(json.loads(run("log", "-n", "1", "--json").stdout)["events"]) == 1


def test_judging_again(filled):
    """Says how many models were judged."""
    assert run("rejudge").stdout == "judged 0 again\n"
    assert run("rejudge", "--all").stdout == "judged 3 again\n"
    assert answer("rejudge", "llama-tiny") | {"schema_version": 0} == {
        "schema_version": 0,
        "judged": ["llama-tiny"],
        "left": 0,
    }
