"""registry.fingerprints.kept_parts: what an interrupted fingerprint of a large model leaves to the next."""

import logging
import os
import shutil
import time
from pathlib import Path

import pytest
from checkpoints_made import llama, write_folder

from registry.checkpoints import open_checkpoint
from registry.checkpoints.tensors import Entry
from registry.errors import UnwritableFile
from registry.fingerprints import kept_parts, parts
from registry.fingerprints.compute import compute
from registry.fingerprints.record import Fingerprint

LAYERS = 5
SIZE = 400_000  # bytes of a part: about a layer
PARTS = 5


class InterruptedHereError(Exception):
    """Something ended the command."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few layers whose heads share values, in bfloat16."""
    made = llama(layers=LAYERS, hidden=128, inner=320, keys=64)
    tensors = {name: tensor.bfloat16() for name, tensor in made.items()}
    return write_folder(tmp_path_factory.mktemp("parts"), tensors)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Fingerprint:
    """Its fingerprint, measured at one go."""
    return compute(open_checkpoint(folder))


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder; parts of a layer or so."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(parts, "PART", SIZE)
    return tmp_path / "data"


def files() -> list[Path]:
    """Return what is kept."""
    return sorted(kept_parts.home().rglob("*.measured"))


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Fingerprint a model until so many parts are kept, and then no further."""
    save = kept_parts.KeptParts.save

    def stop(kept: kept_parts.KeptParts, *result: object) -> None:
        save(kept, *result)
        if len(files()) == after:
            raise InterruptedHereError("enough")

    with monkeypatch.context() as patch:
        patch.setattr(kept_parts.KeptParts, "save", stop)
        with pytest.raises(InterruptedHereError, match="enough"):
            compute(open_checkpoint(folder))


def tensors_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of every tensor that is read from now on."""
    names = []
    array = Entry.array

    def listed(entry: Entry) -> object:
        names.append(entry.name)
        return array(entry)

    monkeypatch.setattr(Entry, "array", listed)
    return names


def test_parts_change_nothing(folder, whole):
    """The fingerprint of many parts is that of one, bit for bit, and leaves nothing behind."""
    assert compute(open_checkpoint(folder), threads=3) == whole
    assert files() == []
    assert list(kept_parts.home().iterdir()) == []


@pytest.mark.parametrize("after", range(1, PARTS + 1))
def test_an_interrupted_run_is_taken_up(folder, whole, monkeypatch, caplog, after):
    """After each part that was measured, the fingerprint is the same, bit for bit; the user is told."""
    interrupted(folder, monkeypatch, after)
    with caplog.at_level(logging.WARNING, "registry"):
        assert compute(open_checkpoint(folder)) == whole
    assert f"{after} of {PARTS} parts were measured before" in caplog.text
    assert files() == []


def test_what_is_kept_is_not_read_again(folder, whole, monkeypatch):
    """Of the tensors of kept parts none is read but those of branches, which the own axes need."""
    keep(folder, monkeypatch)
    names = tensors_read(monkeypatch)
    assert compute(open_checkpoint(folder)) == whole
    assert "model.layers.0.self_attn.q_proj.weight" in names
    assert not [name for name in names if "gate_proj" in name or "embed_tokens" in name]


def keep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprint a model and leave all parts as if the last step had been interrupted."""
    with monkeypatch.context() as patch:
        patch.setattr(kept_parts.KeptParts, "remove", lambda _: None)
        compute(open_checkpoint(folder))


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x04." * 40),
        lambda path: shutil.copy(path.with_name("00000.measured"), path),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["cut", "empty", "foreign", "of another part", "a folder"],
)
def test_a_damaged_file_is_measured_again(folder, whole, monkeypatch, caplog, harm):
    """It changes nothing, and the user is told which file it is."""
    keep(folder, monkeypatch)
    harm(files()[1])
    with caplog.at_level(logging.WARNING, "registry"):
        assert compute(open_checkpoint(folder)) == whole
    assert "00001.measured' is not used" in caplog.text
    assert files() == []


def test_another_rank_is_another_fingerprint(folder, monkeypatch):
    """What was measured to one rank is not taken for another, nor is that of other weights."""
    keep(folder, monkeypatch)
    before = files()
    names = tensors_read(monkeypatch)
    compute(open_checkpoint(folder), rank=16)
    assert [name for name in names if "gate_proj" in name]
    assert files() == before


def test_changed_weights_are_measured_again(folder, whole, monkeypatch, tmp_path):
    """A file that was written again, and a copy in another place, take nothing of what is kept."""
    copied = shutil.copytree(folder, tmp_path / "copied")
    keep(copied, monkeypatch)
    [file] = copied.glob("*.safetensors")
    os.utime(file, ns=(0, 0))
    names = tensors_read(monkeypatch)
    assert compute(open_checkpoint(copied)) == whole
    assert [name for name in names if "gate_proj" in name]


def test_a_full_disk_breaks_nothing(folder, whole, monkeypatch, caplog):
    """Without room for what is measured it goes on, and says so once."""

    def full(path: Path, _: bytes) -> None:
        raise UnwritableFile(path=str(path), reason="No space left on device")

    monkeypatch.setattr(kept_parts, "write_private", full)
    with caplog.at_level(logging.WARNING, "registry"):
        assert compute(open_checkpoint(folder)) == whole
    assert caplog.text.count("No space left on device") == 1


def test_a_data_folder_that_is_none_breaks_nothing(folder, whole, data, caplog):
    """Where a file stands in its place, it goes on without, and says so once."""
    data.write_text("")
    with caplog.at_level(logging.WARNING, "registry"):
        assert compute(open_checkpoint(folder)) == whole
    assert len(caplog.records) == 1


def test_nothing_is_kept_of_what_is_measured_at_one_go(folder, monkeypatch):
    """A model of one part leaves no file, whatever becomes of it."""
    monkeypatch.setattr(parts, "PART", 1 << 30)
    monkeypatch.setattr(kept_parts.KeptParts, "remove", lambda _: None)
    compute(open_checkpoint(folder))
    assert not kept_parts.home().exists()


def test_files_are_private(folder, monkeypatch):
    """Nobody but the user may look at what is kept."""
    keep(folder, monkeypatch)
    assert {path.stat().st_mode & 0o777 for path in files()} == {0o600}
    assert kept_parts.home().stat().st_mode & 0o777 == 0o700


def test_what_nobody_went_on_with_is_removed(folder, monkeypatch):
    """Leftovers of two weeks go when another model begins; younger ones stay."""
    old, young = kept_parts.home() / "old", kept_parts.home() / "young"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (0, time.time() - kept_parts.OLD - 60))
    os.utime(young, (0, time.time() - kept_parts.OLD + 3600))
    compute(open_checkpoint(folder))
    assert list(kept_parts.home().iterdir()) == [young]
