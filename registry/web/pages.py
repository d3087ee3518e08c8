"""How a page is made: one route is one record, shown by one template, and as JSON by its twin.

A module of pages makes a `Pages` and puts questions on it:

    PAGES = Pages()

    @dataclass(frozen=True)
    class Greeting:
        name: str
        models: int

    @PAGES.page("/greet/{name:segment}", "greeting.html")
    def greet(door: Door, name: str) -> Greeting:
        '''Return how many models greet somebody.'''
        return Greeting(name, door.ask(count_of_models))

`/greet/ada` is the page, where `greeting.html` finds the record as `page`; `/greet/ada.json` is its
twin. The first line of the docstring is what OpenAPI and `/docs` say of the address. A record that
has a method `json` says itself what the twin holds; of others it is the fields. Parameters are
FastAPI's: those in braces stand in the address, where `:segment` takes a name with its slashes
encoded; all others are the query's. Errors are raised as RegistryError; `failures` makes pages of
them. Pictures and tables are files: see `file`.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.convertors import Convertor, register_url_convertor

from registry.database.connecting.reading_pool import Reader
from registry.legible import json_legible
from registry.report.answers import answer, plain
from registry.web.drawing import drawn

P = ParamSpec("P")
T = TypeVar("T")

JSON = "application/json"
OBJECT = {
    "type": "object",
    "required": ["schema_version"],
    "properties": {"schema_version": {"type": "integer"}},
}
"""What OpenAPI says of every twin; docs/web.md has the keys."""
HTML_OR_JSON = "The same as a page, without `.json`."


class SegmentConvertor(Convertor[str]):
    """Reads a name from one segment of a raw address, where its slashes are encoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the name."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return a segment as it stands in an address."""
        return value


register_url_convertor("segment", SegmentConvertor())


async def door_of(request: Request) -> Reader:
    """Return the way to the database."""
    reader: Reader = request.app.state.reader
    return reader


Door = Annotated[Reader, Depends(door_of)]


class Pages:
    """Pages of one subject, as the application takes them."""

    def __init__(self) -> None:
        self.router = APIRouter()

    def page(
        self, path: str, template: str
    ) -> Callable[[Callable[P, object]], Callable[P, object]]:
        """Make a page, and its twin in JSON, of a function that returns a record.

        Args:
            path: The address, such as `/model/{name:segment}`.
            template: A file of templates/.
        """

        def made(question: Callable[P, object]) -> Callable[P, object]:
            @wraps(question)
            def as_json(*values: P.args, **named: P.kwargs) -> Response:
                return json_answer(question(*values, **named))

            @wraps(question)
            def as_page(*values: P.args, **named: P.kwargs) -> Response:
                return HTMLResponse(drawn(template, question(*values, **named)))

            summary = first_line(question)
            name = question.__name__
            # The twin first: a segment would take `.json` as part of a name.
            self.router.add_api_route(
                f"{path}.json",
                as_json,
                summary=summary,
                description=HTML_OR_JSON,
                name=f"{name}_json",
                response_class=Response,
                response_model=None,
                responses={200: {"description": summary, "content": {JSON: {"schema": OBJECT}}}},
            )
            self.router.add_api_route(
                path,
                as_page,
                name=name,
                include_in_schema=False,
                response_class=HTMLResponse,
                response_model=None,
            )
            return question

        return made

    def file(self, path: str, media_type: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """Make a file, such as a picture or a table, of a function that returns text or bytes.

        Args:
            path: The address with its ending, such as `/model/{name:segment}/layers.svg`.
            media_type: Such as `image/svg+xml`.
        """

        def made(question: Callable[P, T]) -> Callable[P, T]:
            @wraps(question)
            def as_file(*values: P.args, **named: P.kwargs) -> Response:
                return Response(question(*values, **named), media_type=media_type)

            summary = first_line(question)
            self.router.add_api_route(
                path,
                as_file,
                summary=summary,
                name=question.__name__,
                response_class=Response,
                response_model=None,
                responses={200: {"description": summary, "content": {media_type: {}}}},
            )
            return question

        return made


def json_answer(record: Any, status: int = 200) -> Response:
    """Return a record as strict JSON; floats read back equal, and so do names."""
    content = record.json() if hasattr(record, "json") else plain(record)
    document = json.dumps(answer(**content), allow_nan=False, ensure_ascii=False)
    encoded = json_legible(document).encode("utf-8", "surrogatepass")
    return Response(encoded, status, media_type=JSON)


def first_line(question: Callable[..., object]) -> str:
    """Return the first line of a function's docstring: `Return a model.` as `A model.`."""
    line = (question.__doc__ or "").strip().splitlines()[0]
    words = line.removeprefix("Return ")
    return words[:1].upper() + words[1:]
