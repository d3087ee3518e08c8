"""registry.api: the Python face, and errors that one except clause catches."""

import pytest

import registry
from registry.errors import RegistryError
from registry.fingerprints.timing import STAGES, Timing


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


def test_a_fingerprint_needs_no_database(model, monkeypatch):
    """registry.fingerprint works where the database does not."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    assert registry.fingerprint(model).layers == 2


def test_time_is_told(known, model):
    """Every stage of the journey, in seconds of all threads."""
    clock = Timing()
    known.ingest(model, timing=clock)
    spent = clock.seconds()
    assert {stage for stage, seconds in spent.items() if seconds} == {*STAGES, "wall"} - {"copy"}


def test_every_error_is_a_registry_error(known):
    """One except clause is enough."""
    for call in (known.show, known.remove, known.ingest, known.identify, registry.fingerprint):
        with pytest.raises(RegistryError, match="nothing here"):
            call("./nothing here")


def test_a_model_is_described_at_one_moment(known, model):
    """With its fingerprint, remarks and sources, as each is read alone."""
    name = known.ingest(model).model.name
    known.tag(name, ["good"])
    described = known.described(name)
    assert described[:2] == known.show(name)
    assert described.remarks == known.remarks(name)
    assert described.sources == known.sources(name)


def test_an_overview_is_of_one_moment(known, model):
    """Models, tags and the count of those not compared are what the methods of each give."""
    name = known.ingest(model).model.name
    known.tag(name, ["mine"])
    overview = known.overview()
    assert overview.models == known.models()
    assert overview.tags == known.tags()
    assert overview.not_compared == known.not_compared()
