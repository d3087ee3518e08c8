"""docs/queries.sql: the twenty-four questions, answered as an analyst on a small registry with known answers."""

import re
from datetime import date
from decimal import Decimal

import psycopg
import pytest
from places import ROOT, rows

from registry.database.keeping.roles import Role

QUERIES = ROOT / "docs" / "queries.sql"
QUESTION = re.compile(r"^-- (\d+)\. (.+\?)\n((?:(?!--).*\n)+)", re.MULTILINE)
D = Decimal
HUB = "hub.example"

LLAMAS = ["llama", "llama-bf16", "llama-chat", "llama-code", "llama-lora", "llama-merge"]
ANSWERS = {
    1: [(name, "adapter" if name == "llama-lora" else "model", "llama", 260 if name == "llama-lora" else 15712) for name in LLAMAS]
    + [("qwen", "model", "qwen", 15712)] * 2,
    2: [("qwen", 2)],
    3: [("llama", 5, 1, ["llama"]), ("qwen", 2, 0, ["qwen", "qwen"])],
    4: [
        ("llama-chat", 1, "derived", ["llama-chat", "llama-code"]),
        ("llama", 2, "derived", ["llama", "llama-chat", "llama-code"]),
    ],
    5: [
        ("llama-bf16", 1, "quantised copy"),
        ("llama-chat", 1, "derived"),
        ("llama-merge", 1, "derived"),
        ("llama-code", 2, "derived"),
    ],
    6: [("common ancestor", 2, "llama-chat", ["llama-code", "llama-chat", "llama-merge"])],
    7: [("llama-merge", ["llama-chat", "llama"])],
    8: [("llama", 4, 2), ("llama-chat", 2, 1)],
    9: [("equal once cast to bf16", ["llama", "llama-bf16"], ["llama", "mirror-llama"], ["mirror/llama", "org/llama"])],
    10: [
        ("llama", "org/llama", HUB, "safetensors", date(2026, 1, 2)),
        ("mirror-llama", "mirror/llama", HUB, "gguf", date(2026, 3, 2)),
    ],
    11: [("qwen", "llama", "llama")],
    12: [("nobody/knows", 1)],
    13: [("llama-chat", "llama2")],
    14: [("llama-bf16", "llama"), ("llama-merge", "llama")],
    15: [("qwen", True)],
    16: [("llama-chat",)],
    17: [("recipe", True), ("residual_stream", True), ("std", True), ("tokens", True)],
    18: [(layer, layer, D("0.1")) for layer in range(3)],
    19: [("llama-chat", "llama", 0.08), ("llama-code", "llama-chat", 0.1)],
    20: [("llama", 0.5, True), ("qwen", 0.9, False)],
    21: [(projection, layer, 1) for projection in ("down", "query") for layer in range(3)],
    22: [("up", D("0.7"))],
    23: [
        ("llama-chat", "ada", "Serves the help desk.", ["llama-lora"]),
        ("llama-code", None, None, ["llama-lora"]),
    ],
    24: [
        (date(2026, 4, 1), "ada", "ingested", "chat", "llama-chat", False),
        (date(2026, 4, 1), "ada", "renamed", "chat", "llama-chat", True),
        (date(2026, 4, 2), "bob", "removed", "old-experiment", None, False),
    ],
}  # fmt: skip


def questions():
    """The queries of the page, by number."""
    return {int(number): query for number, _, query in QUESTION.findall(QUERIES.read_text())}


def test_there_are_twenty_four():
    """Numbered in order, and nothing else stands between them."""
    assert list(questions()) == list(range(1, 25))
    assert QUERIES.read_text().count(";\n") == 24


@pytest.mark.parametrize("number", ANSWERS)
def test_every_answer(team_url, number):
    """Each query gives the known answer, for an analyst with the settings of the role."""
    address = team_url.replace("://registry@", f"://{Role.ANALYST}@")
    assert rows(address, questions()[number]) == ANSWERS[number]


def test_the_file_runs_as_a_whole(team_url):
    """As `registry sql FILE` and psql run it."""
    with psycopg.connect(team_url.replace("://registry@", f"://{Role.ANALYST}@")) as connection:
        connection.execute(QUERIES.read_text())
