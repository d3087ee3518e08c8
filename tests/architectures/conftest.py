"""Models that several tests of architectures look at."""

from functools import cache

import pytest
import torch
from architectures import ARCHITECTURES
from modules import save

from registry.checkpoints import Checkpoint, open_checkpoint


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory):
    """Any architecture, built with one seed and saved the way it usually is."""

    @cache
    def build(name: str) -> tuple[torch.nn.Module, Checkpoint]:
        folder = tmp_path_factory.mktemp("model")
        return save(ARCHITECTURES[name], folder), open_checkpoint(folder)

    return build
