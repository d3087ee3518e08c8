"""Where a hub says that a file is, how large it is, and what its content is called."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not marked so
    hf_raise_for_status,
)

from registry.checkpoints.hub import limits
from registry.checkpoints.hub.client import hub_headers, is_home, session
from registry.checkpoints.hub.errors import HTTP
from registry.checkpoints.hub.exchange import exchange
from registry.errors import BrokenJSON, HubUnreachable, HubWithoutRanges


@dataclass(frozen=True)
class Place:
    """Where a file's bytes are served.

    Attributes:
        etag: What the hub calls the content, None where it does not say.
    """

    url: str
    size: int
    etag: str | None = None


def locate(url: str, label: str, model: str, commit: str) -> Place:
    """Ask the hub, which redirects to a store or serves the file itself.

    Our own, for huggingface_hub's `get_hf_file_metadata`, which believes any size and sends the
    token to other hosts that it knows.

    Raises:
        HubUnreachable: The answer does not name the commit.
        HubWithoutRanges: It tells no length that can be.
        Exception: The client's errors.
    """
    timeout = HF_HUB_ETAG_TIMEOUT
    request = session().build_request("HEAD", url, headers=hub_headers(), timeout=timeout)
    answer = exchange(request, follow=stays_at_hub)
    hf_raise_for_status(answer)

    headers = answer.headers
    if headers.get("X-Repo-Commit") != commit:
        raise HubUnreachable(model=model, reason="it answers, but not as a hub does")
    length = headers.get("X-Linked-Size")
    if length is None and not answer.is_redirect:
        length = headers.get("Content-Length")
    if (
        length is None
        or not re.fullmatch(r"[0-9]{1,18}", length)
        or int(length) > limits.FILE_BYTES
    ):
        raise HubWithoutRanges(path=label, reason="it does not tell the file's length")
    etag = headers.get("X-Linked-ETag") or headers.get("ETag")
    return Place(place_of(answer), int(length), etag and strong(etag))


def check_json(name: str, label: str, size: int) -> None:
    """Raise BrokenJSON where a file that is read as JSON would take too much memory."""
    if name.endswith(".json") and size > limits.JSON_BYTES:
        raise BrokenJSON(path=label, reason=f"its {size:,} bytes are more than any model needs")


def stays_at_hub(answer: Any) -> bool:
    """Return whether a redirect is followed: not one to a store, which names the commit itself."""
    return is_home(answer.next_request.url) or "X-Repo-Commit" not in answer.headers


def place_of(answer: Any) -> str:
    """Return the address that an answer redirects to, or its own. Raises InvalidURL."""
    asked = str(answer.request.url)
    if not answer.has_redirect_location:
        return asked
    address: str = urljoin(asked, answer.headers["Location"])
    HTTP.URL(address)
    return address


def strong(etag: str) -> str:
    """Return an ETag for comparison: a server may call the same content weakly."""
    return etag.removeprefix("W/").strip('"')
