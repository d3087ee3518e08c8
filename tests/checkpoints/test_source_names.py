"""registry.checkpoints.source_names: what a text may name, without a look inside."""

from pathlib import Path

import pytest

from registry.checkpoints.source_names import check_path, check_source, is_path
from registry.errors import SourceNotFound

HUB_IDS = ["gpt2", "org/model", "org/model@main", "org/model@refs/pr/1", "org/model:a/b.gguf"]


@pytest.mark.parametrize("text", HUB_IDS)
def test_a_hub_id_may_be_there(text: str) -> None:
    """What is written as a hub id passes: only the hub knows."""
    check_source(text)
    assert not is_path(text)


@pytest.mark.parametrize("text", ["./nothing", "../nothing", "/nothing", "~/nothing", "~nobody/x"])
def test_a_path_to_nothing_is_refused(text: str) -> None:
    """A text that begins as paths do must name a file or folder, whatever is registered."""
    assert is_path(text)
    with pytest.raises(SourceNotFound, match="neither a file or folder here"):
        check_path(text)


@pytest.mark.parametrize("text", ["", " ", "no such model", "a/b/c", "./nothing#tower"])
def test_what_is_no_source_is_refused(text: str) -> None:
    """Neither a file or folder here nor a hub id: nothing need be read to say so."""
    with pytest.raises(SourceNotFound, match="neither a file or folder here"):
        check_source(text)


def test_a_name_may_be_registered() -> None:
    """What does not begin as a path may be the name of a registered model."""
    check_path("my model")
    check_path("a/b/c")


def test_what_is_there_passes(tmp_path: Path) -> None:
    """A folder, and a tower of the model in it."""
    check_source(str(tmp_path))
    check_source(f"{tmp_path}#vision_tower")


def test_what_cannot_be_looked_at_is_not_missing() -> None:
    """The reader says why: its name is too long for the file system."""
    check_source("/" + "x" * 5000)
