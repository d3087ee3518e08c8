"""The environment, read in one place."""

import os
from pathlib import Path

import platformdirs


def database_url() -> str | None:
    """Return the Postgres to use (REGISTRY_DATABASE_URL), or None for the embedded one."""
    return os.environ.get("REGISTRY_DATABASE_URL") or None


def data_dir() -> Path:
    """Return the folder of the embedded database: REGISTRY_DATA_DIR, or the platform's."""
    chosen = os.environ.get("REGISTRY_DATA_DIR")
    if not chosen:
        return platformdirs.user_data_path("registry")
    return Path(chosen).expanduser().absolute()
