"""The environment, read in one place."""

import os
from pathlib import Path

import platformdirs


def database_url() -> str | None:
    """The Postgres to use, or None for the embedded one (REGISTRY_DATABASE_URL)."""
    return os.environ.get("REGISTRY_DATABASE_URL") or None


def data_dir() -> Path:
    """The folder of the embedded database (REGISTRY_DATA_DIR, else the platform's data folder)."""
    chosen = os.environ.get("REGISTRY_DATA_DIR")
    return (
        Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("registry")
    )
