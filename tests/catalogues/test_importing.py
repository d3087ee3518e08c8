"""registry.catalogues.importing: a catalogue into a registry, whole, once, and never over what is there."""

import json

from catalogues_made import digest, one_fingerprint, register, rewritten
from places import execute, rows

import registry

EVERYTHING = """
    SELECT m.name, f.name, m.digest, m.source, m.ingested_at, s.source, s.first_seen
    FROM registry_tables.models AS m JOIN registry_tables.families AS f ON f.id = m.family_id
    LEFT JOIN registry_tables.sources AS s ON s.model_id = m.id ORDER BY 1, 6
"""


def test_what_is_exported_reads_back_equal(catalogue, other, url):
    """Every number of a fingerprint, its family, source and time."""
    imported = other.import_catalogue(catalogue)
    assert imported.numbers == {
        "new": 3, "renamed": 0, "known": 0, "completed": 0, "conflict": 0, "refused": 0,
        "edges": 0, "edges_left_out": 0, "due": 3,
    }  # fmt: skip
    summary, fingerprint = other.show("a")
    assert (summary.family, summary.source, summary.digest) == ("first", "/models/a", digest("a"))
    made = one_fingerprint()
    assert fingerprint == type(made)(**{**vars(made), "digest": digest("a")})
    again = catalogue.with_name("again.parquet")
    other.export_catalogue(again)
    assert again.read_bytes() == catalogue.read_bytes()


def test_a_second_import_changes_nothing(catalogue, other, url):
    """The models are known; no row, no time and no line of the log is new."""
    other.import_catalogue(catalogue)
    before = rows(url, EVERYTHING), rows(url, "SELECT * FROM registry_tables.events")
    assert other.import_catalogue(catalogue).numbers["known"] == 3
    assert (rows(url, EVERYTHING), rows(url, "SELECT * FROM registry_tables.events")) == before


def test_the_same_weights_keep_their_name(catalogue, other, url):
    """A model that is registered under another name is known, and where else it was seen is kept."""
    register(url, "a")
    execute(url, "UPDATE registry_tables.models SET name = 'mine'")
    exported = rewritten(catalogue, add_source)
    imported = other.import_catalogue(exported)
    assert (imported.numbers["new"], imported.numbers["completed"]) == (2, 1)
    [model] = imported.models
    assert (model.name, model.registered_as) == ("a", "mine")
    where = "WHERE model_id = (SELECT id FROM registry_tables.models WHERE name = 'mine')"
    assert rows(
        url, f"SELECT name, source FROM registry_tables.sources {where} ORDER BY 2 DESC"
    ) == [
        ("a", "/models/a"),
        ("theirs", "/elsewhere"),
    ]


def add_source(row):
    """Have a model seen elsewhere, with a claim made there."""
    seen = row["ingested_at"]
    place = {
        "name": "theirs",
        "source": "/elsewhere",
        "revision": None,
        "host": "host",
        "size": 7,
        "format": None,
    }
    row["sources"] = [{**place, "first_seen": seen, "last_seen": seen}]
    row["claims"] = [
        {"place": 0, "claim": "licence", "value": "mit", "made_by": "card", "seen_at": seen}
    ]
    row["tags"] = [{"tag": "good", "tagged_at": seen}]
    row["notes"] = [{"note": "a note", "author": "me", "noted_at": seen}]


def test_what_people_say_travels(catalogue, other, url):
    """Sources, claims at their source, tags and notes; the second time nothing is new."""
    exported = rewritten(catalogue, add_source)
    other.import_catalogue(exported)
    said = """
        SELECT m.name, s.source, c.value, t.tag, n.note FROM registry_tables.models AS m
        JOIN registry_tables.claims AS c ON c.model_id = m.id
        JOIN registry_tables.sources AS s ON s.id = c.source_id
        JOIN registry_tables.tags AS t ON t.model_id = m.id
        JOIN registry_tables.notes AS n ON n.model_id = m.id ORDER BY 1
    """
    told = ("/elsewhere", "mit", "good", "a note")
    assert rows(url, said) == [("a", *told), ("b", *told), ("c", *told)]
    assert other.import_catalogue(exported).numbers["known"] == 3
    assert len(rows(url, said)) == 3


def test_other_weights_under_a_taken_name_are_a_conflict(catalogue, other, url):
    """The registered model stays as it is, and the other is left out and named."""
    register(url, "b", zero=("other.weight",))
    execute(url, f"UPDATE registry_tables.models SET digest = '{digest('other')}'")
    imported = other.import_catalogue(catalogue)
    assert (imported.numbers["new"], imported.numbers["conflict"]) == (2, 1)
    [model] = imported.models
    assert (model.name, model.registered_as, model.reason) == ("b", None, digest("other"))
    assert other.show("b").summary.digest == digest("other")


def test_a_conflict_may_be_stored_under_another_name(catalogue, other, url):
    """With digits of its digest behind the name; a second time it is known by its weights."""
    register(url, "b")
    execute(url, f"UPDATE registry_tables.models SET digest = '{digest('other')}'")
    imported = other.import_catalogue(catalogue, rename=True)
    assert imported.numbers["renamed"] == 1
    assert other.show(f"b~{digest('b')[:8]}").summary.digest == digest("b")
    assert other.import_catalogue(catalogue, rename=True).numbers["known"] == 3


def test_a_deeper_fingerprint_completes_what_is_registered(catalogue, other, url):
    """What was stored with less gains what the file has more."""
    register(url, "a", histograms=(), ledger=())
    assert other.show("a").fingerprint.histograms == ()
    imported = other.import_catalogue(catalogue)
    assert imported.numbers["completed"] == 1
    assert other.show("a").fingerprint.histograms == one_fingerprint().histograms
    assert other.import_catalogue(catalogue).numbers["known"] == 3


def test_names_that_act_are_refused(catalogue, other):
    """As at ingestion, each with its reason; the others of the file are stored."""

    def odd(row):
        row["name"] = {"a": "a\u202eb", "b": "\x1b[31m", "c": "c"}[row["name"]]

    imported = other.import_catalogue(rewritten(catalogue, odd))
    assert (imported.numbers["new"], imported.numbers["refused"]) == (1, 2)
    assert "U+202E" in str(imported.models[0].reason)


def test_sql_in_names_is_text(catalogue, other):
    """A name is never part of a statement."""

    def odd(row):
        row["name"] = f"{row['name']}'; DROP TABLE registry_tables.models; --"
        row["family"] = '"); DELETE FROM registry_tables.models; --'

    assert other.import_catalogue(rewritten(catalogue, odd)).numbers["new"] == 3
    assert [model.name[:3] for model in other.models()] == ["a';", "b';", "c';"]


def test_versions_stand_side_by_side(catalogue, other):
    """A fingerprint of another version is stored, counted, and listed as one that is not compared."""

    def older(row):
        row["fingerprint_version"] = 2 if row["name"] == "a" else 3

    imported = other.import_catalogue(rewritten(catalogue, older))
    assert imported.not_compared == {2: 1}
    assert [(m.name, m.fingerprint_version) for m in other.models()] == [
        ("a", 2),
        ("b", 3),
        ("c", 3),
    ]


def edge(parent, **more):
    """An edge to a parent, as a catalogue holds it."""
    return {
        "parent": parent, "parent_digest": digest(parent), "relation": "derived", "direction": "shown",
        "main": True, "evidence": "[]", "changes": "[]", "fingerprint_version": 3, "because": "made", **more,
    }  # fmt: skip


def with_edges(**parents):
    """Return a change that gives models edges to these parents."""

    def change(row):
        names = parents.get(row["name"], ())
        row["edges"] = [edge(name, judged_at=row["ingested_at"]) for name in names]

    return change


EDGES = """
    SELECT c.name, p.name FROM registry_tables.edges AS e JOIN registry_tables.models AS c ON c.id = child_id
    JOIN registry_tables.models AS p ON p.id = parent_id ORDER BY 1, 2
"""


def test_edges_are_kept_where_both_models_are(catalogue, other, url):
    """A parent may stand after its child in the file; one that is nowhere is counted."""
    exported = rewritten(catalogue, with_edges(a=["b"], b=["c"], c=["nowhere"]))
    imported = other.import_catalogue(exported)
    assert (imported.edges, imported.edges_left_out) == (2, 1)
    assert rows(url, EDGES) == [("a", "b"), ("b", "c")]
    assert other.import_catalogue(exported).edges == 0
    assert rows(url, EDGES) == [("a", "b"), ("b", "c")]


def test_edges_close_no_circle(catalogue, other, url):
    """Of a circle the last edge is left out, and the models are stored."""
    imported = other.import_catalogue(rewritten(catalogue, with_edges(a=["b"], b=["c"], c=["a"])))
    assert (imported.edges, imported.edges_left_out) == (2, 1)
    assert len(other.models()) == 3


def test_a_standing_parent_stays(catalogue, other, url):
    """Where the registry knows another main parent, the file's edge is left out."""
    other.import_catalogue(rewritten(catalogue, with_edges(a=["b"])))
    imported = other.import_catalogue(rewritten(catalogue, with_edges(a=["c"])))
    assert (imported.edges, imported.edges_left_out) == (0, 1)
    assert rows(url, EDGES) == [("a", "b")]


def test_an_import_is_a_line_of_the_log(catalogue, other, url):
    """With the file, its digest and the counts."""
    other.import_catalogue(catalogue)
    [(action, details)] = rows(url, "SELECT action, details FROM registry_tables.events")
    assert (action, details["catalogue"], details["new"]) == ("imported", str(catalogue), 3)


def test_verdicts_name_the_same_models_elsewhere(catalogue, other, url):
    """Models have other numbers in another registry, and names: what a verdict refers to is found by digests."""
    register(url, "b")
    execute(url, "UPDATE registry_tables.models SET name = 'mine'")
    relative = {
        "model": "b", "family": "first", "relation": "derived", "explained": 0.9, "p_value": 1e-9,
        "score": 9.0, "tied": False, "changes": [], "direction": None, "digest": digest("b"),
    }  # fmt: skip
    nowhere = {**relative, "model": "nowhere", "digest": digest("nowhere")}

    def change(row):
        if row["name"] == "a":
            row["verdict"] = {
                "verdict": "derived", "base": "b", "how": [], "candidates": 3, "evidence": "[]", "changes": "[]",
                "relatives": json.dumps([relative, nowhere]), "parents": [digest("b")],
                "signs": json.dumps({digest("b"): ["child", None], digest("nowhere"): ["child", None]}),
                "judged_at": row["ingested_at"],
            }  # fmt: skip

    imported = other.import_catalogue(rewritten(catalogue, change))
    assert imported.due == 2
    [(base, parents, signs, relatives, mine, due)] = rows(
        url,
        "SELECT base, parent_ids, signs, relatives, b.id, due FROM registry_tables.verdicts AS v"
        " JOIN registry_tables.models AS a ON a.id = v.model_id JOIN registry_tables.models AS b ON b.name = 'mine'"
        " WHERE a.name = 'a'",
    )
    assert (base, parents, signs, due) == ("mine", [mine], {str(mine): ["child", None]}, True)
    assert [(one["model"], one["id"]) for one in relatives] == [("mine", mine), ("nowhere", None)]
    assert other.explain("a").verdict.relatives[0].model == "mine"
    again = catalogue.with_name("again.parquet")
    other.export_catalogue(again)
    import pyarrow.parquet as pq

    [verdict] = [row["verdict"] for row in pq.read_table(again).to_pylist() if row["name"] == "a"]
    assert (verdict["parents"], list(json.loads(verdict["signs"]))) == (
        [digest("b")],
        [digest("b")],
    )


def test_models_without_a_verdict_are_to_be_judged(catalogue, other, url):
    """As if they had been ingested while others could not be judged."""
    assert other.import_catalogue(catalogue).due == 3
    assert rows(url, "SELECT verdict, due FROM registry_tables.verdicts") == [("unknown", True)] * 3


def test_what_is_imported_is_judged(catalogue, url):
    """At once, as far as a few seconds go: the three are of the same weights but for their digests."""
    with registry.Registry() as known:
        assert known.import_catalogue(catalogue).due == 0
        assert known.explain("c").verdict.model in ("a", "b")
    assert rows(url, "SELECT count(*) FROM registry_tables.verdicts WHERE due") == [(0,)]


def test_a_catalogue_from_a_web_address(catalogue, other, url, monkeypatch):
    """It is fetched into a file that goes again; the log names its address, without a signature."""
    from registry.workflows import catalogues

    def fetch(address, path):
        assert address == "https://example.org/c.parquet?signature=secret"
        path.write_bytes(catalogue.read_bytes())

    monkeypatch.setattr(catalogues, "fetch", fetch)
    address = "https://example.org/c.parquet?signature=secret"
    assert other.import_catalogue(address).numbers["new"] == 3
    [(details,)] = rows(url, "SELECT details FROM registry_tables.events")
    assert details["catalogue"] == "https://example.org/c.parquet"
