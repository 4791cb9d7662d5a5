"""How the service says what cannot be done: one shape for every error (RFC 9457), one status for each class."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import psycopg
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from morningline.api.shapes import Problem, Wrong
from morningline.kit import errors
from morningline.kit.errors import MorninglineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[type[Exception], int] = {
    errors.StateError: 409,
    errors.InputError: 422,
    errors.TokenError: 401,
    errors.ScopeError: 403,
    errors.TooManyTriesError: 429,
    errors.DataError: 409,
    errors.ResourceError: 409,
    errors.NotFoundError: 404,
    errors.DatabaseError: 503,
    errors.ClusterError: 503,
    errors.FeedError: 502,
    MorninglineError: 500,
    psycopg.errors.QueryCanceled: 504,
    psycopg.OperationalError: 503,
    # A text or number that no column can hold, such as a NUL.
    psycopg.DataError: 422,
}
"""The status of a class is its own, or that of the nearest class above it."""
TITLES = {
    401: "A token is needed",
    403: "That is not allowed",
    404: "There is no such thing",
    405: "The path does not take this method",
    409: "It cannot be done as things stand",
    413: "The request is too large",
    415: "The body is of a kind that is not read",
    422: "What was given cannot be used",
    429: "Too many tries",
    500: "The service failed",
    502: "The feed failed",
    503: "The service cannot do it now",
    504: "It took too long",
}
SHOWN = 200
"""Characters of a given value that are said back."""


def status_of(error: BaseException) -> int:
    """The status that an error is answered with; 500 for what nobody foresaw."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem_of(error: Exception) -> Problem:
    """What is said of an error."""
    if isinstance(error, MorninglineError):
        return problem(status_of(error), error.message, allowed=error.allowed, do=error.do, name=type(error).__name__)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_http(error)
    return _of_database(status_of(error), (str(error).splitlines() or [""])[0])


def problem(status: int, detail: str, *, allowed: str | None = None, do: str | None = None, name: str = "") -> Problem:
    """A problem of a status, without the request it is about."""
    word = name.removesuffix("Error") or HTTPStatus(status).phrase
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])|\s+", "-", word).lower()
    title = TITLES.get(status, HTTPStatus(status).phrase)
    return Problem(
        type=f"urn:morningline:problem:{kind}", title=title, status=status, detail=detail, allowed=allowed, do=do
    )


def answer(found: Problem, path: str, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response that says a problem of a request."""
    said = found.model_copy(update={"instance": path, "request_id": request_id})
    more = dict(headers or {})
    if found.status == 401:
        more["WWW-Authenticate"] = 'Bearer realm="morningline"'
    if found.status in {429, 503}:
        more.setdefault("Retry-After", "60" if found.status == 429 else "5")
    return Response(said.model_dump_json(), found.status, more, MEDIA_TYPE)


def add_to(app: FastAPI) -> None:
    """Have every error of a route answered in the one shape; what nobody foresaw is left to the outermost frame."""
    for kind in (MorninglineError, RequestValidationError, HTTPException, psycopg.OperationalError, psycopg.DataError):
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    found = problem_of(error)
    if found.status >= 500:
        LOG.warning("request %s: %s", request.state.request_id, error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if found.status == 405:
        headers["Allow"] = _methods_of(request)
        found = found.model_copy(update={"allowed": headers["Allow"]})
    return answer(found, request.url.path, request.state.request_id, headers)


def _methods_of(request: Request) -> str:
    """Every method that a path takes, by whichever route."""
    routes = iter_route_contexts(request.app.routes)
    found = [route.methods or () for route in routes if route.path_regex.match(request.url.path)]
    return ", ".join(sorted(set().union(*found) - {"HEAD"}))


def _of_http(error: HTTPException) -> Problem:
    """What the framework refuses by itself."""
    if error.status_code == 404:
        return problem(
            404,
            "Nothing of the service has this path.",
            do="Look at its words and ids: /api/v1/openapi.json has all routes.",
        )
    if error.status_code == 405:
        return problem(405, "The path is there, but not for this method.", do="Use another method.")
    if error.status_code == 400:
        return problem(
            422, "The body cannot be read.", allowed="JSON in UTF-8", do="Correct the request.", name="Input"
        )
    return problem(error.status_code, str(error.detail), do="Correct the request.")


def _of_database(status: int, line: str) -> Problem:
    """What the database refuses, and whatever nobody foresaw."""
    if status == 422:
        return problem(status, f"The database cannot take it: {line}", do="Correct what was given.")
    if status == 504:
        return problem(status, "The database was given up: it took too long.", do="Ask for less, or try again.")
    if status == 503:
        return problem(status, f"The database does not answer: {line}", do="Try again in a moment.")
    return problem(500, "The service failed; that is a fault of the program.", do="Report it with the request's id.")


def _invalid(error: RequestValidationError) -> Problem:
    """What of a request is not as its route declares it, field by field."""
    wrong = [
        Wrong(where=".".join(map(str, one["loc"])), given=_shown(one.get("input")), allowed=one["msg"])
        for one in error.errors()
    ]
    first = wrong[0]
    found = problem(422, f"{first.where} was given as {first.given}.", allowed=first.allowed, do="Correct the request.")
    return found.model_copy(update={"type": "urn:morningline:problem:input", "given": first.given, "errors": wrong})


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever was sent
    text = repr(value) if isinstance(value, str | bytes | type(None)) else str(value)
    # Said back as ASCII: half a character of JSON has no form in UTF-8.
    return text[:SHOWN].encode("ascii", "backslashreplace").decode()
