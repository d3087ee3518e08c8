"""A Ray cluster: reached by its address, or started on this machine for one run.

Ray is imported here and nowhere else, for it is an extra of this package.
"""

import logging
import os
import platform
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

import psutil

from registry import settings
from registry.bulk.shares import Share
from registry.errors import DatabaseNotShared, RayMissing, RayUnreachable
from registry.fingerprints.device import cores

LOCAL = "local"
"""The address of a cluster that is started on this machine."""
NEAREST = "auto"
"""The address of the cluster that was started last on this machine."""
OBJECTS = 100 << 20  # bytes that a cluster of this machine keeps for answers: these are small
CONNECTING = 10.0  # seconds
GRACE = 1.0  # seconds in which processes of a cluster that has ended may end
DEFAULTS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns
    "RAY_task_retry_delay_ms": "1000",  # after a process or node that was lost
    "RAY_task_oom_retries": "5",  # each after twice the pause; Ray's own default is for ever
}
"""What Ray is told by its environment, unless the user told it otherwise."""


class Cluster:
    """A connection to a Ray cluster. It ends what it has started."""

    def __init__(self, address: str | None, workers: int | None) -> None:
        """Connect, or start a cluster on this machine.

        Args:
            address: Of the cluster; None for RAY_ADDRESS, else one on this machine.
            workers: Sources read at a time, of which a new cluster must be capable.

        Raises RayMissing, RayUnreachable.
        """
        check_installed()
        self.address = address_of(address)
        self._folder: str | None = None
        prepare(self.address)
        with as_before():
            self.ray = imported()
            if self.ray.is_initialized():  # by a program that uses this package
                reason = "this process is connected already, ray.shutdown() ends that"
                raise RayUnreachable(address=self.address, reason=reason)
            try:
                self._connect(workers)
            except BaseException:
                self.close()
                raise

    def _connect(self, workers: int | None) -> None:
        """Connect, or start a cluster on this machine. Raises RayUnreachable."""
        if self.address == LOCAL:
            self._start(workers)
            return
        check_listens(self.address)
        try:
            self.ray.init(self.address, configure_logging=False, log_to_driver=False)
        except self._failures() as exc:
            raise RayUnreachable(address=self.address, reason=first_line(exc)) from exc

    def _failures(self) -> tuple[type[Exception], ...]:
        """Return what Ray raises where it cannot connect; a part of it may lack, as of ray://."""
        return OSError, RuntimeError, ValueError, ImportError, self.ray.exceptions.RayError

    def _start(self, workers: int | None) -> None:
        """Start a cluster that nobody else reaches."""
        # The paths of its sockets are longer by 60 characters, and must be shorter than 108.
        self._folder = tempfile.mkdtemp(prefix="registry-ray-", dir="/tmp")
        try:
            self.ray.init(
                LOCAL,
                num_cpus=max(cores(), workers or 1),
                object_store_memory=OBJECTS,
                include_dashboard=False,
                configure_logging=False,
                log_to_driver=False,
                _temp_dir=self._folder,
            )
        except self._failures() as exc:
            raise RayUnreachable(address=LOCAL, reason=first_line(exc)) from exc

    def nodes(self) -> list[Share]:
        """Return what every node has that is alive."""
        return [share for _, share in self._alive()]

    def is_at_rest(self) -> bool:
        """Return whether no core of any node is in use."""
        free = self.ray.available_resources().get("CPU", 0)
        return bool(free >= self.ray.cluster_resources().get("CPU", 0))

    def is_elsewhere(self) -> bool:
        """Return whether any node is not this machine."""
        return not all(is_here(host) for host, _ in self._alive())

    def _alive(self) -> Iterator[tuple[str, Share]]:
        """Yield the address of every node that is alive, and what it has."""
        for node in self.ray.nodes():
            if not node["Alive"]:
                continue
            has = node["Resources"]
            share = Share(has.get("CPU", 0), has.get("memory", 0), has.get("GPU", 0))
            yield node["NodeManagerAddress"], share

    def close(self) -> None:
        """Leave the cluster; end one of this machine, with all its processes."""
        processes = self._processes()
        with as_before():
            self.ray.shutdown()
        _, left = psutil.wait_procs(processes, GRACE)
        for process in left:  # some outlive a cluster that is ended while it starts
            with suppress(psutil.Error):
                process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _processes(self) -> list[psutil.Process]:
        """Return the processes of a cluster that was started here: they name its folder."""
        processes = []
        for child in psutil.Process().children() if self._folder else []:
            with suppress(psutil.Error):
                if str(self._folder) in " ".join(child.cmdline()):
                    processes += [child, *child.children(recursive=True)]
        return processes


def check(address: str | None, *, embedded: bool) -> None:
    """Raise RayMissing, or DatabaseNotShared, before anything is listed or connected to."""
    check_installed()
    if embedded and not is_here(host_of(address_of(address))):
        raise DatabaseNotShared(address=address_of(address))


def check_installed() -> None:
    """Raise RayMissing."""
    if find_spec("ray") is None:
        raise RayMissing


def prepare(address: str) -> None:
    """Set Ray's environment, which it reads while it is imported.

    A cluster of this machine has a token, or others there could have it run anything; one that
    stands in the environment is written to no file.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def imported() -> Any:
    """Return the module, which is kept from talking: what it has to say comes as events."""
    import ray  # noqa: PLC0415  # an extra, and it takes a second
    from ray._private import utils, worker  # noqa: PLC0415

    # It prints what befalls nodes on standard output, and `log_to_driver` does not hinder it.
    worker.print_to_stdstream = nothing
    # A signal that comes while it starts would end the process without a word.
    utils.set_sigterm_handler = nothing

    logger = logging.getLogger("ray")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return ray


def nothing(*_: object, **__: object) -> None:
    """Print nothing."""


@contextmanager
def as_before() -> Iterator[None]:
    """Leave signals as they were handled before: Ray would end the process without a word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def address_of(given: str | None) -> str:
    """Return the address of the cluster to use."""
    return given or settings.ray_address() or LOCAL


def host_of(address: str) -> str:
    """Return the host of an address: `host:port`, `ray://host:port`, or a word of Ray's."""
    place = address.rpartition("://")[2]
    if address in (LOCAL, NEAREST):
        return "localhost"
    return place.rpartition(":")[0].strip("[]") or place


def check_listens(address: str) -> None:
    """Raise RayUnreachable where nothing listens at an address: Ray would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if address == NEAREST:
        return
    if not host or not port.isdecimal():
        raise RayUnreachable(address=address, reason="it is no host and port")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECTING).close()
    except (OSError, OverflowError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise RayUnreachable(address=address, reason=reason) from exc


def is_here(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == platform.node():
        return True
    with suppress(OSError):
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
        return any(address.startswith("127.") or address in own() for address in addresses)
    return False


def own() -> set[str]:
    """Return the addresses of this machine."""
    interfaces = psutil.net_if_addrs().values()
    return {address.address.partition("%")[0] for group in interfaces for address in group}


def first_line(error: BaseException) -> str:
    """Return the first line of what Ray says, without a full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".:")
