"""registry.bulk.survey: what the directory tells of a source."""

import os

import pytest
from checkpoints_made import llama, write_folder

from registry.bulk.survey import Reading, surveyed
from registry.bulk.wanted import Wanted
from registry.checkpoints import open_checkpoint

READING = Reading(rank=64)


def task(path, reading=READING):
    """The task of one source."""
    [answer] = surveyed([Wanted(str(path))], reading)
    return answer


@pytest.mark.parametrize("name", ["model", "run/checkpoint-500", "model/model.safetensors"])
def test_a_source_is_called_as_a_single_ingest_calls_it(tmp_path, name):
    """A folder, a step of a run, and a file."""
    folder = tmp_path / name.removesuffix("/model.safetensors")
    write_folder(folder, llama())
    source = tmp_path / name
    assert task(source).called == open_checkpoint(source).name
    assert task(source).size == (folder / "model.safetensors").stat().st_size


def test_a_stamp_stays_while_the_files_do(tmp_path):
    """It changes with a file's time, its header, its length and the way it is read."""
    folder = write_folder(tmp_path / "model", llama(), config={"model_type": "llama"})
    weights = folder / "model.safetensors"
    stamps = [task(folder).stamp]
    assert task(folder).stamp == stamps[0]

    stamps.append(task(folder, Reading(rank=64, allow_nonfinite=True)).stamp)
    stamps.append(task(folder, Reading(rank=64, base="org/base")).stamp)
    status = weights.stat()
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    stamps.append(task(folder).stamp)
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    stamps.append(task(folder).stamp)
    content = weights.read_bytes().replace(b"layers.0", b"layers.7")
    weights.write_bytes(content)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    stamps.append(task(folder).stamp)
    assert None not in stamps
    assert len(set(stamps)) == len(stamps)


def test_a_source_that_is_wrong_has_no_stamp(tmp_path):
    """What is wrong is told when it is read."""
    (tmp_path / "empty").mkdir()
    assert task(tmp_path / "empty").stamp is None
    assert task(tmp_path / "missing and no hub id").stamp is None
