"""registry.web.atlas: the map of all models, tile by tile."""

import re
import xml.etree.ElementTree as ET

import pytest
from fastapi.testclient import TestClient


def map_of(client: TestClient, address: str) -> ET.Element:
    """Return the drawing of a page."""
    page = client.get(address)
    assert page.status_code == 200
    return ET.fromstring(re.search(r"<svg viewBox.*?</svg>", page.text, re.DOTALL)[0])


def links(drawing: ET.Element) -> list[str]:
    """Return where a drawing leads."""
    return [link.attrib["href"] for link in drawing.iter("a")]


def test_the_map_leads_to_models_and_closer(client):
    """Models that have a place, the quarters of the map, and the tile around a cluster."""
    found = links(map_of(client, "/atlas"))
    assert found[:4] == ["/atlas/1/0/0", "/atlas/1/1/0", "/atlas/1/0/1", "/atlas/1/1/1"]
    assert {"/model/llama", "/model/qwen"} <= set(found)
    assert "/atlas/2/1/1" in found
    for address in found:
        assert client.get(address).status_code == 200


def test_closer_up_there_are_more(client):
    """A model of a narrower tile is shown there alone; the tile leads back, and to those beside it."""
    assert "/model/llama-chat" not in links(map_of(client, "/atlas"))
    assert "/model/llama-chat" in links(map_of(client, "/atlas/1/0/0"))
    page = client.get("/atlas/1/0/0").text
    for address in ("/atlas", "/atlas/1/1/0", "/atlas/1/0/1"):
        assert f'href="{address}"' in page


def test_places_are_where_they_are(client):
    """A quarter from the left and from the bottom is below the middle of the drawing."""
    drawing = map_of(client, "/atlas")
    [llama] = [link for link in drawing.iter("a") if link.attrib["href"] == "/model/llama"]
    assert llama[0].attrib["transform"] == "translate(250.0 750.0)"
    assert llama[0][0].text == "llama (llama)"


def test_the_twin_and_the_files(client):
    """The same in JSON, as a drawing and as CSV."""
    twin = client.get("/atlas/1/0/0.json").json()
    assert twin["models"] == 2
    assert [place["name"] for place in twin["places"]] == ["llama", "llama-chat"]
    assert twin["clusters"][0]["family"] == "llama"
    assert "<svg" in client.get("/atlas/1/0/0.svg").text
    assert len(client.get("/atlas/1/0/0.csv").text.splitlines()) == 3
    assert client.get("/atlas.json").json()["tile"] == {"zoom": 0, "column": 0, "row": 0}


def test_a_model_is_found_on_the_map(client):
    """Its page leads to the tile that shows it; one without a place says so."""
    assert "/model/llama-chat" in links(map_of(client, "/model/llama-chat/atlas"))
    answer = client.get("/model/llama-code/atlas")
    assert (answer.status_code, "has no place on the map" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/atlas/1/2/0", 404),
        ("/atlas/0/0/1", 404),
        ("/atlas/13/0/0", 400),
        ("/atlas/-1/0/0", 400),
        ("/atlas/1/99999999999999999999/0", 400),
        ("/atlas/x/0/0.json", 400),
        ("/atlas/12/4095/4095", 200),
    ],
)
def test_tiles_that_there_are_not(client, address, status):
    """Each is one sentence; an empty tile is empty."""
    assert client.get(address).status_code == status
