"""One request to a hub and its answer, whatever the server does: no token elsewhere, all bounded.

Every request goes through `exchange`, those of huggingface_hub's own downloads too (download.py).
What it lets through is as the rest of the program and of huggingface_hub expects it.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextvars import copy_context
from functools import partial
from time import monotonic
from typing import Any

from registry.checkpoints.hub import limits
from registry.checkpoints.hub.client import PORTS, is_home, session
from registry.checkpoints.hub.errors import HTTP
from registry.checkpoints.hub.patience import say
from registry.checkpoints.parallel import start
from registry.notices import HubWaits

FIRST_ERROR = 400  # the least status of an answer that is an error
SAID_AFTER = 5  # seconds without an answer
# What a header may hold, or it is left out; huggingface_hub makes paths of some of them.
HEADERS = {
    "x-linked-size": re.compile(r"[0-9]{1,18}"),
    "x-repo-commit": re.compile(r"[0-9a-f]{40,64}"),
    "x-hf-warning": re.compile(r"(?!)"),  # the client would print it
}
NAMES_OF_CONTENT = ("etag", "x-linked-etag")
ETAG = re.compile(r'(?:W/)?"?\w[\w.:+=-]{0,199}"?', re.ASCII)
# By these a hub names where to ask for more, to which huggingface_hub sends the token.
ROUTE = "x-xet-refresh-route"
LINKS = "link"
FOLLOWED = ("xet-auth", "next")  # of the links; others are of stores
GZIP = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # zlib's wbits

Follow = Callable[[Any], bool]


class Refused(HTTP.RequestError):  # type: ignore[misc]
    """An answer that cannot be what was asked for; another attempt would bring the same."""


def always(_: Any) -> bool:
    """Follow every redirect."""
    return True


def exchange(
    request: Any,
    *,
    stream: bool = False,
    follow: Follow = always,
    send: Callable[..., Any] | None = None,
) -> Any:
    """Return the answer to a request of the client's session.

    The user's token is sent to the hub's own scheme, host and port alone, wherever redirects lead.

    Args:
        stream: Whether the content is left to be read; an answer that is an error has none.
        follow: Called with an answer that redirects; where it says no, that is the answer.
        send: The client's own way to send one request.

    Raises:
        Exception: The client's errors; a ReadTimeout where nothing or next to nothing comes;
            Refused for an answer that is too large, compressed or redirects again and again.
    """
    send = send or session().send
    for _ in range(limits.REDIRECTS):
        if request.url.scheme not in PORTS:
            raise Refused(f"it redirects to an address of {request.url.scheme[:20]}:")
        if not is_home(request.url):
            request.headers.pop("authorization", None)
            request.url = without_password(request.url)
        request.headers["accept-encoding"] = "identity"
        once = partial(send, request, stream=True, follow_redirects=False)
        answer = within(seconds_for_head(request), once, request.url.host)
        following = answer.next_request
        if following is None or not follow(answer):
            return screened(answer, stream=stream)
        drain(answer)
        request = following
        request.url = without_password(request.url)
    raise Refused("it redirects again and again")


def without_password(url: Any) -> Any:
    """Return an address that an answer named without the name and the password in it.

    The client would send them, in place of the user's token where the address is the hub's.
    """
    return url.copy_with(username="", password=None) if url.userinfo else url


def seconds_for_head(request: Any) -> float:
    """Return how long an answer may take to begin: a server may send its headers byte by byte."""
    timeout = request.extensions.get("timeout", {}).get("read")
    return timeout * limits.HEAD_TIMEOUTS if timeout else limits.HEAD_SECONDS


def within(seconds: float, work: Callable[[], Any], host: str) -> Any:
    """Return what `work` returns, which goes on in its thread if it takes longer.

    Raises ReadTimeout then. A look-up of a name, a proxy and a handshake have no time limit of
    their own.
    """
    outcome = start(partial(copy_context().run, work))
    wait([outcome], min(seconds, SAID_AFTER))
    if not outcome.done() and seconds > SAID_AFTER:
        say(HubWaits(host=host, seconds=SAID_AFTER, limit=seconds))
        wait([outcome], seconds - SAID_AFTER)
    if not outcome.done():
        raise HTTP.ReadTimeout("timed out")
    return outcome.result()


def drain(answer: Any) -> None:
    """Read a short content, so that the connection serves further requests, and close."""
    length = answer.headers.get("content-length", "")
    try:
        if re.fullmatch(r"[0-9]{1,9}", length) and int(length) <= limits.DRAINED:
            for _ in Paced(answer.stream):
                pass
    finally:
        answer.close()


def screened(answer: Any, *, stream: bool) -> Any:
    """Return an answer without headers that cannot be; its content paced, or read within limits."""
    screen(answer)
    if answer.status_code >= FIRST_ERROR:
        answer.close()
        return with_content(answer, b"")
    if stream:
        answer.stream = Paced(answer.stream)
        return answer
    try:
        content = whole(answer)
    finally:
        answer.close()
    return with_content(answer, content)


def screen(answer: Any) -> None:
    """Leave out of an answer the headers that cannot be, or lead elsewhere."""
    headers = answer.headers
    for name, value in headers.multi_items():
        pattern = HEADERS.get(name.lower())
        if pattern and not pattern.fullmatch(value):
            headers.pop(name, None)
    for name in NAMES_OF_CONTENT:
        value = headers.get(name, "")
        if value and not ETAG.fullmatch(value):  # may be a path; whatever it is, it is a name
            headers[name] = f'"{hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()}"'
    addresses = [link["url"] for name, link in answer.links.items() if name in FOLLOWED]
    if ROUTE in headers:
        addresses.append(headers[ROUTE])
    if not all(leads_home(answer, address) for address in addresses):
        headers.pop(ROUTE, None)
        headers.pop(LINKS, None)


def leads_home(answer: Any, address: str) -> bool:
    """Return whether an address in an answer is the hub's."""
    try:
        return is_home(answer.request.url.join(address))
    except HTTP.InvalidURL:
        return False


def with_content(answer: Any, content: bytes) -> Any:
    """Return an answer with a content that has been read, or is left out."""
    headers = answer.headers.copy()
    headers.pop("content-encoding", None)
    known = HTTP.Response(
        answer.status_code,
        headers=headers,
        stream=HTTP.ByteStream(content),
        request=answer.request,
        extensions=answer.extensions,
    )
    known.read()
    known.next_request = answer.next_request
    return known


def whole(answer: Any) -> bytes:
    """Return all of a content that is small by nature. Raises Refused, ReadTimeout."""
    content = bytearray()
    latest = monotonic() + limits.LIST_SECONDS
    for chunk in Paced(answer.stream):
        content += chunk
        if len(content) > limits.LIST_BYTES:
            raise Refused(f"it sends more than {limits.LIST_BYTES >> 20} MB where little belongs")
        if monotonic() > latest:
            raise HTTP.ReadTimeout(f"it takes longer than {limits.LIST_SECONDS} seconds")
    return decoded(bytes(content), answer.headers.get("content-encoding", "identity").strip())


def decoded(content: bytes, encoding: str) -> bytes:
    """Return a content that was compressed though that was not asked for. Raises Refused."""
    if encoding.lower() == "identity" or not content:
        return content
    if encoding.lower() not in GZIP:
        raise Refused("it compresses the content")
    decoder = zlib.decompressobj(GZIP[encoding.lower()])
    try:
        plain = decoder.decompress(content, limits.LIST_BYTES + 1)
    except zlib.error as exc:
        raise Refused("it compresses the content, and damages it") from exc
    if len(plain) > limits.LIST_BYTES:
        raise Refused(f"it sends more than {limits.LIST_BYTES >> 20} MB where little belongs")
    return plain


class Paced(HTTP.SyncByteStream):  # type: ignore[misc]
    """A content that must come at a pace. Raises ReadTimeout where a WINDOW brings too little."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self.stream)
        waited = 0.0  # by the server's doing; the time that a reader takes is not counted
        count = 0
        while True:
            began = monotonic()
            chunk = next(chunks, None)
            if chunk is None:
                return
            waited += monotonic() - began
            count += len(chunk)
            if waited > limits.WINDOW:
                if count < limits.SLOWEST * waited:
                    raise HTTP.ReadTimeout("it sends next to nothing")
                waited = 0.0
                count = 0
            yield chunk

    def close(self) -> None:
        """Give the connection back."""
        self.stream.close()
