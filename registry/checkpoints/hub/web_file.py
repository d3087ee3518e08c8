"""A file at a web address that need not be a hub's, fetched through the one door for requests."""

from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not marked so
    hf_raise_for_status,
)

from registry.checkpoints.hub.client import PORTS, hub_headers, is_home, session
from registry.checkpoints.hub.errors import CLIENT_ERRORS, HTTP, reason
from registry.checkpoints.hub.exchange import Refused, exchange
from registry.checkpoints.hub.patience import patiently
from registry.checkpoints.limits import limit
from registry.errors import AddressWithPassword, CatalogueUnreachable

WHOLE = 200


def is_address(text: str) -> bool:
    """Return whether a text is a web address."""
    return text.lower().startswith(("http://", "https://"))


def fetch(address: str, path: Path) -> None:
    """Write what stands at a web address to a file, which is small enough and comes at a pace.

    The user's token is sent to the hub alone, and from https no redirect leads to http. Raises
    AddressWithPassword, CatalogueUnreachable and OSError where the file cannot be written.

    Args:
        address: Of http or https.
        path: Of the file.
    """
    try:
        url = HTTP.URL(address)
    except (HTTP.InvalidURL, ValueError, TypeError) as exc:
        raise CatalogueUnreachable(url=address, reason="it is no address") from exc
    if url.userinfo:
        shown = str(url.copy_with(username="", password=None))
        raise AddressWithPassword(url=shown)
    if url.scheme not in PORTS or not url.host:
        raise CatalogueUnreachable(url=address, reason="it is no address")
    with path.open("wb") as file:
        try:
            patiently(lambda: attempt(url, file), address, (HTTP.TransportError,))
        except CLIENT_ERRORS as exc:
            if isinstance(exc, OSError) and exc.filename:
                raise
            raise CatalogueUnreachable(url=address, reason=reason(exc)) from exc


def attempt(url: Any, file: Any) -> None:
    """Fetch all of it, from the beginning."""
    agent = {"user-agent": f"registry; hf_hub/{huggingface_hub.__version__}"}
    headers = hub_headers() if is_home(url) else agent
    request = session().build_request("GET", url, headers=headers, timeout=HF_HUB_DOWNLOAD_TIMEOUT)
    answer = exchange(request, stream=True, follow=stays_as_safe)
    try:
        hf_raise_for_status(answer)
        if answer.status_code != WHOLE:
            raise Refused("it redirects from https to http, or sends nothing")
        file.seek(0)
        file.truncate()
        most = limit("catalogue-download")
        count = 0
        for chunk in answer.stream:
            count += len(chunk)
            if count > most:
                raise Refused(f"it sends more than {most >> 30} GiB")
            file.write(chunk)
        stated = answer.headers.get("content-length", str(count))
        if stated != str(count):
            raise HTTP.ReadError(f"it sends {count} bytes of {stated}")
    finally:
        answer.close()
    file.flush()


def stays_as_safe(answer: Any) -> bool:
    """Return whether a redirect does not lead from https to http."""
    asked, following = answer.request.url, answer.next_request.url
    return not (asked.scheme == "https" and following.scheme == "http")
