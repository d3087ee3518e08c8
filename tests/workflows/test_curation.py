"""registry.workflows.curation and registry.database.curating.curation: what people change, and take back."""

import json
from functools import cache

import psycopg
import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run
from places import EXAMPLES, execute, rows

import registry
from registry.database.curating import events, removal, undo
from registry.database.stored.origin import Origin
from registry.errors import (
    AlreadyUndone,
    BadFamily,
    BadName,
    BadNote,
    BadTag,
    CannotUndo,
    EventNotFound,
    FamilyNotFound,
    ModelNotFound,
    NameInUse,
    NothingToUndo,
    NotUndoable,
    TagNotFound,
)
from registry.fingerprints.from_source import read
from registry.legible import legible
from registry.workflows.ingest import store

TINY, CODE = EXAMPLES / "llama-tiny", EXAMPLES / "llama-tiny-code"


@cache
def read_once(source):
    """A checkpoint and its fingerprint, which takes a while."""
    return read(source, rank=16)


def store_once_read(known, source):
    """Ingest a source, whose weights are read for the first test alone."""
    checkpoint, fingerprint = read_once(source)
    origin = Origin(
        source=checkpoint.source,
        revision=None,
        base=checkpoint.base,
        name=checkpoint.name,
        family=None,
        tool_version="0",
        facts=checkpoint.facts,
        claims=checkpoint.claims,
    )
    store(known._engine, origin, fingerprint)


@pytest.fixture
def known(url):
    """A base and its fine-tune."""
    with registry.Registry(url) as opened:
        for source in (TINY, CODE):
            store_once_read(opened, source)
        yield opened


@pytest.fixture
def one(url):
    """A model that is alone."""
    with registry.Registry(url) as opened:
        store_once_read(opened, EXAMPLES / "qwen-tiny")
        yield opened


def everything(url):
    """All rows of all tables that hold models, with their numbers, but for edges that were."""
    content = {}
    for table in removal.tables():
        condition = "WHERE superseded_at IS NULL" if table.name == "edges" else ""
        listed = rows(url, f"SELECT to_jsonb(t) FROM {table} AS t {condition}")
        content[table.name] = sorted(json.dumps(row, sort_keys=True) for (row,) in listed)
    content["families"] = rows(url, "SELECT id, name FROM registry_tables.families ORDER BY id")
    return content


def parents(known):
    """The main parents, by child."""
    return {edge.child: edge.parent for edge in known.tree().edges if edge.main}


def test_a_removed_model_comes_back_whole(known, url):
    """Fingerprint, verdict, edges, sources, claims, tags and notes, with the same numbers."""
    known.tag("llama-tiny", ["approved"])
    known.note("llama-tiny", "the teacher")
    before = everything(url)
    stored = known.show("llama-tiny")
    assert known.remove("llama-tiny").name == "llama-tiny"
    assert parents(known) == {}
    with pytest.raises(ModelNotFound, match="llama-tiny"):
        known.show("llama-tiny")
    known.undo()
    assert known.show("llama-tiny") == stored
    assert parents(known) == {"llama-tiny-code": "llama-tiny"}
    after = everything(url)
    for table in before.keys() - {"verdicts", "edges"}:  # these are made anew, alike
        assert after[table] == before[table], table
    assert known.remarks("llama-tiny").tags == ("approved",)
    assert [note.note for note in known.remarks("llama-tiny").notes] == ["the teacher"]


def test_a_child_that_comes_back_has_its_parent(known):
    """The edge to its parent, and its verdict, are there at once."""
    verdict = known.explain("llama-tiny-code").verdict
    known.remove("llama-tiny-code")
    known.undo()
    assert parents(known) == {"llama-tiny-code": "llama-tiny"}
    assert known.explain("llama-tiny-code").verdict.model == verdict.model


def test_a_parent_that_went_before_its_child(known):
    """Both come back, in any order, and are judged again."""
    known.remove("llama-tiny")
    known.remove("llama-tiny-code")
    first, second = (event.id for event in known.log(most=20) if event.action == "removed")
    known.undo(second)
    known.undo(first)
    assert parents(known) == {"llama-tiny-code": "llama-tiny"}


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [("name", "is the name of another"), ("weights", "registered again, as 'copy'")],
)
def test_what_cannot_come_back(one, url, tmp_path, meanwhile, reason):
    """Where the name or the weights are registered anew, one sentence says so; nothing is done."""
    one.remove("qwen-tiny")
    if meanwhile == "name":
        one.ingest(write_folder(tmp_path / "m", llama()), name="qwen-tiny", rank=16)
    else:
        one.ingest(EXAMPLES / "qwen-tiny", name="copy", rank=16)
    before = everything(url)
    with pytest.raises(CannotUndo, match=reason):
        one.undo()
    assert everything(url) == before


def test_the_family_of_the_last_model_comes_back(one, url):
    """Under its own number; or it is the one that bears the name now."""
    families = rows(url, "SELECT id, name FROM registry_tables.families")
    one.remove("qwen-tiny")
    assert rows(url, "SELECT * FROM registry_tables.families") == []
    one.undo()
    assert rows(url, "SELECT id, name FROM registry_tables.families") == families


def test_renaming(known):
    """Verdicts and families follow, the sources keep the old name, and it is undone."""
    done = known.rename("llama-tiny", "base")
    assert parents(known) == {"llama-tiny-code": "base"}
    verdict = known.explain("llama-tiny-code").verdict
    assert verdict.model == "base"
    assert "llama-tiny" not in [relative.model for relative in verdict.relatives]
    assert {model.family for model in known.models()} == {"base"}
    assert [source.name for source in known.sources("base")] == ["llama-tiny"]
    assert known.claims("llama-tiny-code")[0].registered == "base"
    assert known.rename("base", "base").event is None
    known.undo(done.event)
    assert known.explain("llama-tiny-code").verdict.model == "llama-tiny"
    assert {model.family for model in known.models()} == {"llama-tiny"}


def test_names_that_are_refused(known):
    """One that another bears, or that is no name."""
    with pytest.raises(NameInUse, match="llama-tiny-code"):
        known.rename("llama-tiny", "llama-tiny-code")
    for name in ("", " ", "a\u202eb", "\x1b[2J", "x" * 301):
        with pytest.raises(BadName, match="name"):
            known.rename("llama-tiny", name)
        with pytest.raises(BadFamily, match="family"):
            known.move("llama-tiny", name)


def test_a_rename_that_is_out_of_date(known):
    """What was renamed since, or whose old name is taken, stays as it is."""
    first = known.rename("llama-tiny", "a").event
    known.rename("a", "b")
    with pytest.raises(CannotUndo, match="the model is called 'b' now"):
        known.undo(first)
    known.rename("llama-tiny-code", "a")
    with pytest.raises(CannotUndo, match="'a' is the name of another model now"):
        known.undo(known.log("b")[0].id)
    assert [model.name for model in known.models()] == ["a", "b"]


def test_moving(known):
    """A model that was moved stays, what comes from it follows; undone, the old families return."""
    known.move("llama-tiny", "llamas")
    assert {model.family for model in known.models()} == {"llamas"}
    assert known.move("llama-tiny", "llamas").event is None
    known.rejudge(every=True)
    assert {model.family for model in known.models()} == {"llamas"}
    known.undo()
    assert {model.family for model in known.models()} == {"llama-tiny"}
    assert [family.name for family in known.families()] == ["llama-tiny"]


def test_merging_families(known, tmp_path):
    """All models of one are in the other and stay there; undone, both are as before."""
    known.ingest(EXAMPLES / "qwen-tiny", rank=16, family="qwen")
    before = known.families()
    known.merge_families("llama-tiny", "qwen")
    assert [(family.name, len(family.models)) for family in known.families()] == [("qwen", 3)]
    known.rejudge(every=True)
    assert [family.name for family in known.families()] == ["qwen"]
    known.undo()
    assert known.families() == before
    with pytest.raises(FamilyNotFound, match="nothing"):
        known.merge_families("nothing", "qwen")
    assert known.merge_families("qwen", "qwen").event is None


def test_a_merge_that_is_out_of_date(known):
    """Where a model was moved since nothing is undone."""
    event = known.merge_families("llama-tiny", "all").event
    known.move("llama-tiny-code", "other")
    with pytest.raises(CannotUndo, match="'llama-tiny-code' is in family 'other' now"):
        known.undo(event)
    assert [family.name for family in known.families()] == ["all", "other"]


def test_tags(one):
    """They are put on once, listed, found, taken off, and each is undone."""
    assert one.tag("qwen-tiny", ["b", "a", "b"]).details == {"tags": ["b", "a"]}
    assert one.tag("qwen-tiny", ["a"]).event is None
    assert [model["tags"] for model in answer("list", "--tag", "a")["models"]] == [["a", "b"]]
    assert answer("list", "--tag", "x")["models"] == []
    one.untag("qwen-tiny", ["a"])
    assert one.remarks("qwen-tiny").tags == ("b",)
    one.undo()
    one.undo()
    assert one.remarks("qwen-tiny").tags == ()
    with pytest.raises(TagNotFound, match="has no tag 'a'"):
        one.untag("qwen-tiny", ["a"])
    for tag in ("", "\t", "a\u202eb", "\x1b", "x" * 301):
        with pytest.raises(BadTag, match="is no tag"):
            one.tag("qwen-tiny", [tag])


def test_notes(one):
    """A note is kept as it was written, once, and escaped where it is shown."""
    odd = "[red]\u202ea\x1b[2J\n'; DROP TABLE models; --"
    one.note("qwen-tiny", odd)
    assert one.note("qwen-tiny", odd).event is None
    assert [note["note"] for note in answer("show", "qwen-tiny")["notes"]] == [odd]
    assert legible(odd) in run("show", "qwen-tiny").stdout
    one.undo()
    assert answer("show", "qwen-tiny")["notes"] == []
    for text in ("", " \n", "a\0", "\ud800", "x" * 10_001):
        with pytest.raises(BadNote, match="This is no note"):
            one.note("qwen-tiny", text)


def test_what_is_not_undone(one, monkeypatch):
    """An ingestion, what is undone already, what is not there, and what others did."""
    ingested = one.log()[-1].id
    with pytest.raises(NotUndoable, match="ingested"):
        one.undo(ingested)
    with pytest.raises(EventNotFound, match="no event 0"):
        one.undo(0)
    with pytest.raises(EventNotFound, match="no event"):
        one.undo(2**70)
    with pytest.raises(NothingToUndo, match="has changed nothing"):
        one.undo()
    event = one.tag("qwen-tiny", ["a"]).event
    for room in (events, undo):
        monkeypatch.setattr(room, "actor", lambda: "somebody else")
    with pytest.raises(NothingToUndo, match="'somebody else' has changed nothing"):
        one.undo()
    one.undo(event)
    with pytest.raises(AlreadyUndone, match="undone already"):
        one.undo(event)
    assert (one.log()[0].actor, one.log()[0].action) == ("somebody else", "undone")


def test_an_undo_of_a_model_that_went(one):
    """Its removal is to be undone first."""
    event = one.tag("qwen-tiny", ["a"]).event
    one.remove("qwen-tiny")
    with pytest.raises(CannotUndo, match="was removed; undo its removal first"):
        one.undo(event)
    one.undo()
    one.undo(event)
    assert one.remarks("qwen-tiny").tags == ()


def test_an_edge_whose_place_was_taken(known, url):
    """It comes back as one that was, and the tree has no second main parent."""
    known.remove("llama-tiny")
    execute(url, "UPDATE registry_tables.verdicts SET due = false")
    known.ingest(EXAMPLES / "llama-small", rank=16)
    with psycopg.connect(url) as own:
        own.execute(
            "INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main,"
            " evidence, changes, fingerprint_version, because)"
            " SELECT a.id, b.id, 'derived', 'presumed', true, '[]', '[]', 3, 'test'"
            " FROM registry_tables.models AS a, registry_tables.models AS b"
            " WHERE (a.name, b.name) = ('llama-tiny-code', 'llama-small')"
        )
    (event,) = (event.id for event in known.log() if event.action == "removed")
    known.undo(event)
    assert parents(known) == {"llama-tiny-code": "llama-tiny"}


def test_removing_is_confirmed(one, monkeypatch):
    """Where nobody can be asked it takes --yes; on a terminal a yes, and nothing else does."""
    refused = run("remove", "qwen-tiny")
    assert refused.exit_code == 1
    assert "give --yes where there is no terminal" in refused.stderr
    monkeypatch.setattr("registry.commands.curation.can_ask", lambda: True)
    assert run("remove", "qwen-tiny").exit_code == 1
    assert len(one.models()) == 1
    monkeypatch.setattr("registry.commands.curation.agrees", lambda _: True)
    assert "registry undo brings it back" in run("remove", "qwen-tiny").stdout
    assert one.models() == []


def test_every_command_says_how_it_is_undone(one):
    """Each prints the number of its event, which `undo` takes."""
    calls = (
        ("rename", "qwen-tiny", "q"),
        ("move", "q", "f"),
        ("tag", "q", "t"),
        ("note", "q", "n"),
        ("merge-families", "f", "g"),
    )
    for call in calls:
        done = answer(*call)
        assert done["event"] is not None
        undone = answer("undo", done["event"])
        assert undone["details"]["event"] == done["event"]
        printed = run(*call).stdout
        number = printed.split("registry undo ")[1].split()[0]
        assert int(number) > done["event"]
