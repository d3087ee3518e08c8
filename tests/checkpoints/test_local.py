"""registry.checkpoints.local."""

import contextlib
import errno
import os
import socket

import pytest
import torch
from checkpoints_made import llama, write_folder
from gguf.constants import GGMLQuantizationType as Kind
from gguf_made import converted, write

from registry.checkpoints import open_checkpoint
from registry.errors import SeveralCheckpoints, UnreadableFile


def test_a_link_to_another_checkpoint_is_no_second_one(tmp_path):
    """Lightning's last.ckpt is a link: there is one model, under the name that it lies there by."""
    torch.save({"state_dict": llama()}, tmp_path / "epoch=1-step=10.ckpt")
    (tmp_path / "last.ckpt").symlink_to("epoch=1-step=10.ckpt")
    assert len(open_checkpoint(tmp_path).entries) == 17
    assert len(open_checkpoint(tmp_path / "last.ckpt").entries) == 17


def test_the_name_that_a_message_gives_is_accepted(tmp_path):
    """Of two checkpoints with = and : in their names, the proposed one is read."""
    for name in ("epoch=1-step=10.ckpt", "epoch:5-val_loss:3.26.ckpt"):
        torch.save({"state_dict": llama()}, tmp_path / name)
    with pytest.raises(SeveralCheckpoints) as caught:
        open_checkpoint(tmp_path)
    assert len(open_checkpoint(caught.value.data["example"]).entries) == 17


def test_folders_behind_links(tmp_path):
    """A linked folder is followed; beside the folder that it leads to it is no second model."""
    write_folder(tmp_path / "elsewhere", llama())
    run = tmp_path / "run"
    run.mkdir()
    (run / "latest").symlink_to(tmp_path / "elsewhere")
    (run / "best").symlink_to(tmp_path / "elsewhere")
    (run / "loop").symlink_to(run)
    assert len(open_checkpoint(run).entries) == 17
    assert len(open_checkpoint(tmp_path).entries) == 17


def test_the_cache_of_the_hub(tmp_path):
    """A hub model's folder in the cache means the snapshot of its main branch, by its hub id."""
    folder = tmp_path / "models--org--name"
    shas = ["1" * 40, "2" * 40]
    for sha in shas:
        write_folder(folder / "snapshots" / sha, llama())
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(shas[1])
    for source in (tmp_path, folder, folder / "snapshots" / shas[1]):
        opened = open_checkpoint(source)
        assert (opened.name, opened.revision) == ("org/name", shas[1])
    (folder / "refs" / "main").unlink()
    with pytest.raises(SeveralCheckpoints, match=r"name the one you mean") as caught:
        open_checkpoint(folder)
    assert open_checkpoint(caught.value.data["example"]).name.startswith("1" * 40)


def test_files_without_a_suffix(tmp_path):
    """Blobs that are called by their digest are known by their first bytes."""
    blobs = tmp_path / "blobs"
    write(blobs / "m.gguf", converted(llama(), Kind.F32)).rename(blobs / "sha256-0a")
    (blobs / "sha256-0b").write_text('{"model_format": "gguf"}')
    for source in (tmp_path, blobs, blobs / "sha256-0a"):
        assert len(open_checkpoint(source).entries) == 17
    for number, folder in enumerate((tmp_path / "st", tmp_path / "pt")):
        folder.mkdir()
        if number:
            torch.save(llama(), folder / "blob")
        else:
            (write_folder(tmp_path / "made", llama()) / "model.safetensors").rename(folder / "blob")
        assert len(open_checkpoint(folder / "blob").entries) == 17


def test_what_stands_beside_weights_in_a_folder_within(tmp_path):
    """Config and card of the inner folder count, as if it had been given."""
    inner = write_folder(tmp_path / "run" / "checkpoint-10", llama(), {"model_type": "llama"})
    (inner / "README.md").write_text("---\nbase_model: some/base\n---\n")
    opened = open_checkpoint(tmp_path / "run")
    assert (opened.base, opened.architecture) == ("some/base", "llama")


@pytest.mark.parametrize("refused", ["m", "m/within"])
def test_a_folder_that_may_not_be_read(tmp_path, refused, monkeypatch):
    """What may not be read is named; a folder within it is passed over."""
    write_folder(tmp_path / "m", llama())
    (tmp_path / "m" / "within").mkdir()
    scandir = os.scandir

    def guarded(path):
        if str(path) == str(tmp_path / refused):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    if refused == "m":
        with pytest.raises(UnreadableFile, match=r"m' cannot be read \(Permission denied\)"):
            open_checkpoint(tmp_path / "m")
    else:
        assert len(open_checkpoint(tmp_path / "m").entries) == 17


@pytest.mark.parametrize("kind", ["loop", "pipe", "socket", "device", "dangling"])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "README.md"])
def test_what_is_no_file(tmp_path, kind, name):
    """Pipes, sockets, devices and links to nothing are refused by name, and never waited for."""
    write_folder(tmp_path, llama(), {})
    path = tmp_path / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        listener = socket.socket(socket.AF_UNIX)
        with listener, contextlib.chdir(tmp_path):  # the names of sockets are short
            listener.bind(name)
    else:
        targets = {"loop": name, "device": "/dev/zero", "dangling": "gone"}
        path.symlink_to(targets[kind])
    with pytest.raises(UnreadableFile, match=rf"{name}' cannot be read \(it is not a regular file"):
        open_checkpoint(tmp_path)
