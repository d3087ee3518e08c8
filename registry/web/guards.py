"""What every request and every answer passes: hosts, methods, raw addresses, headers.

They are ASGI applications around ours, for an answer that a guard gives has the headers, too.
"""

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.errors import AddressTooLong, HostRefused, RegistryError
from registry.web.failures import failure_answer

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
DRAWING_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Of a picture that is opened by itself: its own styles, and nothing else."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
HOST = re.compile(r"(?:\[(?P<address>[^\[\]]*)\]|(?P<name>[^\s:@/\[\]]*?)\.?)(?::\d*)?")
LONGEST_ADDRESS = 32_768  # bytes of a path with its query


class Guarded:
    """An application behind all guards."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        """Guard an application.

        hosts: Names and addresses by which it may be called, with their ports or without, beside
            those of this machine.
        """
        allowed = frozenset(hosts)
        names = {host_of(host) for host in allowed}
        addresses = {host.lower() for host in allowed}  # ::1, without brackets
        self.app = app
        self.hosts = (LOOPBACK | names | addresses) - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever else comes is for the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        is_head = scope["method"] == "HEAD"

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        raw = scope.get("raw_path") or scope["path"].encode()
        # Routes see names with their slashes encoded, as they stand in the address.
        inner = {
            **scope,
            "method": "GET" if is_head else scope["method"],
            "path": raw.decode("ascii", "replace"),
        }
        answer = self.refusal(inner)
        app = failure_answer(answer, inner["path"]) if answer else self.app
        await app(inner, receive, send_guarded)

    def refusal(self, scope: Scope) -> RegistryError | None:
        """Return why a request is not answered; None for one that is."""
        given = Headers(scope=scope).getlist("host")
        if len(given) != 1 or host_of(given[0]) not in self.hosts:
            return HostRefused(host=", ".join(given))
        length = len(scope["path"]) + len(scope["query_string"])
        if length > LONGEST_ADDRESS:
            return AddressTooLong(length=length, limit=LONGEST_ADDRESS)
        return None


def host_of(header: str) -> str:
    """Return the name or address of a Host header, without its port; nothing of what is none."""
    host = HOST.fullmatch(header.strip().lower())
    return (host["address"] or host["name"] or "") if host else ""


def add_headers(message: Message) -> None:
    """Add the headers of every answer, where it has not its own."""
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if headers.get("content-type", "").startswith("image/svg"):
        headers["content-security-policy"] = DRAWING_POLICY
