"""registry.workflows.graded and subject: verdicts that stop at the grade of evidence that decides."""

import json

import models_made as made
import pytest
import torch
from checkpoints_made import write_folder
from click.testing import CliRunner

import cli
import registry
from registry.fingerprints.grades import Grade
from registry.lineage.verdict import EvidenceKind
from registry.workflows import subject

ROOT = made.grown()


def saved(folder, tensors):
    return write_folder(
        folder, {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    )


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Every model counts as a large one."""
    monkeypatch.setattr(subject, "LARGE", 0)


@pytest.fixture
def root(tmp_path):
    return saved(tmp_path / "root", ROOT)


def one_layer_tuned(tensors):
    """The last layer alone is trained further, which neither of the two chosen is."""
    name = f"model.layers.{made.LAYERS - 1}."
    moved = made.tuned(tensors)
    return {key: moved[key] if key.startswith(name) else value for key, value in tensors.items()}


CHANGES = {
    "trained further": (made.tuned, Grade.ATTENTION, "derived"),
    "equal": (dict, Grade.DIGESTS, "same weights"),
    "one layer trained": (one_layer_tuned, Grade.SKETCHES, "derived"),
    "rotated": (made.rotated, Grade.FULL, "derived"),
    "quantised": (lambda tensors: made.quantised(tensors, 4), Grade.SKETCHES, "quantised copy"),
    "new vocabulary": (made.vocabulary_anew, None, "derived"),
    "layers taken": (lambda tensors: made.layers_taken(tensors, [0, 1, 3]), None, "derived"),
    "independent": (lambda _: made.grown(1), Grade.SKETCHES, None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_decision_is_that_of_all_evidence(tmp_path, root, change):
    """Whatever was done, and at the grade that suffices."""
    done, grade, relation = CHANGES[change]
    child = saved(tmp_path / "child", done(ROOT))
    verdict = registry.compare(child, root)
    full = registry.compare(child, root, full=True)
    assert full.grade == Grade.FULL
    assert (verdict.verdict, verdict.model) == (full.verdict, full.model)
    assert {kind.kind for kind in verdict.changes} == {kind.kind for kind in full.changes}
    assert grade is None or verdict.grade == grade
    assert relation is None or verdict.verdict == relation


def test_a_fingerprint_at_hand_gives_the_same(tmp_path, root):
    """Its layers are compared with the child's, of which the others are not read."""
    child = saved(tmp_path / "child", made.tuned(ROOT))
    by_source = registry.compare(child, root)
    by_print = registry.compare(child, registry.fingerprint(root))
    assert by_source.grade == by_print.grade == Grade.ATTENTION
    assert by_source.p_value == pytest.approx(by_print.p_value)
    [read] = [line.value for line in by_print.evidence if line.kind == EvidenceKind.READ]
    assert 0.1 < read < 0.4


def test_exchanged_tables_are_no_equal_weights(tmp_path):
    """The digests of all tensors say which tensor they are of."""
    embedding, head = "model.embed_tokens.weight", "lm_head.weight"
    untied = {**ROOT, head: made.grown(1)[embedding]}
    exchanged = {**untied, embedding: untied[head], head: untied[embedding]}
    root = saved(tmp_path / "untied", untied)
    verdict = registry.compare(saved(tmp_path / "exchanged", exchanged), root)
    assert verdict.verdict == "derived"


def test_what_else_is_asked_for_takes_all_evidence(tmp_path, root):
    """More singular values, and their proof, are of no lower grade."""
    child = saved(tmp_path / "child", made.tuned(ROOT))
    for asked in ({"rank": 64}, {"prove": True}):
        assert registry.compare(child, root, **asked).grade == Grade.FULL


def test_a_small_model_takes_all_evidence(tmp_path, root, monkeypatch):
    """It is read before anybody waits."""
    monkeypatch.setattr(subject, "LARGE", 1 << 26)
    child = saved(tmp_path / "child", made.tuned(ROOT))
    assert registry.compare(child, root).grade == Grade.FULL


@pytest.fixture
def known(url, tmp_path, root):
    """A registry of the root and an independent model."""
    with registry.Registry(url) as opened:
        opened.ingest(root, family="one")
        opened.ingest(saved(tmp_path / "independent", made.grown(1)), family="two")
        yield opened


def test_an_only_relative_is_identified_by_attention(known, tmp_path):
    """Where no other registered model begins like it."""
    child = saved(tmp_path / "child", made.tuned(ROOT))
    identification = known.identify(child)
    verdict = identification.verdict
    assert (verdict.grade, verdict.verdict, verdict.model) == (Grade.ATTENTION, "derived", "root")
    assert (verdict.family, verdict.candidates) == ("one", 2)
    assert identification.matches == ()
    assert known.identify(child, full=True).verdict.model == "root"


def test_one_of_several_relatives_takes_all_sketches(known, tmp_path):
    """They are ranked by every layer."""
    child = made.tuned(ROOT)
    known.ingest(saved(tmp_path / "child", child))
    verdict = known.identify(saved(tmp_path / "grandchild", made.tuned(child, seed=3))).verdict
    assert (verdict.grade, verdict.model) == (Grade.SKETCHES, "child")
    assert [relative.model for relative in verdict.relatives] == ["child", "root"]


def test_a_stranger_is_unknown_by_sketches_or_of_a_family_by_all(known, tmp_path):
    """A family is named by the recipe that spectra show."""
    verdict = known.identify(saved(tmp_path / "stranger", made.grown(5))).verdict
    assert verdict.verdict in ("unknown", "same family")
    assert (verdict.grade == Grade.FULL) == (verdict.verdict == "same family")


def test_a_claim_is_judged_among_other_relatives(known, tmp_path):
    """That a sibling is the base is judged by all sketches; of the root alone by two layers."""
    child = made.tuned(ROOT)
    folder = saved(tmp_path / "child", child)
    assert known.verify(folder, "root").grade == Grade.ATTENTION
    known.ingest(saved(tmp_path / "sibling", made.tuned(ROOT, seed=4)))
    verdict = known.verify(folder, "sibling")
    assert verdict.grade == Grade.SKETCHES
    assert verdict.direction == known.verify(folder, "sibling", full=True).direction


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_the_answer_says_its_grade(url, tmp_path, root):
    """In the JSON as `grade`, and in a line that names --full."""
    child = saved(tmp_path / "child", made.tuned(ROOT))
    answer = json.loads(run("compare", child, root, "--json").stdout)
    assert answer["grade"] == "attention"
    assert json.loads(run("compare", child, root, "--full", "--json").stdout)["grade"] == "full"
    text = run("verify", child, "--claimed-base", root).stdout
    assert "decided by the attention of two layers; --full takes all evidence" in text
    assert "% of the bytes were read" in text


def test_a_page_takes_all_evidence(known, tmp_path):
    """It shows the clusterings."""
    child = saved(tmp_path / "child", made.tuned(ROOT))
    page = tmp_path / "report.html"
    answer = run("identify", child, "--report", page, "--json")
    assert json.loads(answer.stdout)["grade"] == "full"
    assert page.exists()
