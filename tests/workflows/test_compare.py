"""registry.workflows.compare and the commands compare, verify and explain."""

import json

import models_made as made
import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import write_folder
from click.testing import CliRunner

import cli
import registry
from registry.errors import NotComparable, NothingToMerge
from registry.lineage.pair import claim_outcome, pair_verdict

ROOT = made.grown()


def saved(folder, tensors):
    return write_folder(
        folder, {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    )


@pytest.fixture
def folders(tmp_path):
    models = {"root": ROOT, "child": made.tuned(ROOT), "independent": made.grown(1)}
    return {name: saved(tmp_path / name, tensors) for name, tensors in models.items()}


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_sources_and_fingerprints_give_the_same(folders):
    """Compare takes either, as often as one likes, and gives the numbers that docs/json.md names."""
    by_source = registry.compare(folders["child"], folders["root"])
    by_print = registry.compare(
        registry.fingerprint(folders["child"]), registry.fingerprint(folders["root"])
    )
    assert by_source.verdict == by_print.verdict == "derived"
    assert by_source.score == pytest.approx(by_print.score)
    assert by_source.p_value < 1e-10
    assert {line.kind for line in by_source.evidence} >= {"stream", "token", "spectra", "weights"}


@pytest.mark.slow
def test_the_commands(url, folders):
    """compare, verify and explain know registered models and sources, and their exit codes say what came out."""
    assert run("ingest", folders["root"]).exit_code == 0
    answer = json.loads(run("compare", folders["child"], "root", "--json").stdout)
    assert (answer["verdict"], answer["model"]) == ("derived", "root")
    assert answer["score"] > 10
    outcomes = {
        name: run("verify", folder, "--claimed-base", "root") for name, folder in folders.items()
    }
    assert {name: result.exit_code for name, result in outcomes.items()} == {
        "root": 0,
        "child": 0,
        "independent": 3,
    }
    assert "contradicted" in outcomes["independent"].output
    assert run("ingest", folders["child"]).exit_code == 0
    told = run("explain", "child")
    assert "derived from root" in told.output
    assert "fine-tuned" in told.output
    assert run("compare", folders["child"], "nowhere/at all").exit_code == 1


def test_what_cannot_be_decided(folders):
    """Without sketches in common a claim is neither shown nor contradicted."""
    from dataclasses import replace

    one, other = (
        replace(registry.fingerprint(folders[name]), branches=(), start=None)
        for name in ("independent", "root")
    )
    assert claim_outcome(pair_verdict(one, other, "root")) == "undecidable"


def adapter(folder, base, own, rank=8):
    """Updates along the strongest directions of `own`, as training on it gives them, for the shapes of `base`."""
    factors = {}
    for name in base:
        if name.endswith(("q_proj.weight", "v_proj.weight", "o_proj.weight")):
            left, _, right = torch.linalg.svd(own[name].float(), full_matrices=False)
            module = f"base_model.model.{name.removesuffix('.weight')}"
            factors[f"{module}.lora_A.weight"] = right[:rank].contiguous()
            factors[f"{module}.lora_B.weight"] = 0.1 * left[:, :rank].contiguous()
    return write_adapter(folder, factors)


def test_an_adapter_fits_its_base(folders, tmp_path):
    """Among bases of the same shapes it is the one whose directions it uses; nothing tells where it uses none."""
    fitting = adapter(tmp_path / "fitting", ROOT, ROOT)
    assert registry.compare(fitting, folders["root"]).verdict == "derived"
    assert registry.compare(fitting, folders["independent"]).verdict == "unknown"
    shapes = saved(
        tmp_path / "small", {n: t for n, t in ROOT.items() if ".0." in n or "embed" in n}
    )
    verdict = registry.compare(fitting, shapes)
    assert claim_outcome(verdict) == "contradicted"
    with pytest.raises(NotComparable, match="the other way round"):
        registry.compare(folders["root"], fitting)


def test_a_merged_adapter_is_compared_with_the_whole_base(folders, tmp_path):
    """The base that an adapter is merged into may be what it is compared with, too."""
    fitting = adapter(tmp_path / "fitting", ROOT, ROOT)
    verdict = registry.compare(fitting, folders["root"], base=folders["root"])
    assert (verdict.verdict, verdict.related) == ("derived", True)


def test_a_fingerprint_cannot_be_merged(folders):
    """Without weights there is nothing to merge, and the sentence says so instead of leaving the base out."""
    fingerprint = registry.fingerprint(folders["child"])
    with pytest.raises(NothingToMerge, match="without weights.*--merge-into"):
        registry.compare(fingerprint, folders["root"], base=folders["root"])
