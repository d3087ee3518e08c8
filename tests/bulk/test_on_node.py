"""registry.bulk.on_node: what a node does with one source."""

import logging
import platform
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoints_made import llama, write_folder

from registry import settings
from registry.bulk import on_node
from registry.bulk.crew import Ended, Progressed, Said
from registry.bulk.job import Work, nothing
from registry.bulk.on_node import Home, Order, opened, work_on
from registry.bulk.wanted import Task, Wanted
from registry.notices import LOGGER


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """The process is as it was: a node's ends with what it did to itself."""
    monkeypatch.chdir(Path.cwd())
    monkeypatch.setattr(on_node.logging, "lastResort", logging.lastResort)
    monkeypatch.setattr(LOGGER, "propagate", True)
    monkeypatch.setenv("REGISTRY_DATA_DIR", "/nowhere")
    yield
    opened.cache_clear()
    on_node.OPEN.close()


@pytest.fixture
def order(url, tmp_path):
    """A model by a relative path, started on another machine."""
    write_folder(tmp_path / "model", llama(hidden=32))
    work = Work(
        family=None,
        options={"rank": 16, "threads": 1},
        tool_version=settings.tool_version(),
        report=nothing,
    )
    home = Home(host="elsewhere", folder=str(tmp_path), data=str(tmp_path / "data"), url=url)
    task = Task(Wanted("./model"), str(tmp_path / "model"), attempts=1)
    return Order(task, work, home, is_file=True)


def result_of(answer):
    """What became of the source."""
    last = answer.events[-1]
    assert isinstance(last, Ended)
    return last.result


def test_a_source_is_read_from_where_the_run_was_started(order):
    """Its relative path holds, and progress comes with the answer."""
    answer = work_on(order, 0)
    assert answer.node == platform.node()
    assert (result_of(answer).error, result_of(answer).outcome) == (None, "new")
    signs = [event for event in answer.events if isinstance(event, Progressed)]
    assert signs[-1].done == signs[-1].total


def test_a_source_that_a_node_does_not_see_is_not_looked_for_on_the_hub(order):
    """The sentence says which node looked."""
    away = replace(order, task=Task(Wanted("org/model"), "/data/org/model"))
    error = result_of(work_on(away, 0)).error
    assert str(error) == (
        f"'org/model' is not on the node {platform.node()!r} that was to read it; put it where all"
        " nodes see it under the same path."
    )


def test_another_version_on_a_node_is_told(order):
    """Before anything is read."""
    work = replace(order.work, tool_version="0.0.1")
    error = result_of(work_on(replace(order, work=work), 0)).error
    assert f"runs version {settings.tool_version()} of registry, this machine 0.0.1" in str(error)


def test_a_source_that_was_begun_before_says_so(order):
    """By a notice, and by how often it was begun."""
    answer = work_on(order, 2)
    assert result_of(answer).task.attempts == 3
    notices = [str(event.notice) for event in answer.events if isinstance(event, Said)]
    assert "the source is read again" in notices[0]


def test_the_machine_of_a_run_keeps_to_its_database(order, monkeypatch):
    """Whatever a cluster there was started with."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    home = replace(order.home, host=platform.node())
    assert result_of(work_on(replace(order, home=home), 0)).outcome == "new"
    assert settings.database_url() is None
    assert str(settings.data_dir()) == home.data


def test_a_database_that_a_node_does_not_reach_is_part_of_the_answer(order):
    """Whoever gave the source decides what becomes of it."""
    home = replace(order.home, url="postgresql://nobody@nowhere.invalid/nothing?connect_timeout=1")
    assert result_of(work_on(replace(order, home=home), 0)).database_is_away
