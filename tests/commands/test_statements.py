"""registry.commands.statements, and `verify --claim`: what is typed, printed and written."""

import json
import os
import shutil

import pytest
from adapters_made import query_factors, write_adapter
from checkpoints_made import write_folder
from command_line import run
from models_made import grown, tuned
from places import EXAMPLES
from statements_made import CHECKS

from registry.commands.options import UNKNOWN
from registry.commands.pairs import VERIFIED

FORMS = ("cyclonedx", "spdx", "in-toto")
CHILD, BASE = "llama-tiny-code", "llama-tiny"


@pytest.fixture
def known(examples_url, monkeypatch):
    """A base, its fine-tune and a model of another family are registered."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", examples_url)


@pytest.fixture
def child(known, tmp_path):
    """The folder of the fine-tune, to be changed."""
    return shutil.copytree(EXAMPLES / CHILD, tmp_path / CHILD)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """Half of the base and half of the fine-tune, which is not registered."""
    return merge_of(tmp_path_factory.mktemp("mixed"))


def merge_of(folder):
    """Half of the base and half of the fine-tune, not registered."""
    from safetensors.torch import load_file

    one, other = (load_file(EXAMPLES / name / "model.safetensors") for name in (BASE, CHILD))
    mixed = {
        name: ((one[name].float() + other[name].float()) / 2).to(one[name].dtype) for name in one
    }
    config = json.loads((EXAMPLES / BASE / "config.json").read_text())
    return write_folder(folder / "mixed", mixed, config)


def stated(model, form, *further):
    """The text of a statement, which the published schema accepts."""
    result = run("export-statement", model, "--format", form, *further)
    assert result.exit_code == 0, result.output
    CHECKS[form](result.stdout)
    return result.stdout


@pytest.mark.parametrize("form", FORMS)
def test_statements_of_three_models(known, mixed, form):
    """Of a fine-tune, a merge that is not registered, and a model that nobody is related to."""
    for model in (CHILD, mixed, "phi-tiny"):
        stated(model, form)


def test_what_is_stated_of_three_models(known, mixed):
    """Ancestors of a fine-tune as its card claims, of a merge as the weights show; else none."""
    names = {}
    for model in (CHILD, mixed, "phi-tiny"):
        predicate = json.loads(stated(model, "in-toto"))["predicate"]
        ancestors = predicate.get("ancestors", [])
        names[str(model)] = {(one["name"], one["direction"]) for one in ancestors}
    assert names[CHILD] == {(BASE, "claimed")}
    assert names[str(mixed)] == {(BASE, "shown"), (CHILD, "shown")}
    assert names["phi-tiny"] == set()
    card = run("export-statement", mixed, "--format", "card").stdout
    assert card.endswith(f"- {BASE}\n- {CHILD}\nbase_model_relation: merge\n---\n")


def test_the_same_verdict_gives_the_same_bytes(known, monkeypatch):
    """The time is that of the verdict, or SOURCE_DATE_EPOCH; nonsense there is one sentence."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert stated(CHILD, "spdx") == stated(CHILD, "spdx")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    metadata = json.loads(stated(CHILD, "cyclonedx"))["metadata"]
    assert metadata["timestamp"] == "1970-01-01T00:00:00Z"
    for value in ("yesterday", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
        result = run("export-statement", CHILD, "--format", "spdx")
        assert result.exit_code == 1
        assert "SOURCE_DATE_EPOCH" in result.stderr


def test_files(known, child):
    """With --files their digests are stated, as they are of a folder, whatever it is called."""
    by_hand = run(
        "export-statement", child.rename(child.with_name("x")), "--format", "in-toto"
    ).stdout
    assert stated(CHILD, "in-toto", "--files") == by_hand
    subjects = json.loads(by_hand)["subject"]
    assert [subject["name"] for subject in subjects] == [CHILD, "model.safetensors"]


def test_other_weights_are_refused(url, model, tmp_path):
    """--files reads the source again, which must still hold what was registered."""
    run("ingest", model, "--rank", 16)
    shutil.copy(EXAMPLES / BASE / "model.safetensors", model / "model.safetensors")
    result = run("export-statement", "model", "--format", "in-toto", "--files")
    assert result.exit_code == 1
    assert "holds other weights now" in result.stderr


def test_json_and_output(known, tmp_path):
    """--json wraps the statement; -o writes what is printed."""
    text = stated(CHILD, "spdx")
    answer = json.loads(run("export-statement", CHILD, "--format", "spdx", "--json").stdout)
    assert answer["statement"] == json.loads(text)
    file = tmp_path / "model.spdx.json"
    result = run("export-statement", CHILD, "--format", "spdx", "-o", file)
    assert (file.read_text(), result.stdout) == (text, "")
    card = json.loads(run("export-statement", CHILD, "--format", "card", "--json").stdout)
    assert (card["base_model"], card["base_model_relation"]) == (BASE, "finetune")


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", "--format", "spdx", "--card", "README.md"),
        ("x", "--format", "spdx", "--write"),
        ("x", "--format", "card", "--write"),
        ("x", "--format", "card", "--card", "README.md", "-o", "x"),
        ("x",),
        ("x", "--format", "pdf"),
    ],
)
def test_wrong_usage(arguments):
    """Options that do not go together are refused before anything is read."""
    assert run("export-statement", *arguments).exit_code == 2


def test_a_card_is_changed_when_asked(child):
    """A diff first; with --write the same change, keeping who may read it; then nothing is left to do."""
    card = child / "README.md"
    card.write_bytes(b"---\r\nbase_model: phi-tiny\r\nx: 1\r\n---\r\n\xff text\r\n")
    card.chmod(0o640)
    asked = ("export-statement", CHILD, "--format", "card", "--card", card)
    before = card.read_bytes()
    shown = run(*asked)
    assert shown.stdout.startswith(f"--- {card}\n+++ {card}\n")
    assert "-base_model: phi-tiny" in shown.stdout
    assert card.read_bytes() == before
    written = run(*asked, "--write")
    assert (written.stdout, written.exit_code) == (shown.stdout, 0)
    lines = card.read_bytes().split(b"\r\n")
    assert lines[1].startswith(b"base_model: llama-tiny  # related by the weights (p < 1e-15)")
    assert lines[2:] == [b"x: 1", b"base_model_relation: finetune", b"---", b"\xff text", b""]
    assert card.stat().st_mode & 0o777 == 0o640
    again = run(*asked, "--write")
    assert (again.stdout, "says so already" in again.stderr) == ("", True)


def test_an_unknown_model_has_no_base(known):
    """That is said, and the card stays."""
    result = run(
        "export-statement",
        "phi-tiny",
        "--format",
        "card",
        "--card",
        EXAMPLES / "phi-tiny" / "README.md",
    )
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "no base is known" in result.stderr


CLAIMS = {
    "as it is": (None, "consistent"),
    "a list": ("base_model: [org/llama-tiny]\nbase_model_relation: finetune", "consistent"),
    "another case": ("base_model: LLAMA-tiny", "consistent"),
    "another base": ("base_model: phi-tiny", "contradicted"),
    "one right, one wrong": ("base_model: [llama-tiny, phi-tiny]", "contradicted"),
    "another relation": ("base_model: llama-tiny\nbase_model_relation: quantized", "contradicted"),
    "not registered": ("base_model: org/nobody-knows", "undecidable"),
    "one of two not registered": ("base_model: [llama-tiny, org/nobody-knows]", "undecidable"),
    "nothing": ("license: mit", "undecidable"),
    "no text": ("base_model: 5", "undecidable"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_card_against_the_weights(child, name):
    """A changed card gives exit code 3, also where the weights are registered; what nobody can judge gives 4."""
    head, outcome = CLAIMS[name]
    card = child / "README.md"
    if head is not None:
        card.write_text(f"---\n{head}\n---\n")
    result = run("verify", "--claim", card, "--json")
    answer = json.loads(result.stdout)
    assert (answer["outcome"], result.exit_code) == (outcome, VERIFIED[outcome]), result.output
    assert (answer["source"], answer["card"]) == (str(child), str(card))


MERGES = {
    "both": ("[llama-tiny, llama-tiny-code]", "consistent"),
    "one": ("llama-tiny-code", "consistent"),
    "one and another": ("[llama-tiny, phi-tiny]", "contradicted"),
    "none": ("org/nobody-knows", "undecidable"),
}


@pytest.mark.parametrize("name", MERGES)
def test_a_card_of_weights_that_are_not_registered(known, mixed, name):
    """They are judged as they would be if they were."""
    bases, outcome = MERGES[name]
    (mixed / "README.md").write_text(f"---\nbase_model: {bases}\nbase_model_relation: merge\n---\n")
    result = run("verify", "--claim", mixed)
    assert result.exit_code == VERIFIED[outcome], result.output
    assert run("show", mixed.name).exit_code == 1


def test_a_card_of_another_folder(known):
    """SOURCE may be named, a registered model too."""
    card = EXAMPLES / CHILD / "README.md"
    shown = run("verify", CHILD, "--claim", card)
    assert (shown.exit_code, "agrees with the weights" in shown.stdout) == (0, True)
    assert run("verify", "phi-tiny", "--claim", card).exit_code == VERIFIED["contradicted"]
    assert (
        run("verify", EXAMPLES / "phi-tiny", "--claim", card).exit_code == VERIFIED["contradicted"]
    )


def test_configs_claim_as_well(child):
    """An adapter without a card claims its base, a model in its config too."""
    adapter = write_adapter(
        child.with_name("adapter"), query_factors(), base_model_name_or_path="org/nobody"
    )
    result = run("verify", "--claim", adapter, "--json")
    assert result.exit_code == UNKNOWN, result.output
    [claim] = json.loads(result.stdout)["claims"]
    assert (claim["made_by"], claim["finding"]) == ("adapter config", "not registered")
    config = json.loads((child / "config.json").read_text())
    (child / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/phi-tiny"}))
    assert run("verify", "--claim", child).exit_code == VERIFIED["contradicted"]


@pytest.mark.parametrize(
    "content",
    [
        b"---\nbase_model: [\n---\n",
        b"---\nbase_model: x\n",
        b"---\n- x\n---\n",
        b"---\n\tx: y\n---\n",
        b"\x00\x01---\n",
        b"x" * (1 << 24) + b"y",
        b"---\n" + b"[" * 5000 + b"\n---\n",
        b"---\n%YAML " + b"1" * 5000 + b".1\n---\n",
    ],
    ids=["broken", "endless", "no table", "tabs", "binary", "huge", "deep", "directive"],
)
def test_cards_that_cannot_be_read(tmp_path, content):
    """Each is one sentence, before a database is opened."""
    card = tmp_path / "README.md"
    card.write_bytes(content)
    check_refused(card)


def test_no_card(tmp_path):
    """A missing card, a folder without one, a name that no file has, and a folder in its place."""
    (tmp_path / "folder" / "README.md").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    for path in ("README.md", ".", "x\ny", "y" * 5000, "folder", "pipe"):
        check_refused(tmp_path / path)


def check_refused(card):
    """One sentence, exit code 1."""
    result = run("verify", "--claim", card)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--claim", "x", "--claimed-base", "y"),
        ("--claim", "x", "--quick"),
        ("--claim", "x", "--strict"),
        ("x",),
        ("--claimed-base", "x"),
    ],
)
def test_one_claim_at_a_time(arguments):
    """What says nothing of a card is wrong usage beside one."""
    assert run("verify", *arguments).exit_code == 2


@pytest.mark.slow
def test_an_unrelated_base_of_the_same_shape(url, tmp_path):
    """It is contradicted by the pair itself, where no edge leads to it."""
    for name, seed in (("one", 0), ("other", 1)):
        run("ingest", write_folder(tmp_path / name, grown(seed)), "--rank", 16)
    child = write_folder(tmp_path / "child", tuned(grown(0)))
    for base, outcome in (("one", "consistent"), ("other", "contradicted")):
        (child / "README.md").write_text(f"---\nbase_model: {base}\n---\n")
        assert run("verify", "--claim", child).exit_code == VERIFIED[outcome]
