"""registry.commands.run_log: the log of a run."""

import json
import logging

import pytest
from crew_made import tasks

from registry.bulk.crew import Started
from registry.commands.run_log import RunLog
from registry.errors import UnwritableFile
from registry.notices import LogEnded


def test_a_log_is_a_line_an_event(tmp_path):
    """Appended to what earlier runs wrote."""
    path = tmp_path / "log"
    for source in ("a", "b"):
        log = RunLog(path)
        log.write(Started(*tasks(source)))
        log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["event"], line["source"]) for line in lines] == [
        ("started", "a"),
        ("started", "b"),
    ]


def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path, caplog):
    """It is told once."""
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    log = RunLog(path)
    with caplog.at_level(logging.WARNING):
        for source in ("a", "b"):
            log.write(Started(*tasks(source)))
    log.close()
    [record] = caplog.records
    [notice] = record.args
    assert isinstance(notice, LogEnded)
    assert "No space left" in str(notice)


def test_a_place_that_cannot_be_written_is_told_first(tmp_path):
    """Before the run begins."""
    with pytest.raises(UnwritableFile, match="cannot be written"):
        RunLog(tmp_path / "missing" / "log")
    log = RunLog(None)
    log.write(Started(*tasks("a")))
    log.close()
