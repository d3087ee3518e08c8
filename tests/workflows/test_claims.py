"""registry.workflows.claims: stored claims against edges and verdicts."""

import json

import psycopg
import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run

from registry.errors import ModelNotFound
from registry.lineage.claim_check import Finding

MODELS = ("llama", "qwen", "child")


@pytest.fixture
def known(url, tmp_path):
    """Three models, of which `child` comes from `qwen` and its card says `org/Llama`."""
    for seed, name in enumerate(MODELS):
        config = {"architectures": ["Qwen2ForCausalLM" if name == "qwen" else "LlamaForCausalLM"]}
        folder = write_folder(tmp_path / name, llama(seed=seed), config)
        if name == "child":
            card = "base_model: org/Llama\nbase_model_relation: quantized\nlicense: mit\n"
            (folder / "README.md").write_text(f"---\n{card}---\n")
        assert run("ingest", folder, "--rank", 16).exit_code == 0
    with psycopg.connect(url) as own:
        own.execute("DELETE FROM registry_tables.edges")
        own.execute("UPDATE registry_tables.verdicts SET due = false, verdict = 'unknown'")
        own.execute(
            "UPDATE registry_tables.verdicts SET verdict = 'derived', changes = '[]', base = 'qwen',"
            " parent_ids = ARRAY(SELECT id FROM registry_tables.models WHERE name = 'qwen') FROM"
            " registry_tables.models AS m WHERE m.id = model_id AND m.name = 'child'"
        )
        own.execute(
            "INSERT INTO registry_tables.edges (child_id, parent_id, relation, direction, main,"
            " evidence, changes, fingerprint_version, because)"
            " SELECT a.id, b.id, 'derived', 'presumed', true, '[]', '[]', 3, 'test'"
            " FROM registry_tables.models AS a, registry_tables.models AS b"
            " WHERE (a.name, b.name) = ('child', 'qwen')"
        )
    return tmp_path


def found(model=None):
    """The findings, by claim."""
    arguments = ("claims",) if model is None else ("claims", model)
    return {
        (row["model"], row["claim"]): (row["finding"], row["outcome"])
        for row in answer(*arguments)["claims"]
    }


def test_the_card_says_llama_and_the_weights_say_qwen(known):
    """Base, relation and architecture are each contradicted; of a licence weights show nothing."""
    assert found("child") == {
        ("child", "base_model"): ("other root", "contradicted"),
        ("child", "relation"): ("other relation", "contradicted"),
        ("child", "architecture"): ("root differs", "contradicted"),
        ("child", "licence"): ("stated", "unchecked"),
    }
    (first, *_) = answer("claims")["claims"]
    assert (first["value"], first["registered"], first["by_last_part"]) == (
        "org/Llama",
        "llama",
        True,
    )
    assert (first["parent"], first["root"]) == ("qwen", "qwen")


def test_contradictions_alone(known):
    """`--contradicted` lists nothing else, and says where there are none."""
    answered = answer("claims", "--contradicted")
    assert answered["counts"] == {"contradicted": 3, "borne out": 0, "unchecked": 0}
    assert "llama)" in "".join(run("claims", "--contradicted").output.split())
    assert "no claim is contradicted" in run("claims", "qwen", "--contradicted").output


def test_claims_follow_the_tree(known, url):
    """They are checked when they are asked for: another edge, another answer."""
    with psycopg.connect(url) as own:
        own.execute(
            "UPDATE registry_tables.edges SET parent_id = m.id FROM registry_tables.models AS m"
            " WHERE m.name = 'llama'"
        )
    assert found("child")["child", "base_model"] == ("ancestor", "borne out")
    assert found("child")["child", "architecture"] == ("root alike", "borne out")


def test_superseded_edges_count_for_nothing(known, url):
    """What was believed once is no origin."""
    with psycopg.connect(url) as own:
        own.execute("UPDATE registry_tables.edges SET superseded_at = now()")
        own.execute("UPDATE registry_tables.verdicts SET verdict = 'unknown'")
    assert found("child")["child", "base_model"] == (Finding.NO_RELATION, "contradicted")


def test_names_of_sources_are_names(known):
    """A base is known by the name or hub id of any of its sources, whatever the case."""
    copy = write_folder(known / "Org-Copy", llama(seed=1))
    run("ingest", copy, "--rank", 16)
    (known / "child" / "README.md").write_text("---\nbase_model: ORG-copy\n---\n")
    run("ingest", known / "child", "--rank", 16)
    claims = {row["value"]: row for row in answer("claims", "child")["claims"]}
    base = claims["ORG-copy"]
    assert (base["registered"], base["finding"]) == ("qwen", "ancestor")
    assert not base["by_last_part"]


def test_a_withdrawn_claim_contradicts_nothing(known):
    """What the card said before is listed last, marked, and not among the contradictions."""
    (known / "child" / "README.md").write_text("---\nbase_model: qwen\n---\n")
    run("ingest", known / "child", "--rank", 16)
    claims = answer("claims", "child")["claims"]
    withdrawn = [claim["value"] for claim in claims if claim["withdrawn"]]
    assert withdrawn == ["org/Llama", "quantized", "mit"]
    values = [claim["value"] for claim in answer("claims", "--contradicted")["claims"]]
    assert values == ["LlamaForCausalLM"]


def test_a_last_part_that_is_its_own_means_nothing(url, tmp_path):
    """A fine-tune in a folder that is called as its base's repository is not its own base."""
    folder = write_folder(tmp_path / "llama", llama())
    (folder / "README.md").write_text("---\nbase_model: org/llama\n---\n")
    run("ingest", folder, "--rank", 16)
    assert found()["llama", "base_model"] == ("not registered", "unchecked")


def test_several_of_one_last_part(url, tmp_path):
    """Nobody can tell which of them is meant."""
    for seed, place in enumerate(("a/llama", "b/llama", "child")):
        folder = write_folder(tmp_path / place, llama(seed=seed))
        run("ingest", folder, "--name", place, "--rank", 16)
    (folder / "README.md").write_text("---\nbase_model: org/llama\n---\n")
    run("ingest", folder, "--name", "child", "--rank", 16)
    assert found("child")["child", "base_model"] == ("ambiguous", "unchecked")


def test_models_that_are_not_registered(url):
    """Each command names what it does not know; of an empty registry nothing is claimed."""
    for command in ("claims", "sources"):
        result = run(command, "x")
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit | ModelNotFound)
    assert "nothing is claimed" in run("claims").output
    assert json.loads(run("sources", "--json").stdout)["sources"] == []


def test_odd_claims_are_escaped(url, model):
    """Markup and marks that turn a line are shown as they are written."""
    (model / "README.md").write_text('---\nbase_model: "[red]a\\u202eb\\e[2J"\n---\n')
    run("ingest", model)
    shown = "".join(run("claims").output.split())
    assert "[red]a\\u202eb\\x1b[2J" in shown
