"""registry.lineage.adapter_comparison and the command lora: adapters beside each other."""

import json

import numpy as np
import pytest
import torch
from adapters_made import write_adapter
from click.testing import CliRunner

import cli
import registry
from registry.lineage.adapter_comparison import (
    ComparedAdapter,
    label_tests,
    permutation_test,
    run_points,
    std_distance,
    trajectories,
)
from registry.lineage.vector_distances import clustering_distance_over_common
from registry.workflows.adapters import read_adapter


def factors(seed, scale=1.0, projections=("q_proj", "v_proj"), layers=4, rank=4, size=32):
    """A and B of an adapter; `scale` is of value's B beside query's."""
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for layer in range(layers):
        for projection in projections:
            module = f"base_model.model.model.layers.{layer}.self_attn.{projection}"
            by = scale if projection == "v_proj" else 1.0
            made[f"{module}.lora_A.weight"] = torch.randn(rank, size, generator=draw)
            made[f"{module}.lora_B.weight"] = by * torch.randn(size, rank, generator=draw)
    return made


@pytest.fixture
def folders(tmp_path):
    """Two of one spread, one of another, one of other projections, and one that was not trained."""
    kinds = {
        "a1": factors(1), "a2": factors(2), "b1": factors(3, 0.2), "b2": factors(4, 0.2),
        "other": factors(5, projections=("q_proj", "o_proj")),
    }  # fmt: skip
    untrained = {
        name: torch.zeros_like(t) if "lora_B" in name else t for name, t in factors(6).items()
    }
    return {
        name: write_adapter(tmp_path / name, own)
        for name, own in (kinds | {"untrained": untrained}).items()
    }


def test_only_what_both_cover_is_compared(folders):
    """Two adapters with less than two projections in common are not compared at all."""
    a1, a2, b1, other = (
        registry.fingerprint(folders[name], rank=16) for name in ("a1", "a2", "b1", "other")
    )
    one, two = np.array(a1.std), np.array(b1.std)
    assert std_distance(a1, b1) == pytest.approx(
        1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    )
    assert std_distance(a1, a1) == clustering_distance_over_common(a1, a1) == 0
    assert std_distance(a1, a2) < 0.01 < std_distance(a1, b1)
    assert np.isnan(std_distance(a1, other))


def test_an_untrained_adapter_is_told(folders):
    """And takes part in nothing."""
    seen = read_adapter(str(folders["untrained"]))
    assert seen.delta is None
    assert (
        label_tests([seen, read_adapter(f"x={folders['a1']}"), read_adapter(f"y={folders['a2']}")])
        == []
    )


def test_labels_that_tell_distances_apart(folders):
    """Adapters of one data set are nearer, and a permutation test says how often that comes by chance."""
    seen = [
        read_adapter(f"{label}={folders[name]}")
        for label, name in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2"))
    ]
    found = next(each for each in label_tests(seen) if (each.vector, each.label) == ("std", "data"))
    assert found.within < found.between
    assert found.p_value == pytest.approx(1 / 3, abs=0.02)  # two of two pairings in three


@pytest.mark.parametrize("labels", [["a", "a", "a"], ["a", "b", "c"], [None, None, "a"]], ids=str)
def test_no_test_without_both_kinds_of_pairs(labels):
    """All of one label, or all of their own."""
    assert permutation_test(np.ones((3, 3)), labels) is None


@pytest.mark.slow
def test_chance_alone_has_no_small_p_values():
    """Labels that mean nothing come to 5 % or less in about one of twenty cases."""
    draw = np.random.default_rng(0)
    small = 0
    for _ in range(20):
        points = draw.normal(size=(8, 3))
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        small += permutation_test(distances, list("aaaabbbb")).p_value <= 0.05
    assert small <= 4


@pytest.mark.parametrize(
    ("source", "run"),
    [
        ("out/checkpoint-500", ("out", 500)),
        ("me/run-checkpoint-1000__ab12", ("me/run", 1000)),
        ("adapters/step_20", ("adapters", 20)),
        ("adapters/final", None),
    ],
)  # fmt: skip
def test_runs_are_told_by_name(source, run):
    """As trainers call their checkpoints."""
    assert ComparedAdapter("n", source, None, None, None).run_step == run


def test_a_run_is_a_path(tmp_path):
    """Its norms are those of the updates, and its steps those between them, as sketches tell."""
    start, end = factors(1), factors(2)
    for step, share in ((100, 0.25), (200, 0.5), (300, 1.0)):
        own = {
            name: share * t + (1 - share) * end[name] if "lora_B" in name else end[name]
            for name, t in start.items()
        }
        write_adapter(tmp_path / f"checkpoint-{step}", own)
    seen = [read_adapter(str(tmp_path / f"checkpoint-{step}")) for step in (300, 100, 200)]
    ((_, points),) = trajectories(seen).items()
    assert [point.step for point in points] == [100, 200, 300]
    assert points[0].moved is None
    assert points[-1].likeness == pytest.approx(1)
    assert points[0].likeness < points[1].likeness
    last = {name: t.double() for name, t in start.items()}
    norm = sum(
        float((t @ end[name.replace("lora_B", "lora_A")].double()).square().sum())
        for name, t in last.items()
        if "lora_B" in name
    )
    scaling = (
        1.0
        if run_points([(0, seen[0])])[0].norm == pytest.approx(norm**0.5, rel=1e-3)
        else points[-1].norm / norm**0.5
    )
    assert points[-1].norm == pytest.approx(scaling * norm**0.5, rel=1e-6)


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_the_command(url, folders):
    """Vectors beside each other, distances, tests, and registered adapters that are alike."""
    assert run("ingest", folders["a2"], folders["b1"]).exit_code == 0
    told = run("lora", f"x={folders['a1']}", "a2", folders["untrained"], "--like", 2, "--json")
    answer = json.loads(told.stdout)
    assert [each["trained"] for each in answer["adapters"]] == [True, True, False]
    assert set(answer["adapters"][0]["update"]["std"]) == {"query", "value"}
    assert [row["model"] for row in answer["like"]] == ["a2", "b1"]
    text = run("lora", folders["a1"], folders["other"], folders["untrained"]).stdout
    assert "untrained adapter" in text
    assert "nan" not in text.lower()


def test_beside_the_base(url, tmp_path):
    """What the adapter makes of a base whose weights are at hand."""
    from checkpoints_made import llama, write_folder

    base = write_folder(tmp_path / "base", llama(layers=4, hidden=32, keys=32))
    adapter = write_adapter(tmp_path / "adapter", factors(1))
    answer = json.loads(run("lora", adapter, "--base", base, "--json").stdout)
    assert answer["base"]["name"] == str(base)
    assert answer["adapters"][0]["merged"]["std"].keys() == answer["base"]["std"].keys()
    assert answer["adapters"][0]["merged"]["std"]["query"] > answer["base"]["std"]["query"]
    assert answer["adapters"][0]["merged"]["std"]["up"] == pytest.approx(
        answer["base"]["std"]["up"]
    )
