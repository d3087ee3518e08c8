"""registry.bulk.on_ray: what a crew makes of a cluster's answers, with a cluster that is made up."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import pytest

from registry.bulk import on_ray
from registry.bulk.crew import Ended, Lost, Started
from registry.bulk.job import Result, Work, nothing
from registry.bulk.on_node import Answer
from registry.bulk.on_ray import LOOK, PATIENCE, REFUSALS, RayCrew
from registry.bulk.shares import GIB, Share
from registry.bulk.wanted import Task, Wanted
from registry.errors import DatabaseNotShared, DatabaseUnreachable

TASK = Task(Wanted("model"), "/model", size=4 * GIB, largest=GIB // 8, attempts=1)


class RayError(Exception):
    """As Ray's own."""


class RayTaskError(RayError):
    """As Ray's own. cause: what the task raised."""

    cause = ValueError("No module named 'registry'\nmore of it")


class Made:
    """A cluster whose tasks end at once, with the answer that a test sets."""

    def __init__(self, *nodes, elsewhere=False):
        self.shares = list(nodes)
        self.elsewhere = elsewhere
        self.answer = None
        self.asked = []
        self.closed = 0
        self.address = "10.0.0.5:6379"
        self.ray = SimpleNamespace(
            exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError),
            remote=lambda _: self,
        )
        self.at_rest = False

    def options(self, **options):
        """What a task is to take."""
        return SimpleNamespace(remote=lambda order: self.take(options, order))

    def take(self, options, order):
        """Remember a task."""
        self.asked.append((options, order))
        return SimpleNamespace(future=self.future)

    def future(self):
        """The answer of any task, or the promise of one."""
        future = Future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        elif self.answer is not None:
            future.set_result(self.answer)
        return future

    def nodes(self):
        """What nodes have."""
        return self.shares

    def is_elsewhere(self):
        """Whether any node is another machine."""
        return self.elsewhere

    def is_at_rest(self):
        """Whether nothing runs."""
        return self.at_rest

    def close(self):
        """Leave."""
        self.closed += 1


def crew_on(monkeypatch, cluster, *, count=None, url="postgresql://db/registry", **options):
    """A crew on a cluster."""
    monkeypatch.setattr(on_ray, "Cluster", lambda *_: cluster)
    work = Work(family=None, options=options, tool_version="1", report=nothing)
    return RayCrew(None, count, work, url)


def begun(monkeypatch, cluster, *, answer=None, **options):
    """A crew that has begun a task, which ends with an answer."""
    cluster.answer = answer
    crew = crew_on(monkeypatch, cluster, **options)
    crew.begin(TASK)
    return crew


def test_a_task_takes_what_its_model_asks_for(monkeypatch):
    """Its threads are the cores that it takes; Ray begins it again, but for no error of ours."""
    cluster = Made(Share(8, 16 * GIB))
    begun(monkeypatch, cluster)
    [(options, order)] = cluster.asked
    assert options == {
        "num_cpus": 2,
        "num_gpus": 0,
        "memory": GIB,
        "max_retries": 2,
        "retry_exceptions": False,
    }
    assert order.work.options == {"threads": 2}


def test_a_gpu_is_the_only_one_that_its_task_sees(monkeypatch):
    """Whatever number it has on its node."""
    cluster = Made(Share(8, 16 * GIB, gpus=4))
    begun(monkeypatch, cluster, device="cuda:3")
    [(options, order)] = cluster.asked
    assert options["num_gpus"] == 0.25
    assert order.work.options["device"] == "cuda"


def test_as_many_at_a_time_as_there_are_cores(monkeypatch):
    """Of nodes that join, too; unless it was said how many, and so many connections there are."""
    cluster = Made(Share(4, GIB), Share(2, GIB))
    crew = begun(monkeypatch, cluster)
    assert (crew.idle, crew.busy) == (5, 1)
    cluster.shares.append(Share(16, GIB))
    crew._looked -= 2 * LOOK
    crew.events(0)
    assert crew.idle == 21
    assert crew_on(monkeypatch, cluster, count=3).idle == 3


def test_what_a_node_says_comes_back(monkeypatch):
    """After the sign that the source was begun."""
    cluster = Made(Share(4, GIB))
    ended = Ended(Result(TASK, outcome="new"))
    crew = begun(monkeypatch, cluster, answer=Answer("node", (ended,)))
    assert crew.events(0) == [Started(TASK), ended]
    assert crew.busy == 0
    assert crew.events(0) == []


def test_a_process_that_is_lost_for_good_is_told(monkeypatch):
    """Ray has begun it thrice by then."""
    cluster = Made(Share(4, GIB))
    error = RayError("The worker died unexpectedly.\nThe process had this number")
    crew = begun(monkeypatch, cluster, answer=error)
    [_, lost] = crew.events(0)
    assert lost == Lost(replace(TASK, attempts=3), "The worker died unexpectedly")
    assert lost.task.attempts == 3


def test_a_node_that_cannot_even_begin_is_told(monkeypatch):
    """As one without this package, at once."""
    cluster = Made(Share(4, GIB))
    crew = begun(monkeypatch, cluster, answer=RayTaskError())
    [_, ended] = crew.events(0)
    assert str(ended.result.error).startswith(
        "'model' was not read by the cluster (No module named 'registry'); install the same"
    )
    assert not ended.result.lasts


def test_a_database_that_nodes_do_not_reach_ends_no_run(monkeypatch):
    """It is away for all at first; a source that is refused again and again has failed."""
    cluster = Made(Share(4, GIB))
    crew = crew_on(monkeypatch, cluster)
    error = DatabaseUnreachable(url="postgresql://localhost/registry", reason="refused")
    cluster.answer = Answer("far", (Ended(Result(TASK, error=error)),))
    results = []
    for _ in range(REFUSALS):
        crew.begin(TASK)
        results.append(crew.events(0)[-1].result)
    assert [result.database_is_away for result in results] == [True] * (REFUSALS - 1) + [False]
    assert "answers here, but not on the node 'far'" in str(results[-1].error)


def test_an_embedded_database_is_not_for_other_machines(monkeypatch):
    """Also where the address was this one's; the cluster is left."""
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    cluster = Made(Share(4, GIB), elsewhere=True)
    with pytest.raises(DatabaseNotShared, match="set REGISTRY_DATABASE_URL"):
        crew_on(monkeypatch, cluster, url=None)
    assert cluster.closed == 1


def test_a_cluster_without_room_is_told_once(monkeypatch, caplog):
    """After a while in which it does nothing."""
    cluster = Made(Share(0, GIB))
    cluster.at_rest = True
    crew = begun(monkeypatch, cluster)
    with caplog.at_level("WARNING", "registry"):
        for _ in range(2 * PATIENCE):
            crew._looked -= 2 * LOOK
            crew.events(0)
    [record] = caplog.records
    assert record.getMessage() == (
        "No node of the Ray cluster has room for 'model', which takes 2 cores and 1.0 GiB; still"
        " waiting for one."
    )
