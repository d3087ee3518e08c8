"""The loopback port of the embedded server, open on request: for analysts, with a password.

The socket is its owner's alone and needs none. Over TCP nobody comes in as the owner of the tables,
and nobody without the password, which a file in the data folder keeps.
"""

import secrets
import socket
from pathlib import Path

from registry.errors import PortTaken

LOOPBACK = "127.0.0.1"
USUAL = 5432  # the port that the socket's name holds where no other is open
PORT_FILE, PASSWORD_FILE = "port", "analyst.password"
BYTES = 18  # of the password
HBA = """# Written by the registry at every start.
local all all trust
host registry registry_analyst 127.0.0.1/32 scram-sha-256
"""


def chosen_port(data_dir: Path) -> int | None:
    """Return the port that is to be open; None for none, or where another program has it."""
    try:
        port = int((data_dir / PORT_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return None if taken(port) else port


def forget_port(data_dir: Path) -> None:
    """Have no port opened at the next start."""
    file = data_dir / PORT_FILE
    if file.exists():
        file.unlink(missing_ok=True)


def taken(port: int) -> str:
    """Return why a port cannot be opened, "" where it can."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres does
        try:
            tried.bind((LOOPBACK, port))
        except (OSError, OverflowError) as exc:
            return str(getattr(exc, "strerror", None) or exc)
    return ""


def check_free(port: int) -> None:
    """Raise PortTaken unless a port can be opened."""
    reason = taken(port)
    if reason:
        raise PortTaken(port=port, reason=reason)


def password(data_dir: Path) -> str:
    """Return the analysts' password, which is made up where there is none yet."""
    file = data_dir / PASSWORD_FILE
    if file.exists():
        return file.read_text().strip()
    made_up = secrets.token_urlsafe(BYTES)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(made_up)
    return made_up


def settings(port: int | None) -> dict[str, str]:
    """Return the server's settings for a port, or for none."""
    if port is None:
        return {"listen_addresses": "", "port": str(USUAL)}
    return {"listen_addresses": LOOPBACK, "port": str(port)}


def keep_usual_name(folder: Path, port: int) -> None:
    """Have the socket found under its usual name, too, which addresses hold that were printed."""
    if port == USUAL:
        return
    name = folder / f".s.PGSQL.{USUAL}"
    if not name.is_symlink():
        name.symlink_to(f".s.PGSQL.{port}")
