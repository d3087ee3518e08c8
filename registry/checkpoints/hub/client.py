"""The hub's client as the environment sets it up: its session, its headers, its own origin."""

import re
from typing import Any, NamedTuple

from huggingface_hub import constants, get_session
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not marked so
    build_hf_headers,
)

from registry.checkpoints.hub.errors import HTTP, reason
from registry.errors import HubSettings, HubTokenMalformed

TOKEN = re.compile(r"Bearer [\x21-\x7e]+")
PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What must be the same for a token to be sent."""

    scheme: str
    host: str
    port: int | None


def session() -> Any:
    """Return the session of huggingface_hub. Raises HubSettings."""
    try:
        return get_session()
    except (ImportError, ValueError, TypeError, OSError, HTTP.InvalidURL) as exc:
        raise HubSettings(reason=reason(exc)) from exc


def hub_headers() -> dict[str, str]:
    """Return the headers of a request to the hub, with the user's token if there is one.

    Raises HubTokenMalformed; the client would put the token into its message.
    """
    try:
        headers: dict[str, str] = build_hf_headers()
    except (ValueError, OSError) as exc:
        raise HubTokenMalformed(reason="its file cannot be read") from exc
    token = headers.get("authorization")
    if token is not None and not TOKEN.fullmatch(token):
        raise HubTokenMalformed(reason="it holds characters that no token has")
    return headers


def endpoint() -> str:
    """Return the hub's address (HF_ENDPOINT). Raises HubSettings where it is none."""
    address = str(constants.ENDPOINT)
    try:
        scheme, host, _ = origin(HTTP.URL(address))
    except (HTTP.InvalidURL, ValueError, TypeError) as exc:
        raise HubSettings(reason="HF_ENDPOINT is no address") from exc
    if scheme not in PORTS or not host:
        raise HubSettings(reason="HF_ENDPOINT is no address that begins with https://")
    return address


def is_home(url: Any) -> bool:
    """Return whether an address is the hub's own, in scheme, host and port."""
    return origin(url) == origin(HTTP.URL(endpoint()))


def origin(url: Any) -> Origin:
    """Return scheme, host and port of the client's URL."""
    scheme = url.scheme.lower()
    return Origin(scheme, url.host.lower(), url.port or PORTS.get(scheme))
