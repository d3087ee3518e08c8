"""A pooler in transaction mode: each transaction of a client may be on another server connection.

As PgBouncer with pool_mode = transaction, it resets nothing between two clients: what a session sets, prepares or locks
outside a transaction is met by others, and it refuses what it cannot give every session, such as `options`. It can also lose
the answer to a COMMIT, as a network does that fails at that moment, and be without its server, which a client hears at its
first statement.
"""

import socket
import threading
from collections import defaultdict, deque
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

ENCRYPTION = (
    b"\x04\xd2\x16\x2f",
    b"\x04\xd2\x16\x30",
)  # requests for TLS and GSS, which are declined
KNOWN = frozenset({"user", "database", "application_name", "client_encoding", "datestyle"})
"""Parameters of a start that are taken."""
IDLE = b"I"  # what ReadyForQuery says outside a transaction
LEAST = 2  # server connections that there are before one is used again


class Server:
    """A connection to the server, with the greeting that it gave."""

    def __init__(self, path, startup):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(startup)
        self.greeting = b"".join(map(with_own_number, until_ready(self.socket)))


class Pooler:
    """Listens on a port of 127.0.0.1 until it is closed."""

    def __init__(self, url):
        place = parse_qs(urlsplit(url).query)
        self.path = f"{place['host'][0]}/.s.PGSQL.{place['port'][0]}"
        self.free = defaultdict(deque)
        self.lock = threading.Lock()
        self.transactions = 0
        self.commits_to_lose = 0
        self.statements_to_refuse = 0  # as long as the server is away
        self.answers_to_cut = None  # messages of one answer after which it is cut, once
        self.messages_to_cut = None  # messages of clients after which a connection is cut, once
        self.flowing = threading.Event()  # while it is not set, nothing goes through
        self.flowing.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = (
            f"postgresql://registry@127.0.0.1:{self.listener.getsockname()[1]}{urlsplit(url).path}"
        )
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for servers in self.free.values():
            for server in servers:
                server.socket.close()

    def accept(self):
        """Serve every client in a thread of its own."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        """Relay one client's transactions."""
        server = None
        with client, suppress(OSError, EOFError):
            self.flowing.wait()
            startup = startup_of(client)
            unknown = parameters(startup) - KNOWN
            if unknown:
                client.sendall(fatal(f"unsupported startup parameter: {', '.join(unknown)}"))
                return
            greeter = self.take(startup)
            client.sendall(greeter.greeting)
            self.free[startup].append(greeter)
            while True:
                message = next_message(client)
                self.flowing.wait()
                if message[:1] == b"X":
                    return
                if self.statements_to_refuse and server is None:
                    self.statements_to_refuse -= 1
                    client.sendall(fatal("server conn crashed?"))
                    return
                server = server or self.take(startup)
                if self.is_cut():
                    server.socket.close()
                    return
                server.socket.sendall(message)
                if message[:1] not in (b"Q", b"S"):
                    continue
                answer = list(until_ready(server.socket))
                if self.answers_to_cut and len(answer) > self.answers_to_cut:
                    client.sendall(b"".join(answer[: self.answers_to_cut]))
                    self.answers_to_cut = None
                    server.socket.close()
                    return
                if answer[-1][-1:] == IDLE:
                    self.transactions += 1
                    self.free[startup].append(server)
                    server = None
                if self.commits_to_lose and b"COMMIT" in message:
                    self.commits_to_lose -= 1
                    return
                client.sendall(b"".join(answer))

    def is_cut(self):
        """Whether the connection is cut at this message."""
        if self.messages_to_cut is None:
            return False
        self.messages_to_cut -= 1
        if self.messages_to_cut:
            return False
        self.messages_to_cut = None
        return True

    def take(self, startup):
        """A server connection that is free: the one that was used the longest ago."""
        with self.lock:
            free = self.free[startup]
            return free.popleft() if len(free) >= LEAST else Server(self.path, startup)


def startup_of(client):
    """The first message of a client that wants no encryption."""
    while True:
        size = exactly(client, 4)
        body = exactly(client, int.from_bytes(size) - 4)
        if body[:4] not in ENCRYPTION:
            return size + body
        client.sendall(b"N")


def parameters(startup):
    """The names of a first message's parameters, which stand before their values."""
    return set(startup[8:].decode().split("\0")[:-2:2])


def fatal(message):
    """What a pooler says before it hangs up, whatever the reason."""
    content = f"SFATAL\0C08P01\0M{message}\0\0".encode()
    return b"E" + (len(content) + 4).to_bytes(4) + content


def with_own_number(message):
    """A message of a greeting; that with the number of the server's process has the pooler's."""
    return message[:5] + bytes(4) + message[9:] if message[:1] == b"K" else message


def until_ready(server):
    """The messages of a server until it waits for the next query."""
    message = b""
    while message[:1] != b"Z":
        message = next_message(server)
        yield message


def next_message(peer):
    """The next message: a letter, a length, and the rest."""
    head = exactly(peer, 5)
    return head + exactly(peer, int.from_bytes(head[1:]) - 4)


def exactly(peer, count):
    """So many bytes. Raises EOFError."""
    data = b""
    while len(data) < count:
        piece = peer.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
