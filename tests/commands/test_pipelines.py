"""--format of the commands that judge, and the examples of docs/pipelines.md, run as scripts."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import yaml
from command_line import run
from places import EXAMPLES, ROOT

from registry.commands.options import UNKNOWN

PIPELINES = ROOT / "examples" / "pipelines"
CHILD = EXAMPLES / "llama-tiny-code"


@pytest.fixture
def known(examples_url, monkeypatch):
    """A base, its fine-tune and a model of another family are registered."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", examples_url)


def test_annotations_of_identify(known, tmp_path, monkeypatch):
    """One a source, at its card, from where the command runs; an unreadable one keeps no other."""
    monkeypatch.chdir(ROOT)
    alone = EXAMPLES / "qwen-tiny"
    result = run("identify", CHILD, tmp_path / "nothing", alone, "--format", "github")
    assert result.exit_code == 1
    first, broken, unknown = result.stdout.splitlines()
    assert first.startswith("::notice file=examples/checkpoints/llama-tiny-code/README.md,title=")
    assert "same weights as llama-tiny-code" in first
    assert broken.startswith("::error title=")
    assert unknown.startswith("::warning file=")
    assert len(result.stderr.splitlines()) == 1
    assert run("identify", alone, "--format", "github").exit_code == UNKNOWN


def test_several_sources(known, tmp_path):
    """As text one after the other, as JSON in one object, quickly too."""
    shown = run("identify", CHILD, EXAMPLES / "phi-tiny", "-k", "1")
    assert shown.exit_code == 0
    assert "same weights as phi-tiny" in shown.stdout
    answer = json.loads(run("identify", CHILD, tmp_path / "x", "--json", "--quick").stdout)
    [source] = answer["sources"]
    assert (source["source"], source["model"]) == (str(CHILD), "llama-tiny-code")
    assert source["read"] > 0
    assert [error["source"] for error in answer["errors"]] == [str(tmp_path / "x")]


def test_junit_of_identify(known):
    """Its cases are the sources, and the exit code is that of the worst."""
    result = run("identify", CHILD, EXAMPLES / "qwen-tiny", "--format", "junit")
    assert result.exit_code == UNKNOWN
    [suite] = ET.fromstring(result.stdout)
    assert [case[0].tag for case in suite] == ["system-out", "failure"]


def test_annotations_of_claims(known, tmp_path):
    """The line is that which names the base; errors are annotations, too."""
    folder = shutil.copytree(CHILD, tmp_path / "child")
    (folder / "README.md").write_text("---\nlicense: mit\nbase_model: phi-tiny\n---\n")
    result = run("verify", "--claim", folder, "--format", "github")
    assert result.exit_code == 3
    assert result.stdout.startswith(f"::error file={folder}/README.md,line=3,title=")
    assert "not from phi-tiny" in result.stdout
    (folder / "README.md").write_text("---\nbase_model: [\n---\n")
    result = run("verify", "--claim", folder, "--format", "github")
    assert (result.exit_code, result.stdout[:8]) == (1, "::error ")
    for base, word, code in (("llama-tiny", "notice", 0), ("phi-tiny", "error", 3)):
        result = run("verify", CHILD, "--claimed-base", base, "--format", "github")
        assert (result.stdout.split()[0], result.exit_code) == (f"::{word}", code)
    result = run("compare", CHILD, EXAMPLES / "llama-tiny", "--format", "github")
    assert result.stdout.startswith("::notice file=")


@pytest.mark.slow
def test_junit_of_a_run(url, model, tmp_path):
    """A source that was stored passes, one that failed has its reason."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"no")
    run("ingest", model, tmp_path / "broken", "--workers", "1", "--name", "{leaf}")
    number = json.loads(run("jobs", "--json").stdout)["runs"][0]["id"]
    result = run("jobs", number, "--format", "junit")
    [suite] = ET.fromstring(result.stdout)
    assert (suite.get("name"), suite.get("tests"), suite.get("errors")) == (
        f"run {number}",
        "2",
        "1",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs", "--format", "junit"),
        ("identify", "x", "--format", "github", "--json"),
        ("identify", "x", "y", "--report", "page.html"),
        ("identify", "x", "--format", "junit", "--timing"),
        ("compare", "x", "y", "--format", "github", "--json"),
        ("identify",),
    ],
)
def test_wrong_usage(arguments):
    """One form of an answer at a time."""
    assert run(*arguments).exit_code == 2


@pytest.fixture
def checkout(known, tmp_path, monkeypatch):
    """A repository with two models and the script of the examples, where `registry` can be called."""
    for name in ("llama-tiny-code", "phi-tiny"):
        shutil.copytree(EXAMPLES / name, tmp_path / "models" / name)
    (tmp_path / "tools").mkdir()
    shutil.copy(PIPELINES / "check-cards.sh", tmp_path / "tools")
    program = tmp_path / "bin" / "registry"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/cli.py" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def script(checkout, text, *arguments):
    """Run lines of bash in a checkout, as a runner does."""
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text, "bash", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_workflow(checkout):
    """Its steps run: cards are checked, every model is a test case and has a bill of materials."""
    from statements_made import check_cyclonedx

    workflow = yaml.safe_load((PIPELINES / "model-cards.yml").read_text())
    steps = {
        step["name"]: step["run"] for step in workflow["jobs"]["cards"]["steps"] if "run" in step
    }
    del steps["Install"]
    cards, identified, bills = (script(checkout, step) for step in steps.values())
    assert cards.returncode == 0, cards
    assert cards.stdout.startswith("::notice file=models/llama-tiny-code/README.md,line=2,")
    assert "::warning file=models/phi-tiny/README.md," in cards.stdout
    assert identified.returncode == 0, identified
    assert ET.parse(checkout / "identify.xml").getroot()[0].get("tests") == "2"
    assert bills.returncode == 0, bills
    for name in ("llama-tiny-code", "phi-tiny"):
        check_cyclonedx((checkout / f"{name}.cdx.json").read_text())


@pytest.mark.slow
def test_the_hook(checkout):
    """A changed card ends the commit."""
    [repository] = yaml.safe_load((PIPELINES / "pre-commit-config.yaml").read_text())["repos"]
    [hook] = repository["hooks"]
    card = "models/llama-tiny-code/README.md"
    assert script(checkout, f'{hook["entry"]} "$@"', card).returncode == 0
    (checkout / card).write_text("---\nbase_model: phi-tiny\n---\n")
    done = script(checkout, f'{hook["entry"]} "$@"', card, "models/phi-tiny/README.md")
    assert done.returncode == 1
    assert "is contradicted by the weights" in done.stdout
