"""registry.bulk.on_ray: a head and a worker node of Ray on this machine."""

import json
import os
import signal

import psutil
import pytest
from checkpoints_made import llama, write_folder
from command_line import run

import registry
from registry.bulk.on_ray import needs_gpu
from registry.bulk.run import Finished
from registry.bulk.shares import Share
from registry.commands.bulk import Teller
from registry.errors import DeviceUnavailable

HEALTH = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}


@pytest.fixture(scope="module")
def cluster():
    """A head and a node, of one core each."""
    from ray.cluster_utils import Cluster

    from registry.bulk.cluster import prepare

    prepare("127.0.0.1:1")
    nodes = Cluster(True, head_node_args={"num_cpus": 1, "_system_config": HEALTH})
    nodes.second = nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def tree(tmp_path):
    """Five models, of which two are equal, and broken weights."""
    for number in range(5):
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
def test_a_cluster_loses_nothing(url, tree, cluster, monkeypatch, capfd):
    """Neither with a process that is killed, nor with a node; what is broken fails once.

    The address may stand in the environment, and standard output is the answer alone: Ray itself
    would tell there what it has lost.
    """
    ended = []
    hear = Teller.hear

    def hinder(self, event):
        hear(self, event)
        if not isinstance(event, Finished):
            return
        ended.append(event)
        if len(ended) == 1:
            os.kill(workers()[0].pid, signal.SIGKILL)
        if len(ended) == 2:
            cluster.remove_node(cluster.second, allow_graceful=False)

    monkeypatch.setattr(Teller, "hear", hinder)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    before = signal.getsignal(signal.SIGTERM)
    result = run("ingest", "--tree", tree, "--engine", "ray", "--rank", "16", "--json")
    assert signal.getsignal(signal.SIGTERM) is before
    assert capfd.readouterr().out == ""

    answer = json.loads(result.stdout)
    assert len(answer["models"]) == 5
    assert [error["source"] for error in answer["errors"]] == [str(tree / "broken")]
    with registry.Registry() as known:
        assert len(known.models()) == 4
        [made] = known.runs()
        assert (made.engine, made.workers, made.done, made.failed) == ("ray", 2, 5, 1)


def test_a_gpu_measures_where_there_is_one():
    """Unless the CPU is asked for; where one is asked for and none is there, that is told."""
    plain, with_gpu = Share(4, 1 << 30), Share(4, 1 << 30, gpus=1)
    assert not needs_gpu("auto", [plain])
    assert needs_gpu("auto", [plain, with_gpu])
    assert not needs_gpu("cpu", [with_gpu])
    assert needs_gpu("cuda:1", [with_gpu])
    with pytest.raises(DeviceUnavailable, match="no node of the Ray cluster has a GPU"):
        needs_gpu("cuda", [plain])
