"""The way in, the description of all addresses, and the stylesheet."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse

from registry.web import addresses
from registry.web.pages import Pages

PAGES = Pages()


@dataclass(frozen=True)
class Parameter:
    """A parameter of an address: its name, whether it must be given, and what it is."""

    name: str
    required: bool
    description: str


@dataclass(frozen=True)
class Described:
    """An address: its path, what is there, and its parameters."""

    path: str
    summary: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Description:
    """All addresses."""

    addresses: tuple[Described, ...]


@PAGES.router.get("/", include_in_schema=False)
def enter() -> RedirectResponse:
    """Lead to the search."""
    return RedirectResponse(addresses.home())


@PAGES.page("/docs", "docs.html")
def docs(request: Request) -> Description:
    """Return all addresses and their parameters, as /openapi.json has them for programs."""
    paths: dict[str, Any] = request.app.openapi()["paths"]
    described = []
    for path, methods in paths.items():
        described += [described_operation(path, operation) for operation in methods.values()]
    return Description(tuple(described))


def described_operation(path: str, operation: dict[str, Any]) -> Described:
    """Return an address of an OpenAPI description."""
    parameters = []
    for content in operation.get("parameters", ()):
        text = content.get("description", "")
        parameters.append(Parameter(content["name"], content["required"], text))
    return Described(path, operation.get("summary", ""), tuple(parameters))


@PAGES.file("/style.css", "text/css")
def style() -> str:
    """Return the stylesheet of all pages, which reports hold too."""
    return files("registry.report").joinpath("style.css").read_text(encoding="utf-8")
