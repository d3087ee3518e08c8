"""Fingerprints of made-up models, each made once for all tests of lineage."""

from collections.abc import Callable

import pytest
import torch
from checkpoints_made import Tensors, write_folder

import registry
from registry.fingerprints.record import Fingerprint

Fingerprinted = Callable[..., Fingerprint]


@pytest.fixture(scope="session")
def fingerprinted(tmp_path_factory: pytest.TempPathFactory) -> Fingerprinted:
    """Give the fingerprint of tensors in bf16, by a name under which it is kept."""
    known: dict[str, Fingerprint] = {}

    def of(name: str, tensors: Tensors, config: dict | None = None) -> Fingerprint:
        if name not in known:
            rounded = {key: tensor.to(torch.bfloat16) for key, tensor in tensors.items()}
            folder = write_folder(tmp_path_factory.mktemp("m") / "m", rounded, config)
            known[name] = registry.fingerprint(folder, rank=16)
        return known[name]

    return of
