"""The environment, read in one place, and the name that we go by outside."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from urllib.parse import unquote_plus

from registry.errors import BadSourceDate, NoSuchHome

PASSWORD = re.compile(r"://[^:/?#]*:(.+)@|[?&]\w*password=([^&#]+)")
"""Of an address; an @ in it need not be written as %40."""

WIDEST = 1 << 20  # columns that anybody asks for


class LogFormat(StrEnum):
    """How what is said on stderr is written."""

    TEXT = "text"
    JSON = "json"


@dataclass
class Program:
    """What was typed, for all threads.

    Attributes:
        command: What stands after `registry`, such as `db status`; nothing in other programs.
        log_format: How it speaks on stderr.
    """

    command: str = ""
    log_format: LogFormat = LogFormat.TEXT

    def begin(self, log_format: LogFormat = LogFormat.TEXT) -> None:
        """Forget what was typed before."""
        self.command = ""
        self.log_format = log_format


PROGRAM = Program()


def application_name() -> str:
    """Return what a server shows as our name, unless the user chose another: `registry ingest`."""
    return f"registry {PROGRAM.command}".strip()


@cache
def tool_version() -> str:
    """Return the version of this package, which is stored with what it computes."""
    from importlib.metadata import version  # noqa: PLC0415  # few commands tell it

    return version("weight-registry")


def log_format() -> str | None:
    """Return how to speak on stderr (REGISTRY_LOG_FORMAT), whether or not it is one of the ways."""
    return os.environ.get("REGISTRY_LOG_FORMAT") or None


def database_url() -> str | None:
    """Return the Postgres to use (REGISTRY_DATABASE_URL), or None for the embedded one."""
    return os.environ.get("REGISTRY_DATABASE_URL") or None


def columns() -> int | None:
    """Return how wide a table may be (COLUMNS), or None where the terminal is to be asked."""
    value = os.environ.get("COLUMNS", "")
    return min(int(value), WIDEST) or None if value.isascii() and value.isdigit() else None


def source_date() -> datetime | None:
    """Return the time that reproducible documents bear (SOURCE_DATE_EPOCH), or None for none.

    Raises BadSourceDate.
    """
    value = os.environ.get("SOURCE_DATE_EPOCH")
    if not value:
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise BadSourceDate(value=value) from exc


def ray_address() -> str | None:
    """Return the Ray cluster to use (RAY_ADDRESS, Ray's own variable), or None for none."""
    return os.environ.get("RAY_ADDRESS") or None


def database_secrets() -> list[str]:
    """Return what of REGISTRY_DATABASE_URL nobody is to see: all of it, and its passwords."""
    url = database_url()
    if url is None:
        return []
    passwords = [match[1] or match[2] for match in PASSWORD.finditer(url)]
    decoded = [unquote_plus(password) for password in passwords]
    return [url, *passwords, *decoded]


def data_dir() -> Path:
    """Return the folder of the embedded database: REGISTRY_DATA_DIR, or the platform's.

    Raises NoSuchHome where it begins with ~ and a user whom the system does not know.
    """
    chosen = os.environ.get("REGISTRY_DATA_DIR")
    if not chosen:
        import platformdirs  # noqa: PLC0415  # fingerprints of small models do without

        return platformdirs.user_data_path("registry")
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError as exc:
        raise NoSuchHome(path=chosen) from exc
