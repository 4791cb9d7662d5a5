"""What the service says of itself: words, examples and errors of every route, in OpenAPI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from morningline.api.examples import WHOLE, example_of
from morningline.api.problems import MEDIA_TYPE, TITLES
from morningline.api.shapes import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

Document = dict[str, Any]

WORDS = """\
Everything the command line does, over HTTP. What takes long is asked for and done by a worker: the answer is 202 with
the run's id, and the header `Location` says where it is seen.

A token of `morningline tokens create` goes into the header `Authorization: Bearer TOKEN`. Its scope is `read`,
`operate` or `admin`; each may do what the one before may. Until the first token is made, the service listens to this
machine only and asks for none.

Every error is one `application/problem+json` (RFC 9457) that says what was given, what is allowed and what to do. Every
answer bears an `X-Request-ID`, which a client may choose. Lists come in pages: `next` of one is `cursor` of the next.
Instants are UTC; days are local days of the event.
"""
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": title}
    for status, title in TITLES.items()
    if status not in {405, 415, 502}
}
OPEN_TO_ALL = {413, 422, 500, 503, 504}
"""Problems that a route may have that asks for no token."""


def add_to(app: FastAPI) -> None:
    """Have the application describe itself in full."""

    def described() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def query_names(app: FastAPI) -> dict[str, frozenset[str]]:
    """What may stand behind the question mark of each route's address, by the name of its operation."""
    return {
        operation["operationId"]: frozenset(p["name"] for p in operation.get("parameters", []) if p["in"] == "query")
        for operations in app.openapi()["paths"].values()
        for operation in operations.values()
    }


def describe(app: FastAPI) -> Document:
    """The OpenAPI document of the service: what FastAPI knows, with our words and examples."""
    document: Document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
    )
    schemas: Document = document["components"]["schemas"]
    for schema in schemas.values():
        _say_attributes(schema)
    for name, schema in schemas.items():
        schema["examples"] = [WHOLE.get(name) or example_of(schema, schemas, name)]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _say_operation(operation, schemas, path)
    return document


def _say_attributes(schema: Document) -> None:
    """Move the words of each field out of the docstring of its class to the field itself."""
    words, _, attributes = str(schema.get("description", "")).partition("Attributes:")
    schema["description"] = " ".join(words.split())
    name = ""
    said: dict[str, str] = {}
    for line in attributes.splitlines():
        if found := re.match(r"\s+(\w+): (.*)$", line):
            name, text = found.groups()
            said[name] = text.strip()
        elif name and line.strip():
            said[name] += f" {line.strip()}"
    for field, about in schema.get("properties", {}).items():
        text = said.get(field) or said.get(f"{field}_")
        if text:
            about.setdefault("description", text)


def _say_operation(operation: Document, schemas: Document, path: str) -> None:
    """Say which scope a route asks for, what it answers, with an example, and how it says what is wrong."""
    scope = operation.get("x-scope")
    # The first line is the summary; FastAPI takes it from the name of the function otherwise.
    operation["summary"] = operation.pop("description", operation["summary"]).strip()
    asks = f"Asks for the scope `{scope}`." if scope else "Asks for no token."
    commands = [f"`morningline {command}`" for command in operation.get("x-command", [])]
    same = f" The same as {', '.join(commands)}." if commands else ""
    operation["description"] = f"{asks}{same}"
    for status, response in list(operation["responses"].items()):
        if int(status) >= 400:
            if scope is None and int(status) not in OPEN_TO_ALL:
                del operation["responses"][status]
                continue
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            response["content"][MEDIA_TYPE]["example"] = _problem(int(status), path)
        else:
            _say_answer(response, schemas, accepted=status == "202")


def _say_answer(response: Document, schemas: Document, *, accepted: bool) -> None:
    response["headers"] = {"X-Request-ID": {"description": "The id of the request.", "schema": {"type": "string"}}}
    if accepted:
        response["description"] = "The run is asked for."
        response["headers"]["Location"] = {"description": "Where the run is seen.", "schema": {"type": "string"}}
    for content in response.get("content", {}).values():
        if content.get("schema"):
            content["example"] = example_of(content["schema"], schemas)


def _problem(status: int, path: str) -> Document:
    title = TITLES[status]
    return {
        "type": f"urn:morningline:problem:{title.split()[-1].lower()}",
        "title": title,
        "status": status,
        "detail": "What was given, and what is wrong with it.",
        "instance": re.sub(r"{\w+}", "3f9a0c12b7de", path),
        "given": None,
        "allowed": "what would have been accepted",
        "do": "What to do next.",
        "request_id": "8b7f1e0c5d2a4c3e9f60718293a4b5c6",
        "errors": [],
    }
