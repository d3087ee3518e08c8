"""Errors as answers: a page of one sentence, or the same as JSON."""

import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from registry.database.connecting.reading_pool import Reader
from registry.errors import (
    AddressTooLong,
    CompareBusy,
    DatabaseError,
    DatabaseGone,
    EdgeNotFound,
    FamilyNotFound,
    FingerprintNewer,
    FingerprintOutdated,
    IdentifyBusy,
    IdentifyElsewhere,
    IdentifyOff,
    LayerNotFound,
    MethodRefused,
    ModelAmbiguous,
    ModelNotFound,
    NoParentToDraw,
    NoSuchPage,
    NothingToDraw,
    NotOnMap,
    NotUnicode,
    NoVerdict,
    PageBroken,
    ParameterRefused,
    PoolBusy,
    QuestionTooLong,
    RegistryError,
    SourceOutside,
    StatementEnded,
    ValueRefused,
)
from registry.notices import PageWithoutDatabase, notify
from registry.web.drawing import drawn
from registry.web.pages import json_answer

STATUSES: dict[type[RegistryError], HTTPStatus] = {
    ModelNotFound: HTTPStatus.NOT_FOUND,
    NoVerdict: HTTPStatus.NOT_FOUND,
    NotOnMap: HTTPStatus.NOT_FOUND,
    NothingToDraw: HTTPStatus.NOT_FOUND,
    NoParentToDraw: HTTPStatus.NOT_FOUND,
    LayerNotFound: HTTPStatus.NOT_FOUND,
    EdgeNotFound: HTTPStatus.NOT_FOUND,
    FamilyNotFound: HTTPStatus.NOT_FOUND,
    NoSuchPage: HTTPStatus.NOT_FOUND,
    MethodRefused: HTTPStatus.METHOD_NOT_ALLOWED,
    AddressTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    IdentifyOff: HTTPStatus.FORBIDDEN,
    IdentifyElsewhere: HTTPStatus.FORBIDDEN,
    SourceOutside: HTTPStatus.FORBIDDEN,
    PageBroken: HTTPStatus.INTERNAL_SERVER_ERROR,
    CompareBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    IdentifyBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    PoolBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    QuestionTooLong: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseGone: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Of all other errors the status is 400."""
ASKED_WRONGLY = (
    FamilyNotFound,
    FingerprintNewer,
    FingerprintOutdated,
    ModelAmbiguous,
    ModelNotFound,
    NotUnicode,
    NoVerdict,
    ValueRefused,
)
"""Errors of the database that who asks can mend; of all others a page says that it is away."""
RETRY_AFTER = "5"  # seconds


@dataclass(frozen=True)
class Failure:
    """What went wrong: the status of the answer, the name of the error, and one sentence."""

    status: int
    error: str
    message: str

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


def failure_answer(error: RegistryError, path: str) -> Response:
    """Return an error as JSON where that was asked for, else as a page."""
    status = STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
    failure = Failure(status, type(error).__name__, str(error))
    response = (
        json_answer(failure, status)
        if path.endswith(".json")
        else HTMLResponse(drawn("failure.html", failure), status)
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["retry-after"] = RETRY_AFTER
    return response


def refused(request: Request, exc: Any) -> Response:
    """Answer a RegistryError; of a database that is away, stderr alone has the address."""
    error: RegistryError = exc
    if isinstance(error, StatementEnded):
        error = QuestionTooLong()
    elif isinstance(error, DatabaseError) and not isinstance(error, ASKED_WRONGLY):
        tell_once(request.app.state.reader, error)
        error = DatabaseGone()
    return failure_answer(error, request.url.path)


def tell_once(reader: Reader, error: DatabaseError) -> None:
    """Tell who serves the page that its database has gone, once until it answers again."""
    if not reader.is_away:
        notify(PageWithoutDatabase(reason=str(error).rstrip(".")))
    reader.is_away = True


def not_there(request: Request, exc: Any) -> Response:
    """Answer what the framework raises: no such page, no such method."""
    path = request.url.path
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return failure_answer(MethodRefused(method=request.method, path=path), path)
    return failure_answer(NoSuchPage(path=path), path)


def misread(request: Request, exc: Any) -> Response:
    """Answer a parameter that is not what the address takes."""
    first = exc.errors()[0]
    name = ".".join(map(str, first["loc"][1:]))
    return failure_answer(ParameterRefused(name=name, reason=first["msg"]), request.url.path)


def broken(request: Request, exc: Exception) -> Response:
    """Answer a bug, of which stderr gets the traceback as of any other."""
    sys.excepthook(type(exc), exc, exc.__traceback__)
    return failure_answer(PageBroken(), request.url.path)


def add_failures(app: FastAPI) -> None:
    """Have an application answer errors so."""
    app.add_exception_handler(RegistryError, refused)
    app.add_exception_handler(HTTPException, not_there)
    app.add_exception_handler(RequestValidationError, misread)
    app.add_exception_handler(Exception, broken)
