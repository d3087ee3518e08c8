"""Pages of models whose names and words hold markup, controls and ten thousand characters."""

import re

import psycopg
import pytest
from fastapi.testclient import TestClient
from hostile_made import ACTING

from registry.database.connecting.reading_pool import reading_pool
from registry.web import addresses as to
from registry.web.app import application

MARKUP = "<script>alert('x')</script><img src=x onerror=alert(1)>"
NAME = f"a.json {MARKUP} {ACTING}/../\"'&%2F?#"
LONG = "l" * 10_000
WRITTEN = """
INSERT INTO registry_tables.families (name) VALUES (%(name)s);
INSERT INTO registry_tables.models (name, kind, family_id, source, architecture, dtype, parameters, layers, hidden_size,
    digest, fingerprint_version, tool_version, declared_base, revision)
SELECT given, 'model', f.id, %(text)s, %(text)s, %(text)s, 7, 1, 8, encode(sha256(convert_to(given, 'UTF8')), 'hex'), 3, %(text)s,
    %(text)s, %(text)s
FROM registry_tables.families AS f, unnest(ARRAY[%(name)s, %(other)s]) AS given;
INSERT INTO registry_tables.fingerprints (model_id, projections, std, rank, nonfinite, unknown)
SELECT id, '{query}', '{1,0,0,0,0,0,0}', 16, 0, '{}' FROM registry_tables.models;
INSERT INTO registry_tables.sources (model_id, name, source, host, format)
SELECT id, %(text)s, %(text)s, %(text)s, %(text)s FROM registry_tables.models;
INSERT INTO registry_tables.claims (model_id, claim, value, made_by) SELECT id, 'base_model', %(text)s, 'card'
FROM registry_tables.models;
INSERT INTO registry_tables.tags (model_id, tag) SELECT id, %(text)s FROM registry_tables.models;
INSERT INTO registry_tables.notes (model_id, note, author) SELECT id, %(text)s, %(text)s FROM registry_tables.models;
INSERT INTO registry_tables.events (actor, action, model, model_id, family, details)
SELECT %(text)s, %(text)s, name, id, %(text)s, '{}' FROM registry_tables.models;
INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main, evidence, changes,
    fingerprint_version, because)
SELECT max(id), min(id), 'derived', 'presumed', true, '[]', '[]', 3, %(text)s FROM registry_tables.models;
INSERT INTO registry_tables.verdicts (model_id, verdict, base, family, closest, how, candidates, evidence, changes,
    relatives)
SELECT id, 'derived', %(text)s, %(text)s, %(text)s, '{}', 1, '[]', '[]', '[]' FROM registry_tables.models;
"""


@pytest.fixture
def hostile(url):
    """Who asks for pages of a registry that somebody filled who means harm."""
    values = {"name": NAME, "other": f"{MARKUP}2", "text": MARKUP + ACTING + "l" * 60}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(WRITTEN, values)
    with reading_pool(2) as reader:
        yield TestClient(application(reader), base_url="http://localhost")


def test_nothing_acts(hostile):
    """No page holds markup of others, or characters that act; JSON gives names back as they are."""
    for path in (
        to.home(), to.model(NAME), to.tree(NAME), to.families(), to.family(NAME), to.log(), to.adapters(NAME),
        to.models(where=f"name = {MARKUP!r}", near=NAME), to.pair(NAME, f"{MARKUP}2"), "/edge/1", to.model(MARKUP),
    ):  # fmt: skip
        page = hostile.get(path)
        assert page.status_code in {200, 400, 404}, page.text
        assert "<script" not in page.text
        assert "<img src=x" not in page.text
        assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u200b]", page.text) is None
    names = {model["name"] for model in hostile.get("/models.json").json()["models"]}
    assert NAME in names
    assert hostile.get(f"{to.model(NAME)}.json").json()["name"] == NAME


@pytest.mark.parametrize("text", [LONG, MARKUP, ACTING, "\ud800", "\0", "%", "'" * 999, "(" * 3000])
def test_hostile_questions_are_answered(hostile, text):
    """Whatever stands in a parameter, the answer is a page or a sentence."""
    for path in (
        to.models(where=text), to.models(near=text), to.models(after=text), to.log(model=text), to.log(before=text),
        to.families(after=text), to.model(text), to.family(text), to.pair(text, text), f"/edge/{to.segment(text)}",
        to.layer(text, 1), to.models(most=text), to.family(NAME, after=text),
    ):  # fmt: skip
        for form in (path, re.sub(r"^([^?]*)", r"\1.json", path)):
            answer = hostile.get(form)
            assert answer.status_code in {200, 400, 404}, (form[:200], answer.text)
            assert "<script>alert" not in answer.text or form != path
