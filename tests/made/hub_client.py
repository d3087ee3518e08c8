"""The hub's real client, set up for a hub on this machine."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import constants


def foreign() -> dict[str, str]:
    """The environment without what configures the hub's client or puts a proxy before the hub."""
    ours = ("HF_", "HUGGING", "TRANSFORMERS_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and not name.lower().endswith("_proxy")
    }


@contextmanager
def client(endpoint: str, home: Path, **settings: object) -> Iterator[list[float]]:
    """The hub's client set up for one hub, with its files below `home`, no token and no proxy.

    Gives the pauses in seconds that were to be made between retries; none is made.
    """
    default = constants.HF_HOME
    with pytest.MonkeyPatch.context() as patch:
        for name, value in vars(constants).items():
            if isinstance(value, str) and value.startswith(default):
                patch.setattr(constants, name, str(home) + value.removeprefix(default))
        patch.setattr(constants, "ENDPOINT", endpoint)
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        for name, value in settings.items():
            patch.setattr(constants, name, value)
        for name in os.environ.keys() - foreign().keys():
            patch.delenv(name)
        made: list[float] = []
        patch.setattr(time, "sleep", made.append)
        yield made
