"""registry.fingerprints.shards: shares of one model, measured by themselves and put together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints_made import llama, write_folder
from command_line import answer, run
from places import ROOT

from registry.checkpoints import open_checkpoint
from registry.errors import NotInShards, UnwritableFile
from registry.fingerprints import kept_parts, parts
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint
from registry.fingerprints.shards import Shard, measure_shard

SIZE = 200_000  # bytes of a part
MEASURE = """
import sys
from registry.checkpoints import open_checkpoint
from registry.fingerprints import parts
from registry.fingerprints.shards import Shard, measure_shard
parts.PART = int(sys.argv[2])
measure_shard(open_checkpoint(sys.argv[1]), Shard(int(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few layers whose heads share values, in bfloat16."""
    made = llama(layers=4, hidden=128, inner=320, keys=64)
    tensors = {name: tensor.bfloat16() for name, tensor in made.items()}
    return write_folder(tmp_path_factory.mktemp("shards") / "model", tensors)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Fingerprint:
    """Its fingerprint, measured at one go."""
    return compute(open_checkpoint(folder))


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder; small parts."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(parts, "PART", SIZE)
    return tmp_path / "data"


@pytest.mark.parametrize("of", [3, 12])
def test_all_shares_make_up_the_whole(folder, whole, of):
    """However many there are, the last first: a run without shares reads no part again, to the bit the same."""
    for number in range(of, 0, -1):
        share = measure_shard(open_checkpoint(folder), Shard(number, of))
    assert share.kept == share.parts > 4
    assert compute(open_checkpoint(folder)) == whole
    assert list(kept_parts.home().iterdir()) == []


def test_what_is_known_is_not_measured_again(folder):
    """A share that is asked for twice is measured once; one within another too."""
    first = measure_shard(open_checkpoint(folder), Shard(1, 2))
    assert (first.known, first.measured) == (0, first.kept)
    again = measure_shard(open_checkpoint(folder), Shard(1, 1))
    assert (again.known, again.measured) == (first.kept, again.parts - first.kept)


@pytest.mark.slow
def test_processes_side_by_side(folder, whole):
    """Two processes measure a share each, a third is missing: the fingerprint is the same, bit for bit."""
    running = []
    for number in (1, 3):
        command = [sys.executable, "-c", MEASURE, str(folder), str(SIZE), str(number), "3"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        running.append(subprocess.Popen(command, env=environment))
    assert [process.wait(60) for process in running] == [0, 0]
    share = measure_shard(open_checkpoint(folder), Shard(2, 6))
    assert share.kept < share.parts
    assert compute(open_checkpoint(folder)) == whole


def test_a_small_model_has_no_shards(folder, monkeypatch):
    """It is measured at one go, which is said."""
    monkeypatch.setattr(parts, "PART", 1 << 30)
    with pytest.raises(NotInShards, match="is measured at one go"):
        measure_shard(open_checkpoint(folder), Shard(1, 2))


def test_a_full_disk_ends_a_share(folder, monkeypatch):
    """What cannot be kept was measured for nothing."""

    def full(path: Path, _: bytes) -> None:
        raise UnwritableFile(path=str(path), reason="No space left on device")

    monkeypatch.setattr(kept_parts, "write_private", full)
    with pytest.raises(UnwritableFile, match="No space left"):
        measure_shard(open_checkpoint(folder), Shard(1, 2))


def test_the_command(folder):
    """It says what is kept, as JSON and for reading, and refuses what is no share."""
    content = answer("fingerprint", folder, "--shard", "1/2")
    assert (content["shard"], content["of"], content["measured"]) == (1, 2, content["kept"])
    assert (
        f"of the model's {content['parts']} parts"
        in run("fingerprint", folder, "--shard", "2/2").output
    )
    for wrong in ("3/2", "0/2", "x", "1", "1/2/3", "-1/2"):
        assert run("fingerprint", folder, "--shard", wrong).exit_code == 2
    assert run("fingerprint", folder, "--shard", "1/2", "-o", "file.json").exit_code == 2
