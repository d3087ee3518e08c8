"""Every command on models whose names, paths, tensors and cards hold what acts on terminals."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from command_line import command_paths, run
from hostile_made import (
    ACTING,
    BASE,
    HIDDEN,
    rename,
    write_broken,
    write_hostile,
    write_hostile_adapter,
)

ODD = f"odd{ACTING}"
"""The name of a model in a registry that an older version filled."""
ESCAPED = r"\x1b]0;t\x07\x1b[2J\x7f\x9b31m\n\r\u202e\u2028\u200b\U000e0041[red][link=x]<b>&$\frac"


@dataclass(frozen=True)
class Hostile:
    """Places of hostile models, of which one is registered, as are two of that name and another."""

    model: Path
    other: Path
    adapter: Path
    unknown_adapter: Path
    broken: Path
    out: Path


@pytest.fixture
def hostile(url, tmp_path):
    """Models on disk, and in a registry with odd names."""
    model = write_hostile(tmp_path, 0)
    other = write_hostile(tmp_path, 1)
    adapter = write_hostile_adapter(tmp_path / "a")
    assert run("ingest", model, "--name", "odd").exit_code == 0
    assert run("ingest", adapter, "--name", "adapter", "--family", "adapter").exit_code == 0
    rename(url, "odd", ODD)
    rename(url, "adapter", f"adapter{ACTING}")
    unknown = write_hostile_adapter(tmp_path / "b", kind=ACTING)
    return Hostile(model, other, adapter, unknown, write_broken(tmp_path), tmp_path / ACTING)


def calls(hostile: Hostile) -> list[tuple[object, ...]]:
    """Return calls of every command, most with what it answers and what it refuses."""
    model, other, adapter, out = hostile.model, hostile.other, hostile.adapter, hostile.out
    return [
        ("ingest", other),
        ("ingest", other, "--name", "other", "--timing"),
        ("ingest", hostile.broken, hostile.unknown_adapter, f"./{ACTING}"),
        ("ingest", other, "--family", ACTING),
        ("ingest", "--well-known", "--family", ACTING),
        ("ingest", "--tree", hostile.broken, "--workers", "1", "--order", "listed"),
        ("ingest", hostile.broken, model, "--workers", "1", "--name", ACTING),
        ("ingest", "--from", ACTING),
        ("jobs",),
        ("jobs", "1", "--failed"),
        ("flush",),
        ("upgrade",),
        ("upgrade", "--dry-run", ODD),
        ("upgrade", ACTING),
        ("fingerprint", model),
        ("fingerprint", adapter),
        ("inspect", model),
        ("inspect", adapter),
        ("inspect", hostile.unknown_adapter),
        ("identify", model),
        ("identify", adapter),
        ("identify", model, "--quick"),
        ("compare", other, ODD),
        ("compare", ODD, ACTING),
        ("verify", model, "--claimed-base", ODD),
        ("verify", ODD, "--base", ACTING),
        ("verify", "--claim", model),
        ("verify", ODD, "--claim", adapter / "README.md"),
        ("verify", "--claim", ACTING),
        ("export-statement", ODD, "--format", "cyclonedx"),
        ("export-statement", ODD, "--format", "spdx"),
        ("export-statement", adapter, "--format", "in-toto"),
        ("export-statement", ODD, "--format", "card", "--card", model / "README.md"),
        ("export-statement", ACTING, "--format", "card"),
        ("explain", ODD),
        ("explain", ACTING),
        ("report", ODD),
        ("tree",),
        ("tree", ODD),
        ("tree", ACTING),
        ("log",),
        ("log", ODD),
        ("rejudge", ODD),
        ("rejudge", ACTING),
        ("list",),
        ("list", "--where", "name like '%odd%'", "--near", ODD),
        ("list", "--where", ACTING),
        ("show", ODD),
        ("show", ACTING),
        ("families",),
        ("serve", "--host", ACTING),
        ("db", "index"),
        ("db", "index", "--check"),
        ("sources",),
        ("sources", ACTING),
        ("claims",),
        ("claims", ODD, "--contradicted"),
        ("export", "-o", out.with_name("all.parquet")),
        ("export", ODD, "--family", ACTING, "-o", out),
        ("export", ODD, "-o", f"{out}.json"),
        ("import", out.with_name("all.parquet")),
        ("import", f"./{ACTING}"),
        ("import", model / "config.json"),
        ("characteristic", ODD),
        ("characteristic", ACTING),
        ("dsv", ODD),
        ("dsv", ODD, "--between", ACTING),
        ("plot", "std", ODD, other),
        ("plot", ACTING),
        ("plot", "layers", ODD, other),
        ("plot", "tree", ODD),
        ("plot", "tree", ACTING),
        ("atlas",),
        ("plot", "atlas"),
        ("lora", f"{BASE}={adapter}", adapter, "--base", model, "--like", "2"),
        ("lora", ACTING),
        ("lora-init", model, "--like", ODD, "-o", out),
        ("lora-init", model, "--like", ODD, "--targets", ACTING, "-o", out),
        ("db", "status"),
        ("db", "start"),
        ("db", "stop"),
        ("db", "upgrade"),
        ("db", "url"),
        ("sql", "-c", "SELECT * FROM models; SELECT * FROM model_ledgers; SELECT * FROM claims"),
        ("sql", "-c", f"SELECT * FROM model_profile('{ACTING}')"),
        ("sql", ACTING),
        ("metrics",),
        ("db", "roles"),
        ("db", "roles", "--analyst", ACTING),
        ("db", "doctor"),
        ("db", "dump", "-o", out),
        ("db", "restore", out),
        ("db", "move", "--to", ACTING),
        ("db", ACTING),
        ("rename", ODD, ACTING),
        ("rename", ACTING, "x"),
        ("move", ODD, ACTING),
        ("move", ODD, "moved"),
        ("tag", ODD, ACTING),
        ("tag", ODD, "tagged"),
        ("note", ODD, ACTING),
        ("show", ODD),
        ("merge-families", ACTING, "moved"),
        ("remove", ACTING),
        ("remove", ACTING, "--yes"),
        ("remove", ODD, "--yes"),
        ("undo",),
        ("undo", "1"),
        ("log",),
    ]


def check(result: Result) -> None:
    """Nothing that acts is printed, and no bug has ended the command."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    printed = result.stdout + result.stderr
    assert not HIDDEN - {"\n"} & set(printed)
    for line in printed.split("\n"):
        assert line.isprintable()
    for line in result.stderr.splitlines():
        assert not line.startswith("Traceback")


@pytest.mark.slow
def test_nothing_acts(hostile):
    """Of all commands, in text and as JSON, on stdout and on stderr, results and errors."""
    called = set()
    for call in calls(hostile):
        called.add(call[0])
        if call[0] not in {"remove", "plot", "report"}:
            as_json = run(*call, "--json")
            check(as_json)
            if as_json.stdout:
                json.loads(as_json.stdout)
        check(run(*call))
    assert called == {path[0] for path in command_paths()}


def test_names_are_shown_whole(hostile):
    """With escapes in text, and as they are for whoever parses the JSON."""
    listed = "".join(run("list").stdout.split())
    assert "odd" in listed
    shown = run("show", ODD)
    assert (
        f"family odd{ESCAPED}" in "".join(shown.stdout.split("\n")).replace("  ", " ")
        or ESCAPED[:40] in shown.stdout
    )
    answer = json.loads(run("list", "--json").stdout)
    assert ODD in [model["name"] for model in answer["models"]]
    assert ACTING in json.loads(run("show", ODD, "--json").stdout)["unknown"]


@pytest.mark.slow
def test_pages(hostile):
    """A page holds neither markup of a name nor anything that acts, in its pictures too."""
    page = hostile.out.with_name("page.html")
    check(run("report", ODD, "-o", page))
    check(run("identify", hostile.model, "--report", page.with_name(f"x{ACTING}.html")))
    for file in page.parent.glob("*.html"):
        text = file.read_text("utf-8")
        assert all(line.isprintable() for line in text.split("\n"))
        assert "<b>&" not in text
        for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            ET.fromstring(svg)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["labels", "laws"])
def test_figures(hostile, kind):
    """Lines of text, and pictures that are XML."""
    check(run("plot", kind, ODD, hostile.other))
    picture = hostile.out.with_name("a.svg")
    check(run("plot", kind, ODD, hostile.other, "-o", picture))
    assert "odd\\x1b]0;t" in "".join(ET.parse(picture).getroot().itertext())
    check(run("plot", kind, ODD, "-o", ACTING))
