"""The environment in which other tools run: their own packages, beside torch and transformers of this one."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

BESIDE = (
    "pandas",
    "protobuf",
    "pyarrow",
    "pydantic-settings",
    "sentencepiece",
    "structlog",
    "tiktoken",
)
INSTALLS = (
    ("modeldna", *BESIDE),
    (
        "--no-deps",
        "--ignore-requires-python",
        "cisco-ai-provenance-kit",
    ),  # it asks for 3.12 and runs on 3.11
    ("weightwatcher>=0.7.7",),
)
QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}


def environment(folder: Path) -> Path:
    """The peers' interpreter; made and filled where there is none."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        packages = next(folder.glob("lib/*/site-packages"))
        (packages / "zz_borrowed.pth").write_text(sysconfig.get_path("purelib"))  # after its own
        for arguments in INSTALLS:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)  # noqa: S603 - our own
    return python


def peer_settings() -> dict[str, str]:
    """The environment variables of a peer: it asks no hub and prints no warnings."""
    return os.environ | QUIET
