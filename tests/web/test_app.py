"""registry.web.app: pages, their twins, what is refused, and the headers of every answer."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from registry.database.connecting.reading_pool import Reader
from registry.web.app import application
from registry.web.guards import Guarded


def test_a_page_has_a_twin(client):
    """The address of a page with `.json` gives the same as JSON."""
    page, twin = client.get("/models"), client.get("/models.json")
    assert page.headers["content-type"].startswith("text/html")
    assert twin.headers["content-type"] == "application/json"
    for model in twin.json()["models"]:
        assert model["name"] in page.text


def test_the_way_in_is_the_search(client):
    """`/` leads to the search."""
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/models")


@pytest.mark.parametrize("path", ["/models", "/models.json", "/nothing", "/style.css", "/docs"])
def test_every_answer_has_the_headers(client, path):
    """No answer may load anything of others, run a script, be framed or be taken for another type."""
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "localhost@evil",
        "localhost:80@evil.example",
        "[::1].evil.example",
        "[]",
    ],
)
def test_other_hosts_are_refused(client, host):
    """A name of somebody else's that leads here gets no page: a browser would let its scripts read it."""
    answer = client.get("/models.json", headers={"host": host})
    assert answer.status_code == 400
    assert answer.json()["error"] == "HostRefused"


@pytest.mark.parametrize("host", ["localhost:8321", "127.0.0.1", "[::1]:80", "LOCALHOST."])
def test_names_of_this_machine_are_answered(client, host):
    """Loopback names are answered, with a port or without."""
    assert client.get("/models.json", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("registry.example:8443", "registry.example"),
        ("Registry.Example", "registry.example:8443"),
        ("2001:DB8::1", "[2001:db8::1]:80"),
        ("[2001:db8::1]:80", "[2001:db8::1]"),
    ],
)
def test_a_name_is_allowed_whatever_its_port(allowed, host):
    """A name or address may be allowed as a browser sends it, or without its port."""
    guarded = Guarded(FastAPI(), [allowed])
    answer = TestClient(guarded).get("/", headers={"host": host})
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/model/", "/model/.json"])
def test_an_address_without_a_name_leads_nowhere(client, path):
    """An address of a model without its name is no page; it does not lead to itself."""
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "kind"), [("/no/page", "text/html"), ("/no/page.json", "application/json")]
)
def test_no_such_page(client, path, kind):
    """An address without a page is 404, in the form that was asked for."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(kind)
    assert "There is no page at" in answer.text


def test_nothing_can_be_changed(client):
    """Other methods than GET and HEAD are refused in a sentence."""
    assert client.post("/models.json").json()["message"].startswith("Nothing can be changed here")
    assert client.delete("/models").status_code == 405


def test_head_is_get_without_a_body(client):
    """HEAD gives the headers of GET."""
    head, get = client.head("/models"), client.get("/models")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


def test_openapi_describes_every_twin(client):
    """The description has every address but those of the pages themselves, and /docs shows it without scripts."""
    paths = client.get("/openapi.json").json()["paths"]
    assert "/models.json" in paths
    assert "/models" not in paths
    page = client.get("/docs").text
    assert all(path in page for path in paths)
    assert "<script" not in page


def test_a_fault_of_the_program_is_a_page(reader, monkeypatch, capsys):
    """A bug is answered with 500 and one sentence, without a traceback, which stderr has."""
    client = TestClient(
        application(reader), base_url="http://127.0.0.1", raise_server_exceptions=False
    )
    monkeypatch.setattr(Reader, "ask", lambda *_: 1 / 0)
    page, twin = client.get("/models"), client.get("/models.json")
    assert page.status_code == twin.status_code == 500
    assert twin.json()["error"] == "PageBroken"
    assert "ZeroDivisionError" not in page.text + twin.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "ZeroDivisionError" in capsys.readouterr().err
