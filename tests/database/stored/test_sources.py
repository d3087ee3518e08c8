"""registry.database.stored.sources: every place where weights were seen is kept, with its claims."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run
from places import EXAMPLES, execute, rows

import registry
from registry.checkpoints.claim import Claim, Claimant, Claimed
from registry.checkpoints.source_facts import SourceFacts
from registry.database.connecting.connection import open_database
from registry.database.connecting.transactions import in_transaction
from registry.database.stored import fingerprints, sources
from registry.database.stored.fingerprints import Outcome
from registry.database.stored.origin import Origin, origin_from, origin_json

ORIGIN = Origin(
    "./m",
    None,
    None,
    name="m",
    family=None,
    tool_version="0",
    facts=SourceFacts("/models/m", "here", 100, "safetensors"),
    claims=(Claim(Claimed.BASE_MODEL, "org/base", Claimant.CARD),),
)


@pytest.fixture(scope="module")
def record():
    """A fingerprint."""
    return registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)


@pytest.fixture
def engine(url):
    """The empty database."""
    with open_database(url) as engine:
        yield engine


@pytest.fixture
def save(engine, record) -> Callable[[Origin], fingerprints.Saved]:
    """Stores the one fingerprint as from an origin."""

    def saving(origin):
        storing = partial(fingerprints.save, origin=origin, fingerprint=record)
        return in_transaction(engine, storing)

    return saving


def seen(engine):
    """All sources, each as what tells it from others."""
    listed = in_transaction(engine, sources.sources_of)
    return [(source.model, source.name, source.source, source.host) for source in listed]


def test_a_new_model_has_one_source(engine, save):
    """With its facts, and seen once."""
    assert not save(ORIGIN).elsewhere
    (source,) = in_transaction(engine, sources.sources_of)
    assert (source.source, source.host, source.size, source.format) == (
        "/models/m",
        "here",
        100,
        "safetensors",
    )
    assert source.first_seen == source.last_seen


OTHERS = {
    "another name": {"name": "copy"},
    "another place": {"facts": SourceFacts("/else/m", "here", 100, "safetensors")},
    "another host": {"facts": SourceFacts("/models/m", "there", 100, "safetensors")},
    "another commit": {"revision": "0" * 40},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_equal_weights_elsewhere_are_another_source(engine, save, other):
    """They are never discarded, and the log says so."""
    save(ORIGIN)
    saved = save(ORIGIN._replace(**other))
    assert (saved.outcome, saved.elsewhere, saved.summary.name) == (Outcome.UNCHANGED, True, "m")
    assert len(seen(engine)) == 2
    assert not save(ORIGIN._replace(**other)).elsewhere
    assert len(seen(engine)) == 2


def test_the_same_place_is_seen_again(save, url):
    """One row, whose first time stays and whose last moves on."""
    save(ORIGIN)
    execute(url, "UPDATE registry_tables.sources SET first_seen = 'epoch', last_seen = 'epoch'")
    save(ORIGIN)
    (times,) = rows(
        url,
        "SELECT first_seen = 'epoch', last_seen > now() - interval '1 hour' FROM registry_tables.sources",
    )
    assert times == (True, True)


def test_a_place_of_an_older_registry_is_completed(engine, save, url):
    """It knew no host, and the path as it was typed."""
    save(ORIGIN)
    execute(url, "UPDATE registry_tables.sources SET source = './m', host = NULL, size = NULL")
    assert not save(ORIGIN).elsewhere
    assert seen(engine) == [("m", "m", "/models/m", "here")]


def test_a_renamed_model_keeps_its_source(engine, save, url, record):
    """What is read again under the new name is the same place."""
    save(ORIGIN)
    execute(url, "UPDATE registry_tables.models SET name = 'renamed'")
    again = ORIGIN._replace(name="renamed")
    in_transaction(engine, lambda session: fingerprints.refresh(session, again, record))
    assert seen(engine) == [("renamed", "m", "/models/m", "here")]


def test_long_paths_are_kept_apart(engine, save):
    """Paths of 8,000 characters that differ in the last are two sources."""
    for end in "ab":
        facts = replace(ORIGIN.facts, place="/" + "x" * 8000 + end)
        save(ORIGIN._replace(facts=facts))
    assert len(seen(engine)) == 2


def test_what_cannot_be_stored_gives_way_to_what_was_typed(engine, save):
    """A full path that is too long, or no text, is none."""
    for place in ("/" + "x" * 9000, "/\udcff"):
        save(ORIGIN._replace(facts=replace(ORIGIN.facts, place=place)))
    assert seen(engine) == [("m", "m", "./m", "here")]


def test_claims_stay_with_the_source_that_makes_them(save, url):
    """Of two sources each has its own; one that is made no more keeps its time."""
    save(ORIGIN)
    execute(url, "UPDATE registry_tables.claims SET seen_at = 'epoch'")
    licence = (Claim(Claimed.LICENCE, "mit", Claimant.CARD),)
    save(ORIGIN._replace(claims=licence))
    save(ORIGIN._replace(name="copy"))
    assert rows(
        url,
        "SELECT s.name, c.claim, c.value, c.seen_at = 'epoch' FROM registry_tables.claims AS c"
        " JOIN registry_tables.sources AS s ON s.id = c.source_id ORDER BY s.name, c.claim",
    ) == [
        ("copy", "base_model", "org/base", False),
        ("m", "base_model", "org/base", True),
        ("m", "licence", "mit", False),
    ]


def test_another_base_is_told(save):
    """Whoever stores a source hears whether a base is claimed there that was not."""
    save(ORIGIN)
    assert not save(ORIGIN).said
    assert save(ORIGIN._replace(name="copy")).said
    assert not save(ORIGIN._replace(claims=())).said


def test_odd_claims_are_stored_as_text(save, url):
    """What Postgres refuses is escaped, and a long text is cut."""
    odd = "a\0b\ud800\u202e"
    claims = (
        Claim(Claimed.BASE_MODEL, odd, Claimant.CARD),
        Claim(Claimed.BASE_MODEL, "y" * 1000, Claimant.CARD),
    )
    save(ORIGIN._replace(claims=claims))
    save(ORIGIN._replace(claims=claims))
    values = rows(url, "SELECT value FROM registry_tables.claims ORDER BY value")
    assert values[0] == ("a\\x00b\\ud800\u202e",)
    assert [len(value) for (value,) in values] == [13, 300]


def test_origins_travel_through_files():
    """Back comes what was written; of an older registry's file, nothing is known of the source."""
    assert origin_from(json.loads(json.dumps(origin_json(ORIGIN)))) == ORIGIN
    old = origin_json(ORIGIN)
    del old["facts"], old["claims"]
    assert origin_from(old) == ORIGIN._replace(facts=SourceFacts(), claims=())


def test_ingest_says_that_a_source_was_added(url, model, tmp_path):
    """Equal weights under another name leave the model alone and become another source of it."""
    assert answer("ingest", model)["models"][0]["elsewhere"] is False
    copy = shutil.copytree(model, tmp_path / "copy")
    assert "nothing was changed; this source was added to it" in run("ingest", copy).output
    assert "added" not in run("ingest", copy).output
    write_folder(tmp_path / "other", llama(seed=1))
    assert answer("ingest", tmp_path / "other")["models"][0]["new"] is True
    assert rows(url, "SELECT name FROM registry_tables.sources ORDER BY name") == [
        ("copy",),
        ("model",),
        ("other",),
    ]
