"""Starting the server's processes: the keeper, which starts the server or adopts one."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psutil

from registry.database.embedded import keeper, tcp
from registry.database.embedded.binaries import (
    environment,
    find_binaries,
    identity,
    inherited_path,
    reachable,
)
from registry.database.embedded.cluster import account_of, check_version, initialise
from registry.database.embedded.keeper import Orders
from registry.database.embedded.locks import opened
from registry.database.embedded.sockets import new_folder, noted


def launch(data_dir: Path, linger: float, *, lock: int, keeper_lock: int) -> None:
    """Create the cluster if need be and start a keeper, which starts the server.

    lock, keeper_lock: descriptors of the locks that say that a server and a keeper live, which they
    inherit. Raises ServerUnavailable, ServerFailed.
    """
    cluster, log = data_dir / "cluster", data_dir / "server.log"
    # We hold the lock, so whatever this names is not ours. First of all, lest `stop` signal it.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    binaries = reachable(find_binaries())
    if not (cluster / "PG_VERSION").exists():
        initialise(cluster, binaries, lock, log)
    check_version(cluster, binaries)
    (cluster / "pg_hba.conf").write_text(tcp.HBA)
    account = account_of(cluster)
    sockets = new_folder(data_dir / "sockets", account)
    if log.exists():
        log.replace(data_dir / "server.log.1")
    with opened(cluster) as folder:
        orders = Orders(
            data_dir=str(data_dir),
            sockets=str(sockets),
            linger=linger,
            command=command(
                binaries,
                inherited_path(cluster, folder, account),
                sockets,
                tcp.chosen_port(data_dir),
            ),
            inherited=[lock, folder],
            account=identity(account),
        )
        start_keeper(orders, log, keeper_lock)


def command(binaries: Path, cluster: str, sockets: Path, port: int | None) -> list[str]:
    """Return what starts the server, reachable by its socket, and by a port where one is given."""
    settings = {
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        **tcp.settings(port),
    }
    words = [str(binaries / "postgres"), "-D", cluster]
    for name, value in settings.items():
        words += ["-c", f"{name}={value}"]
    return words


def adopt(data_dir: Path, linger: float, *, server: psutil.Process, keeper_lock: int) -> None:
    """Start a keeper for a server whose own was killed. server: its first process."""
    orders = Orders(
        data_dir=str(data_dir),
        sockets=str(noted(data_dir / "sockets") or ""),
        linger=linger,
        pid=server.pid,
        created=server.create_time(),
    )
    start_keeper(orders, data_dir / "server.log", keeper_lock)


def start_keeper(orders: Orders, log: Path, keeper_lock: int) -> None:
    """Start a keeper, which outlives us: nobody waits for it."""
    words = [sys.executable, "-I", keeper.__file__, json.dumps(asdict(orders))]
    inherited = (keeper_lock, *orders.inherited)
    with log.open("ab") as output:
        subprocess.Popen(  # noqa: S603
            words,
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment(),
            start_new_session=True,
        ).returncode = 0
