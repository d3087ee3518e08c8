"""Where the page is served: an address that is free, before anything that takes long is begun."""

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from registry.errors import AddressTaken

WAITING = 128  # connections that may wait to be taken


@dataclass(frozen=True)
class Serving:
    """How a page is served.

    Attributes:
        host: Name or address to listen at.
        port: 0 for any that is free.
        hosts: Names by which the page may be called, beside that.
        identifies: Whether hub models are identified, and what lies under `roots`.
    """

    host: str
    port: int
    hosts: tuple[str, ...] = ()
    identifies: bool = False
    roots: tuple[Path, ...] = ()


def listening(serving: Serving) -> socket.socket:
    """Return a socket that listens. Raises AddressTaken."""
    try:
        places = socket.getaddrinfo(serving.host, serving.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = places[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError, OverflowError) as exc:
        raise AddressTaken(host=serving.host, port=serving.port, reason=said(exc)) from exc
    try:
        if os.name == "posix":  # elsewhere it would let a second server in
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(WAITING)
    except OSError as exc:
        listener.close()
        raise AddressTaken(host=serving.host, port=serving.port, reason=said(exc)) from exc
    return listener


def said(exc: Exception) -> str:
    """Return what the system says in a line."""
    return (getattr(exc, "strerror", None) or str(exc)).rstrip(".").lower()


def address_of(host: str, port: int) -> str:
    """Return the address of the page, as a browser takes it."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"


def is_loopback(host: str) -> bool:
    """Return whether an address, or a name of this machine, is reached from here alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
