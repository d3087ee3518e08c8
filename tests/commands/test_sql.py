"""registry.commands.sql: SQL without psql, as an analyst."""

import csv
import io
import json
import signal
import sys
import time

import psycopg
import pytest
from click.testing import CliRunner
from command_line import answer, run, start
from places import ROOT, execute, rows
from pooler import Pooler

import cli
import registry
from registry.commands.sql import typed
from registry.errors import QueryFailed

VALUES = """SELECT 1 AS a, 9007199254740993 AS big, 0.1::numeric AS n, 1e30::numeric AS large, 0.1::float8 AS f, 'NaN'::float8 AS nan,
    '-Infinity'::float8 AS low, NULL AS nothing, '' AS empty, 'it "is", so' AS text, '[1,0.1]'::vector AS v, '{1,NULL}'::int[] AS list,
    '{"b": [1.5, null]}'::jsonb AS j, date '2026-01-02' AS day, timestamptz '2026-01-02 03:04:05.678+00' AS moment, true AS yes,
    '\\x00ff'::bytea AS octets, 12345678901234567890.123::numeric AS exact, interval '1 day 1 hour' AS span"""

AS_SEEN = "SELECT current_user::text AS u, current_setting('statement_timeout') AS s, current_setting('work_mem') AS w"


@pytest.fixture
def team(team_url, monkeypatch):
    """The registry of team_made."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", team_url)
    return team_url


def test_a_table(team):
    """Columns, rows and NULL, for reading."""
    result = run("sql", "-c", "SELECT name, cast_digest FROM models WHERE name = 'llama-bf16'")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()[1:]][::2] == [
        ["name", "cast_digest"],
        ["llama-bf16", "NULL"],
    ]


def test_json_is_exact(team):
    """Numbers, nulls, lists and times; what JSON cannot hold is text."""
    result = answer("sql", "-c", VALUES)["results"]
    values = dict(
        zip((column["name"] for column in result[0]["columns"]), result[0]["rows"][0], strict=True)
    )
    assert values == {
        "a": 1, "big": 9007199254740993, "n": 0.1, "large": 10**30, "f": 0.1, "nan": "NaN", "low": "-Infinity", "nothing": None,
        "empty": "", "text": 'it "is", so', "v": [1.0, 0.1], "list": [1, None], "j": {"b": [1.5, None]}, "day": "2026-01-02",
        "moment": "2026-01-02T03:04:05.678000+00:00", "yes": True, "octets": r"\x00ff", "exact": "12345678901234567890.123",
        "span": "1 day, 1:00:00",
    }  # fmt: skip
    assert {column["name"]: column["type"] for column in result[0]["columns"]}["v"] == "vector"


def test_json_of_a_query_that_fails(team):
    """Of the first there is none; after others, the object is whole and holds the error."""
    assert run("sql", "--json", "-c", "SELECT nothing").stdout == ""
    result = run(
        "sql",
        "--json",
        "-c",
        "SELECT 1 AS a; SELECT 1/(3 - i) AS b FROM generate_series(1, 5) AS i",
    )
    content = json.loads(result.stdout)
    assert (result.exit_code, content["results"][0]["rows"]) == (1, [[1]])
    assert "division by zero" in content["error"]
    assert answer("sql", "-c", "SET work_mem = '5MB'")["results"] == []


def test_csv_is_exact(team):
    """It reads back; NULL is nothing, and an empty text is two quotes."""
    text = run("sql", "--csv", "-c", VALUES).stdout
    [record] = csv.DictReader(io.StringIO(text))
    assert (record["n"], record["large"], record["exact"]) == (
        "0.1",
        "1" + "0" * 30,
        "12345678901234567890.123",
    )
    assert (record["text"], record["v"], record["j"]) == (
        'it "is", so',
        "[1.0, 0.1]",
        '{"b": [1.5, null]}',
    )
    assert (record["day"], record["moment"]) == ("2026-01-02", "2026-01-02T03:04:05.678000+00:00")
    assert ',NaN,-Infinity,,"",' in text


def test_several_statements(team, tmp_path):
    """Those of a file are answered one after the other; SET answers nothing, and settings last."""
    file = tmp_path / "questions.sql"
    file.write_text(
        "-- first\nSET work_mem = '5MB';\nSHOW work_mem; SELECT ';' AS s WHERE false;\n"
    )
    assert run("sql", "--csv", file).stdout == "work_mem\n5MB\n\ns\n"
    assert [len(result["rows"]) for result in answer("sql", file)["results"]] == [1, 0]


def test_all_questions_of_the_documents(team):
    """docs/queries.sql has 24 answers."""
    assert len(answer("sql", ROOT / "docs" / "queries.sql")["results"]) == 24


def test_standard_input(team):
    """It is read where nothing else is given, and as -."""
    for words in (["sql", "--csv"], ["sql", "--csv", "-"]):
        result = CliRunner().invoke(cli.main, words, input="SELECT 1 AS one; SELECT 2 AS two")
        assert result.stdout == "one\n1\n\ntwo\n2\n"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("SELECT 1;\n SELECT names FROM models", 'line 2, column 9 (column "names" does not exist); the database advises: Perhaps'),
        ("SELEC 1", 'line 1, column 1 (syntax error at or near "SELEC"); correct it'),
        ("SELECT * FROM nearest_models('lama')", "(no model is called 'lama'); the database advises: near names: 'llama'"),
        ("DELETE FROM registry_tables.models", "is refused (cannot execute DELETE in a read-only transaction), for analysts change nothing"),
        ("WITH x AS (DELETE FROM registry_tables.edges RETURNING 1) SELECT * FROM x", "Error: The query"),
        ("COMMIT; SET default_transaction_read_only = off; SET transaction_read_only = off; DELETE FROM registry_tables.models", "is refused"),
        ("SET statement_timeout = '50ms'; SELECT pg_sleep(9)", "was ended (canceling statement due to statement timeout); if it may take longer"),
        ("SELECT count(*), pg_sleep(0) FROM generate_series(1, 1e12)", "was ended"),
        ("COPY models TO STDOUT", "COPY is not run here"),
        ("SELECT 1/(3 - i) FROM generate_series(1, 5) AS i", "(division by zero)"),
        ("SELECT 'infinity'::date", "Error: The query fails"),
        ("SELECT '\0'", "is not Unicode"),
        ("SELECT '" + "\udce9'", "is not Unicode"),
    ],
)  # fmt: skip
def test_errors_are_sentences(team, query, sentence):
    """One line with the place, why, and what to do; exit code 1."""
    if "1e12" in query:
        query = f"SET statement_timeout = '200ms'; {query}"
    result = run("sql", "--csv", "-c", query)
    assert result.exit_code == 1
    assert sentence in result.stderr.splitlines()[-1]
    assert rows(team, "SELECT count(*) FROM registry_tables.models") == [(8,)]


def test_wrong_words(team):
    """Two forms, or two sources of a query, are one too many; a file that is not there is named."""
    assert "give one of them" in run("sql", "--csv", "--json", "-c", "SELECT 1").stderr
    assert "not both" in run("sql", "-c", "SELECT 1", "file").stderr
    assert "'no-such.sql' cannot be read" in run("sql", "no-such.sql").stderr


def test_it_runs_as_an_analyst(team):
    """With the settings of the role."""
    query = "SELECT current_user::text, current_setting('search_path'), current_setting('transaction_read_only')"
    assert answer("sql", "-c", query)["results"][0]["rows"] == [
        ["registry_analyst", "registry, public", "on"]
    ]


def test_a_server_without_roles(shared_server, own_url, monkeypatch):
    """Whoever may not be an analyst reads with his own rights, and is told so."""
    execute(own_url, "DROP ROLE IF EXISTS someone")
    execute(own_url, "CREATE ROLE someone LOGIN")
    for schema in ("registry", "registry_tables"):
        execute(own_url, f"GRANT USAGE ON SCHEMA {schema} TO someone")
        execute(own_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO someone")
    monkeypatch.setenv("REGISTRY_DATABASE_URL", own_url.replace("://registry@", "://someone@"))
    result = run(
        "sql", "--csv", "-c", "SELECT current_user::text AS me, (SELECT count(*) FROM models) AS n"
    )
    execute(own_url, "DROP OWNED BY someone")
    execute(own_url, "DROP ROLE someone")
    assert result.stdout == "me,n\nsomeone,0\n"
    assert "cannot act as registry_analyst" in result.stderr


def test_a_database_without_rights_for_analysts(own_url, team_url, monkeypatch):
    """Where the server has the role and this database gave it nothing, queries run with one's own rights."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", own_url)
    result = run("sql", "--csv", "-c", "SELECT count(*) AS n FROM models")
    assert (result.exit_code, result.stdout) == (0, "n\n0\n")
    assert "`registry db roles` makes that role" in result.stderr


def test_long_answers_are_written_while_they_come(team):
    """The first rows are there before the last is computed, and nothing keeps them all."""
    query = "SELECT generate_series(1, 100000000) AS i, repeat('x', 1000)"
    running = start("sql", "--csv", "-c", query)
    try:
        lines = [running.stdout.readline() for _ in range(3000)]
    finally:
        running.kill()
        running.communicate()
    assert lines[-1].startswith("2999,")


@pytest.mark.slow
def test_ctrl_c_cancels_the_query(team):
    """The command ends with one sentence, and the server works on nothing."""
    running = start("sql", "-c", "SELECT pg_sleep(60) AS still_asleep")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    deadline = time.monotonic() + 30
    while rows(team, asleep) == [(0,)] and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, talk = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Aborted by SIGINT" in talk
    assert rows(team, asleep) == [(0,)]


def test_typed_statements(monkeypatch, capsys):
    """They are run at the semicolon; a prompt on stderr tells whether one is still open."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT\n1;\nSELECT ';\n';\n\\q\nSELECT 3;\n"))
    assert list(typed()) == ["SELECT\n1;\n", "SELECT ';\n';\n"]
    assert capsys.readouterr().err == "registry=> registry-> registry=> registry-> registry=> "


def test_a_conversation_goes_on_after_an_error(team, monkeypatch):
    """What was typed wrongly is told, and the next statement is run."""
    from registry.commands import sql

    monkeypatch.setattr(sql, "text_of", lambda _: None)
    monkeypatch.setattr(
        sql, "typed", lambda: iter(["SELEC 1;", "SELECT 2 AS two;", "SELECT 3 AS three;"])
    )
    result = run("sql", "--csv")
    assert result.stdout == "two\n2\nthree\n3\n"
    assert "syntax error" in result.stderr


def test_a_conversation_keeps_what_was_set(team, monkeypatch):
    """Behind a pooler, too, where each transaction may be in another session; and no session does."""
    from registry.commands import sql

    monkeypatch.setattr(sql, "text_of", lambda _: None)
    lines = [
        "SET statement_timeout = '10min';",
        "SET work_mem = '5MB';",
        f"{AS_SEEN};",
        f"{AS_SEEN};",
    ]
    monkeypatch.setattr(sql, "typed", lambda: iter(lines))
    with Pooler(team) as pooler:
        monkeypatch.setenv("REGISTRY_DATABASE_URL", pooler.url)
        for _ in range(2):
            result = run("sql", "--csv")
            assert result.stdout.splitlines()[1::2] == ["registry_analyst,10min,5MB"] * 2
        for _ in range(4):
            assert rows(pooler.url, AS_SEEN) == [("registry", "0", "4MB")]


def test_python(team):
    """`Registry.sql` answers a query with values, as an analyst, and what it raises is ours."""
    with registry.Registry() as known:
        answered = known.sql("SELECT neighbour, distance FROM nearest_models(%s, 1)", "llama-chat")
        assert answered.columns == ("neighbour", "distance")
        assert answered.rows[0][0] == "llama-merge"
        assert known.sql("SELECT current_user::text, '100%'").rows == [("registry_analyst", "100%")]
        with pytest.raises(QueryFailed, match="read-only"):
            known.sql("DELETE FROM registry_tables.models")
        with pytest.raises(QueryFailed, match="no model is called 'x''; DROP"):
            known.sql("SELECT model_id(%s)", "x'; DROP TABLE registry_tables.models; --")
    with psycopg.connect(team) as connection:
        assert connection.execute("SELECT count(*) FROM registry_tables.models").fetchone() == (8,)
