"""The embedded server's parent: starts it, and stops it once no command has used it for a while.

Run by path with nothing but the standard library, so that it stays small:

    keeper.py LOCK FOLDER DATA_DIR SOCKETS UID,GID LINGER COMMAND...

LOCK and FOLDER are inherited descriptors: the lock that says a server runs, and the cluster's
folder. LINGER is in seconds.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys


def main() -> None:
    """Run the server until it ends by itself or is not needed any more; it does not outlive us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # by way of `finally`
    lock, folder, data_dir, sockets, account, linger, *command = sys.argv[1:]
    uid, _, gid = account.partition(",")
    who = {"user": int(uid), "group": int(gid), "extra_groups": []} if account else {}
    inherited = (int(lock), int(folder))
    server = subprocess.Popen(command, pass_fds=inherited, **who)  # type: ignore[call-overload]  # noqa: S603
    for descriptor in inherited:
        os.close(descriptor)  # from here on the lock is the server's alone
    try:
        watch(server, data_dir, float(linger))
    finally:
        server.send_signal(
            signal.SIGINT
        )  # for nothing, unless watching failed: the data folder may be gone
        server.wait()
        shutil.rmtree(sockets, ignore_errors=True)


def watch(server: "subprocess.Popen[bytes]", data_dir: str, linger: float) -> None:
    """Stop the server once nobody holds `clients` and nothing is pinned, while nobody can come.

    linger: seconds between two looks.
    """
    while server.poll() is None:
        try:
            server.wait(linger)
        except subprocess.TimeoutExpired:
            clients = os.open(os.path.join(data_dir, "clients"), os.O_RDWR)  # noqa: PTH118
            try:
                fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.exists(os.path.join(data_dir, "pinned")):  # noqa: PTH110, PTH118
                    server.send_signal(signal.SIGINT)
                    server.wait()
            except BlockingIOError:
                pass
            finally:
                os.close(clients)


if __name__ == "__main__":
    main()
