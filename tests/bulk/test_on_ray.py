"""registry.bulk.on_ray: a head and a worker node of Ray on this machine."""

import json
import os
import signal
from collections import Counter

import psutil
import pytest
from checkpoints_made import llama, write_folder
from command_line import run

import registry
from registry.bulk.on_ray import needs_gpu
from registry.bulk.run import Finished
from registry.bulk.shares import Share
from registry.bulk.start import Sharing
from registry.errors import DeviceUnavailable


@pytest.fixture(scope="module")
def cluster():
    """A head and a node, of one core each."""
    from ray.cluster_utils import Cluster

    from registry.bulk.cluster import prepare

    prepare("127.0.0.1:1")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.second = nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def tree(tmp_path):
    """Six models, of which two are equal, and broken weights."""
    for number in range(6):
        write_folder(tmp_path / "models" / f"m{number}", llama(seed=max(1, number), hidden=32))
    broken = write_folder(tmp_path / "models" / "broken", llama())
    (broken / "model.safetensors").write_bytes(b"\x10" + bytes(20))
    return tmp_path / "models"


def workers():
    """The processes of Ray's that read sources."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if command_of(process).startswith(("ray::numbered", "ray::IDLE"))
    ]


def command_of(process):
    """How a process is called; nothing for one that has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.mark.slow
def test_a_cluster_loses_nothing(url, tree, cluster):
    """Neither with a process that is killed, nor with a node; what is broken fails once."""
    ended = []

    def hinder(event):
        if not isinstance(event, Finished):
            return
        ended.append(event)
        if len(ended) == 1:
            os.kill(workers()[0].pid, signal.SIGKILL)
        if len(ended) == 3:
            cluster.remove_node(cluster.second, allow_graceful=False)

    sharing = Sharing(engine="ray", address=cluster.address)
    before = signal.getsignal(signal.SIGTERM)
    with registry.Registry() as known:
        summary = known.ingest_many(tree.iterdir(), sharing=sharing, watch=hinder, rank=16)
        assert len(known.models()) == 5
        [made] = known.runs()
        assert (made.engine, made.workers, made.done, made.failed) == ("ray", 2, 6, 1)
        [job] = known.jobs(made.id, failed=True)
        assert job.error == "BrokenFile"
    outcomes = Counter(result.outcome for result in summary.results)
    assert sum(outcomes.values()) == 7
    assert outcomes[None] == 1
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_standard_output_is_the_answer_alone(url, tree, cluster, monkeypatch):
    """Of the command line; the cluster's address may stand in the environment."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    result = run("ingest", tree / "m0", "--engine", "ray", "--rank", "16", "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert [model["outcome"] for model in answer["models"]] == ["new"]
    assert answer["run"]["new"] == 1
    assert [line[:4] for line in result.stderr.splitlines() if line] == ["run "]


def test_a_gpu_measures_where_there_is_one():
    """Unless the CPU is asked for; where one is asked for and none is there, that is told."""
    plain, with_gpu = Share(4, 1 << 30), Share(4, 1 << 30, gpus=1)
    assert not needs_gpu("auto", [plain])
    assert needs_gpu("auto", [plain, with_gpu])
    assert not needs_gpu("cpu", [with_gpu])
    assert needs_gpu("cuda:1", [with_gpu])
    with pytest.raises(DeviceUnavailable, match="no node of the Ray cluster has a GPU"):
        needs_gpu("cuda", [plain])
