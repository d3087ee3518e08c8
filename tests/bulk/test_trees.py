"""registry.bulk.trees: the models below a folder."""

import errno
import os

import pytest
from checkpoints_made import llama, write_folder, write_shards

from registry.bulk.trees import models_below
from registry.errors import NoModelsBelow, NotAFolder


def below(root):
    """The sources below a folder, by their paths in it."""
    return [wanted.source.removeprefix(f"{root}/") for wanted in models_below(str(root))]


def test_every_folder_with_weights_is_a_source(tmp_path):
    """A run with steps below it, shards, and a folder of other files."""
    write_folder(tmp_path / "run", llama())
    write_folder(tmp_path / "run" / "checkpoint-500", llama(seed=1))
    write_shards(tmp_path / "big", llama(seed=2))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no weights")
    write_folder(tmp_path / ".trash" / "old", llama(seed=3))
    assert below(tmp_path) == ["big", "run", "run/checkpoint-500"]


def test_several_models_of_one_folder_are_files(tmp_path):
    """Quantisations that lie side by side are a source each, shards of one model are one."""
    folder = tmp_path / "quants"
    folder.mkdir()
    for name in ("a-Q4_K.gguf", "a-Q8_0-00001-of-00002.gguf", "a-Q8_0-00002-of-00002.gguf"):
        (folder / name).write_bytes(b"GGUF")
    assert below(tmp_path) == ["quants/a-Q4_K.gguf", "quants/a-Q8_0-00001-of-00002.gguf"]


def test_a_link_to_a_folder_above_ends(tmp_path):
    """Each folder is looked into once, by whatever way it is reached."""
    write_folder(tmp_path / "model", llama())
    (tmp_path / "model" / "again").symlink_to(tmp_path)
    (tmp_path / "twice").symlink_to(tmp_path / "model")
    assert below(tmp_path) == ["model"]


def test_a_model_of_the_hubs_cache_is_one_source(tmp_path):
    """Its newest snapshot, not its blobs."""
    cached = tmp_path / "models--org--small"
    write_folder(cached / "snapshots" / ("a" * 40), llama())
    write_folder(cached / "snapshots" / ("b" * 40), llama(seed=1))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("b" * 40)
    (cached / "blobs").mkdir()
    assert below(tmp_path) == ["models--org--small"]


def test_a_tree_without_models_is_refused(tmp_path):
    """With a sentence that says what to give."""
    with pytest.raises(NoModelsBelow, match="holds weights that can be read; give a folder"):
        models_below(str(tmp_path))
    with pytest.raises(NotAFolder, match="is no folder; --tree takes a folder"):
        models_below(str(tmp_path / "missing"))


def test_a_folder_that_cannot_be_looked_into_is_a_source(tmp_path, monkeypatch):
    """The rest of the tree is listed, and reading it will say why."""
    write_folder(tmp_path / "a", llama())
    write_folder(tmp_path / "closed" / "b", llama())
    write_folder(tmp_path / "c", llama())
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert below(tmp_path) == ["a", "c", "closed"]


def test_a_name_that_is_no_text_does_not_end_the_listing(tmp_path):
    """Nor does a link to itself, or one to nothing."""
    write_folder(tmp_path / "a", llama())
    write_folder(tmp_path / os.fsdecode(b"b-\xff"), llama())
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("missing")
    assert below(tmp_path) == ["a", "b-\udcff"]
