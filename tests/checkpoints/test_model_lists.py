"""registry.checkpoints.hub.model_lists, through the real hub client and a hub on this machine."""

import pytest
from hub_client import client
from hub_server import Hub

from registry.checkpoints.hub import limits, model_lists
from registry.checkpoints.hub.model_lists import models_of_author, models_of_collection
from registry.errors import (
    HubAuthorUnknown,
    HubCollectionUnknown,
    HubModelsAway,
    HubModelsRefused,
)

SLUG = "acme/fine-models-64f9a55bb3115b4f513ec026"


@pytest.fixture
def hub(tmp_path):
    """A hub with seven models of acme, in pages of three, and the client set up for it."""
    with Hub() as made, client(made.url, tmp_path):
        made.page = 3
        for number in range(7):
            made.add(f"acme/model-{number}", {"config.json": b"{}"})
        made.add("acme-labs/model", {"config.json": b"{}"})
        yield made


def test_all_models_of_an_author(hub):
    """All pages of them, and none of an author whose name begins so."""
    assert models_of_author("acme") == [f"acme/model-{number}" for number in range(7)]
    assert len(hub.asked("acme")) == 3


def test_models_of_a_collection(hub):
    """In its order, each once, without its datasets and papers."""
    items = [
        {"type": "model", "id": "acme/b"},
        {"type": "dataset", "id": "acme/data"},
        {"type": "paper", "id": "2509.19122"},
        {"type": "model", "id": "acme/a"},
        {"type": "model", "id": "acme/b"},
    ]
    hub.collections[SLUG] = items
    assert models_of_collection(SLUG) == ["acme/b", "acme/a"]


@pytest.mark.parametrize("name", ["", "  ", "nobody", "acme&limit=1", "../models"])
def test_an_author_without_models(hub, name):
    """Is told; no name stands for all models of the hub."""
    with pytest.raises(HubAuthorUnknown, match="shows no models of"):
        models_of_author(name)


@pytest.mark.parametrize("slug", ["", "/", "acme/nothing-1", "../models/acme/model-1", "empty/one"])
def test_a_collection_that_is_not_there(hub, slug):
    """Or has no models in it."""
    hub.collections["empty/one"] = [{"type": "dataset", "id": "acme/data"}]
    with pytest.raises(HubCollectionUnknown, match="shows no collection"):
        models_of_collection(slug)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("unavailable", "it answers 503, service unavailable"),
        ("rate-limited", "it answers 429, too many requests"),
        ("bad-token", "it answers 401, unauthorized: Invalid credentials"),
        ("forbidden", "it answers 403, forbidden"),
    ],
)
def test_a_hub_that_refuses(hub, fault, reason):
    """Is told with its status, after as many attempts as for a model; a passing fault is not."""
    hub.fault("acme", fault)
    with pytest.raises(HubModelsAway, match=reason):
        models_of_author("acme")
    if fault in ("unavailable", "rate-limited"):
        hub.fault("acme", fault, times=1)
        assert len(models_of_author("acme")) == 7


def test_a_web_page_is_no_list(hub):
    """Such as a network's own, which asks to log in."""
    hub.fault("acme", "portal")
    with pytest.raises(HubModelsRefused, match="it is no JSON"):
        models_of_author("acme")


def test_offline(hub, tmp_path):
    """No list is kept for a hub that is switched off."""
    with (
        client(hub.url, tmp_path, HF_HUB_OFFLINE=True),
        pytest.raises(HubModelsAway, match="HF_HUB_OFFLINE is set"),
    ):
        models_of_author("acme")


def test_a_hub_that_is_not_there(tmp_path):
    """Is told in the system's words."""
    with (
        client("http://127.0.0.1:1", tmp_path),
        pytest.raises(HubModelsAway, match="Connection refused"),
    ):
        models_of_author("acme")


def test_a_list_without_end(hub, monkeypatch):
    """Ends at a limit of pages, or of models, or where it leads back."""
    monkeypatch.setattr(limits, "PAGES", 2)
    with pytest.raises(HubModelsRefused, match="more than 2 pages"):
        models_of_author("acme")
    monkeypatch.setattr(limits, "PAGES", 3)
    monkeypatch.setattr(limits, "MODELS", 5)
    with pytest.raises(HubModelsRefused, match="more than 5 models"):
        models_of_author("acme")
    monkeypatch.setattr(model_lists, "next_of", lambda url, _: url)
    with pytest.raises(HubModelsRefused, match="lead back to themselves"):
        models_of_author("acme")


def test_a_list_that_takes_long(hub, monkeypatch):
    """Ends after some minutes, between two pages."""
    monkeypatch.setattr(limits, "MODELS_SECONDS", 0)
    with pytest.raises(HubModelsRefused, match="takes longer than 0 seconds"):
        models_of_author("acme")


def test_a_mirror_hands_on_links_of_another_hub(hub, monkeypatch):
    """Their pages are asked for here, and the token goes nowhere else."""
    here = hub.url
    monkeypatch.setattr(type(hub), "url", property(lambda _: "https://hub.example"), raising=False)
    assert len(models_of_author("acme")) == 7
    assert model_lists.next_of(f"{here}/api/models?author=a", "https://b.example/?cursor=2") == (
        f"{here}/api/models?cursor=2"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"error": "no"}, "it is no list"),
        ([{"id": "../etc"}], "'../etc' is no id of a model"),
        ([{"id": "acme/model:file.gguf"}], "is no id of a model"),
        ([{"id": None}], "'None' is no id of a model"),
        (["acme/model"], "'None' is no id of a model"),
        ([{"id": "a" * 1000}], "is no id of a model"),
    ],
)
def test_what_is_no_list_of_models(hub, monkeypatch, content, reason):
    """Is refused whole, and what was no id is shown."""
    lie = model_lists.Page(content, None)
    monkeypatch.setattr(model_lists, "ask", lambda *_: lie)
    with pytest.raises(HubModelsRefused, match=reason):
        models_of_author("acme")


@pytest.mark.parametrize("content", [[], {}, {"items": {}}])
def test_what_is_no_collection(hub, monkeypatch, content):
    """Is refused whole."""
    monkeypatch.setattr(model_lists, "ask", lambda *_: model_lists.Page(content, None))
    with pytest.raises(HubModelsRefused, match="it is no collection"):
        models_of_collection(SLUG)
