"""registry.web.figures: every figure is a drawing at one address, and its numbers at another."""

import csv
import io
import xml.etree.ElementTree as ET

import pytest
from fastapi.testclient import TestClient

from registry.web.figures import CSV, SVG, ModelKind, said


def drawn(client: TestClient, address: str) -> str:
    """Return all words of a drawing."""
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, SVG)
    return " ".join("".join(ET.fromstring(answer.text).itertext()).split())


def rows(client: TestClient, address: str) -> list[dict[str, str]]:
    """Return the rows of a table of numbers."""
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, CSV)
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("kind", ["densities", "spectra", "labels"])
def test_a_figure_of_a_model(client, kind):
    """Both ways; the drawing turns its ink on a dark screen."""
    assert "llama" in drawn(client, f"/model/llama/figure/{kind}.svg")
    assert "prefers-color-scheme: dark" in client.get(f"/model/llama/figure/{kind}.svg").text
    assert {row["model"] for row in rows(client, f"/model/llama/figure/{kind}.csv")} == {"llama"}


def test_layer_drift_of_a_model_and_its_parent(client):
    """Of one whose parent is known, as of the two by their names; of others the drawing says why not."""
    assert "llama-chat" in drawn(client, "/model/llama-chat/figure/layers.svg")
    known = rows(client, "/model/llama-chat/figure/layers.csv")
    assert {row["parent"] for row in known} == {"llama"}
    assert rows(client, "/pair/llama-chat/llama/layers.csv") == known
    assert "give its parent" in drawn(client, "/model/llama/figure/layers.svg")
    assert client.get("/model/llama/figure/layers.csv").status_code == 404


def test_a_pair_that_has_no_drift(client):
    """An adapter comes first: the other way round it is said."""
    assert "name the adapter first" in drawn(client, "/pair/llama/llama-lora/layers.svg")


@pytest.mark.parametrize("address", ["/model/llama-chat/tree", "/family/llama/tree"])
def test_trees(client, address):
    """Of a model and of a family."""
    assert "llama-chat" in drawn(client, f"{address}.svg")
    assert "llama-chat" in {row["model"] for row in rows(client, f"{address}.csv")}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/model/nope/figure/std.svg", 404),
        ("/model/llama/figure/nope.svg", 400),
        ("/model/llama/figure/..%2Fstd.svg", 400),
        ("/family/nope/tree.svg", 404),
        ("/pair/llama/nope/layers.csv", 404),
    ],
)
def test_figures_that_there_are_not(client, address, status):
    """Each is one sentence."""
    assert client.get(address).status_code == status


def test_a_model_shows_its_figures(client):
    """Layer drift first, where a parent is known; each image with what it shows and its numbers."""
    page = client.get("/model/llama-chat").text
    images = [part.split('"')[0] for part in page.split('<img src="')[1:]]
    assert images[0] == "/model/llama-chat/figure/layers.svg"
    for image in images:
        assert client.get(image).status_code == 200
        assert f'href="{image.removesuffix("svg")}csv"' in page
    assert page.count('alt=""') == 0


def test_every_kind_is_drawn():
    """Names of addresses are kinds of figures of models."""
    from registry.figures.kinds import KINDS, Takes

    assert all(KINDS[kind].takes is Takes.MODELS for kind in ModelKind)


def test_a_sentence_is_a_drawing():
    """Without markup or controls of its own, folded, and not endless."""
    drawing = said("<script>\x1b " + "word " * 400)
    words = "".join(ET.fromstring(drawing).itertext())
    assert "<script>\\x1b" in words
    assert drawing.count("<text") == 6
