"""The hub's client as the environment sets it up: its session, its headers, its own origin."""

import re
from typing import Any, NamedTuple

import huggingface_hub
from huggingface_hub import constants, get_session

from registry.checkpoints.hub.errors import HTTP, reason
from registry.errors import HubSettings, HubTokenMalformed

TOKEN = re.compile(r"[\x21-\x7e]+")
LAST_PORT = 65535
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

    Our own, for huggingface_hub's `build_hf_headers`, which asks the hub for a list of programs
    that it may be run by. Raises HubTokenMalformed; the client would put the token into its
    message.
    """
    headers = {"user-agent": f"registry; hf_hub/{huggingface_hub.__version__}"}
    try:
        token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else huggingface_hub.get_token()
    except (ValueError, OSError) as exc:
        raise HubTokenMalformed(reason="its file cannot be read") from exc
    if token is None:
        return headers
    if not TOKEN.fullmatch(token):
        raise HubTokenMalformed(reason="it holds characters that no token has")
    return headers | {"authorization": f"Bearer {token}"}


def endpoint() -> str:
    """Return the hub's address (HF_ENDPOINT). Raises HubSettings where it is none."""
    address = str(constants.ENDPOINT)
    try:
        scheme, host, port = origin(HTTP.URL(address))
    except (HTTP.InvalidURL, ValueError, TypeError) as exc:
        raise HubSettings(reason="HF_ENDPOINT is no address") from exc
    if scheme not in PORTS or not host or not 0 < (port or 0) <= LAST_PORT:
        raise HubSettings(reason="HF_ENDPOINT is no address that begins with https://")
    return address


def is_home(url: Any) -> bool:
    """Return whether an address is the hub's own, in scheme, host and port."""
    return origin(url) == origin(HTTP.URL(endpoint()))


def origin(url: Any) -> Origin:
    """Return scheme, host and port of the client's URL."""
    scheme = url.scheme.lower()
    return Origin(scheme, url.host.lower(), url.port or PORTS.get(scheme))
