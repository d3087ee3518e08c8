"""What the documents say of runs over many sources, and the manifests for clusters."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from checkpoints_made import llama, write_folder
from command_line import answer, run

import cli

ROOT = Path(__file__).parents[2]
SBATCH = ROOT / "compose" / "ray.sbatch"
RAYJOB = yaml.safe_load((ROOT / "compose" / "rayjob.yaml").read_text())
CLUSTER = RAYJOB["spec"]["rayClusterSpec"]


def options_of(name):
    """The options of a command."""
    return {option for parameter in cli.main.commands[name].params for option in parameter.opts}


def documented(heading):
    """The keys that a section of docs/json.md names."""
    page = (ROOT / "docs" / "json.md").read_text()
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"`(\w+)`", section))


@pytest.mark.slow
def test_the_answer_of_a_run_is_documented(url, tmp_path):
    """Every key of it, of its log, and of `registry jobs`, stands in docs/json.md."""
    write_folder(tmp_path / "tree" / "good", llama(hidden=32))
    broken = write_folder(tmp_path / "tree" / "broken", llama())
    (broken / "model.safetensors").write_bytes(bytes(20))
    log = tmp_path / "log"
    typed = ("ingest", "--tree", tmp_path / "tree", "--workers", 1, "--rank", 16, "--timing")
    first = json.loads(run(*typed, "--log", log, "--json").stdout)
    second = json.loads(run(*typed, "--json").stdout)
    assert first.keys() - {"schema_version"} <= documented("A run over many sources")
    for key in ("errors", "skipped", "failed_before"):
        for entry in first[key] + second[key]:
            assert entry.keys() <= documented("A run over many sources")
    assert first["run"].keys() <= documented("A run over many sources")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {key for line in lines for key in line} <= documented("A run over many sources")

    [newest, _] = answer("jobs")["runs"]
    assert newest.keys() <= documented("`registry jobs`")
    jobs = answer("jobs", first["run"]["run"])["jobs"]
    assert len(jobs) == 2
    assert {key for job in jobs for key in job} <= documented("`registry jobs`")


def test_the_manifest_runs_a_command_that_there_is():
    """Its options exist, its version of Ray is the one that is tested, its secret holds the address."""
    program, command, *rest = RAYJOB["spec"]["entrypoint"].split()
    assert (program, command) == ("registry", "ingest")
    assert {word for word in rest if word.startswith("--")} <= options_of("ingest")
    assert f"ray=={CLUSTER['rayVersion']}\n" in (ROOT / "constraints.txt").read_text()
    assert RAYJOB["apiVersion"] == "ray.io/v1"
    assert RAYJOB["spec"]["shutdownAfterJobFinishes"]


def test_all_nodes_are_alike():
    """Head and workers have one image, one environment and the models in one place; the head computes nothing."""
    groups = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]
    containers = [group["template"]["spec"]["containers"][0] for group in groups]
    for key in ("image", "env", "volumeMounts"):
        assert all(container[key] == containers[0][key] for container in containers)
    mounts = {mount["name"]: mount["mountPath"] for mount in containers[0]["volumeMounts"]}
    assert mounts["models"] in RAYJOB["spec"]["entrypoint"]
    assert CLUSTER["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    [address] = [row for row in containers[0]["env"] if row["name"] == "REGISTRY_DATABASE_URL"]
    assert "value" not in address
    assert address["valueFrom"]["secretKeyRef"] == {"name": "registry", "key": "url"}


def test_the_batch_script_is_one():
    """The shell reads it, its options exist, and it says what is missing."""
    text = SBATCH.read_text()
    subprocess.run(["bash", "-n", SBATCH], check=True)
    command = text[text.index("registry ingest") :]
    assert set(re.findall(r"--[\w-]+", command)) <= options_of("ingest")
    done = subprocess.run(["bash", SBATCH], capture_output=True, text=True, env={}, check=False)
    assert done.returncode != 0
    assert "the folder of the models, which all nodes see" in done.stderr
    typed = ["bash", SBATCH, "/models"]
    done = subprocess.run(typed, capture_output=True, text=True, env={}, check=False)
    assert "a Postgres that all nodes reach" in done.stderr
