"""registry.web: every kind of page of a registry that a team has lived in, and its twin."""

import html
import re

import pytest
from fastapi.testclient import TestClient

from registry.database.connecting.reading_pool import reading_pool
from registry.web import addresses as to
from registry.web.app import application

PATHS = (
    to.models(where="family = 'llama' and std_distance < 1", near="llama"),
    to.model("llama"),
    to.model("llama-lora"),
    to.model("qwen"),
    to.layer("llama", 1),
    to.tree("llama-code"),
    to.adapters("llama"),
    to.families(),
    to.family("llama"),
    to.pair("llama-chat", "llama"),
    to.pair("llama-lora", "llama"),
    to.log(),
    to.log(model="llama"),
)
ELSEWHERE = ("data:", "#", "/atlas/")
"""Figures and the many tiles of the map have tests of their own."""
GONE = {"/pair/llama-code/chat"}
"""Verdicts name a model by what it was called then."""


def twin(path: str) -> str:
    """The address of a page's twin."""
    start, mark, query = path.partition("?")
    return f"{start}.json{mark}{query}"


@pytest.mark.parametrize("path", PATHS)
def test_every_page_and_its_twin_are_there(client, path):
    """A page is whole, and its twin is JSON of the version that docs/json.md describes."""
    page = client.get(path)
    assert page.status_code == 200, page.text
    assert page.text.rstrip().endswith("</html>")
    answer = client.get(twin(path))
    assert answer.status_code == 200
    assert answer.json()["schema_version"] == 3


@pytest.mark.slow
def test_every_link_leads_somewhere(client):
    """All links of all pages, followed once each from the way in, are answered."""
    waiting, seen = ["/models"], set()
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith(ELSEWHERE) or path.endswith((".svg", ".csv", "/atlas")):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200 or path in GONE, path
        if answer.headers["content-type"].startswith("text/html"):
            waiting += map(html.unescape, re.findall(r'(?:href|src)="([^"]*)"', answer.text))
    assert len(seen) > 60
    assert any(path.startswith("/edge/") for path in seen)


def test_a_model_page_says_what_the_command_says(client):
    """Headline, relatives, claims and history are the sentences of the command line."""
    page = html.unescape(client.get(to.model("llama-code")).text)
    content = client.get(twin(to.model("llama-code"))).json()
    headline = content["headline"]
    assert f"{headline[0].upper()}{headline[1:]}" in page
    assert "comes from llama-chat, in the end from llama" in page
    assert [edge["parent"] for edge in content["parents"]] == ["llama-chat"]
    assert content["claims"][0]["outcome"]
    assert "Superseded" not in page


def test_the_log_links_to_what_is_still_there(client):
    """A line of the log about a model that is gone or renamed leads to what became of it."""
    page = html.unescape(client.get("/log").text)
    assert to.model("old-experiment") not in page
    assert to.log(model="old-experiment") in page


def test_an_edge_tells_whether_it_stands(client):
    """An edge that was superseded keeps its address, and says so."""
    states = {}
    for number in range(1, 40):
        answer = client.get(f"/edge/{number}.json")
        if answer.status_code == 200:
            states[answer.json()["current"]] = number
    assert states.keys() == {True, False}
    assert "Superseded" in client.get(f"/edge/{states[False]}").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/model/nobody", 404),
        ("/model/nobody/tree", 404),
        ("/model/llama/layer/99", 404),
        ("/model/llama/layer/minus", 400),
        (f"/model/llama/layer/{'9' * 5000}", 400),
        ("/edge/999999", 404),
        (f"/edge/{'9' * 30}", 400),
        ("/edge/0", 400),
        ("/family/nobody", 404),
        ("/pair/llama/nobody", 404),
        ("/pair/llama/llama-lora", 400),
        ("/models?after=x", 400),
        ("/models?after=3:%00", 400),
        ("/models?after=nan:1&near=llama", 400),
        ("/models?most=0", 400),
        ("/models?near=nobody", 404),
        ("/log?before=x", 400),
        ("/models?where=" + "a" * 32_000, 400),
        ("/models?where=" + "a" * 40_000, 414),
        ("/model/%ff%fe", 404),
        ("/model/%00", 404),
        ("/model/" + "x" * 10_000, 404),
        ("/model/%3Cscript%3Ealert(1)%3C%2Fscript%3E", 404),
        ("/model/..%2F..%2Fetc%2Fpasswd", 404),
        ("/model/%2Fetc%2Fpasswd/tree", 404),
        ("/pair/%2Fetc%2Fpasswd/llama", 404),
        ("/style.css/../../../etc/passwd", 404),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_one_sentence(client, path, status):
    """No address makes more than a sentence of refusal, as a page and as JSON."""
    page, answer = client.get(path), client.get(twin(path))
    assert page.status_code == status
    assert "<script" not in page.text
    if not path.startswith("/style.css"):
        assert answer.status_code == status
        assert answer.json()["message"].count("\n") == 0
        assert len(answer.json()["message"]) < 2000


def test_a_name_with_slashes_is_one_segment():
    """Names stand in addresses encoded, also those that end as our files do."""
    assert to.model("org/model") == "/model/org%2Fmodel"
    assert to.model("a.json") == "/model/a%2Ejson"
    assert to.pair("a/b", "c?d#e") == "/pair/a%2Fb/c%3Fd%23e"


def test_the_page_of_a_base_says_what_comes_from_it(examples_url, monkeypatch):
    """Not that it is derived from its child, though the weights do not show which came first."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", examples_url)
    with reading_pool(1) as reader:
        client = TestClient(application(reader), base_url="http://127.0.0.1")
        base = client.get(twin(to.model("llama-tiny"))).json()
        child = client.get(twin(to.model("llama-tiny-code"))).json()
    assert base["verdict"]["verdict"] == "derived"
    expected = "related: llama-tiny-code is derived from it, direction as claimed"
    assert base["headline"] == expected
    assert child["headline"] == "derived from llama-tiny"
