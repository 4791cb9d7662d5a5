"""The shapes of answers: those of the program's own reports, and those that only the service has."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, create_model

NAMES = {"Any": Any, "Mapping": Mapping, "Sequence": Sequence, "date": date, "datetime": datetime}
"""Names that reports import for their types alone."""
_made: dict[type, type[BaseModel]] = {}


class Shape(BaseModel):
    """What an answer looks like."""

    model_config = ConfigDict(from_attributes=True, extra="forbid", frozen=True)


class Wrong(Shape):
    """A part of a request that is not as its route declares it.

    Attributes:
        where: Where it stands: path, query, header or body, then its name.
        given: What was given there.
        allowed: What is allowed there.
    """

    where: str
    given: str
    allowed: str


class Problem(Shape):
    """Why something could not be done (RFC 9457), the same for every route.

    Attributes:
        type: Which kind of problem, as a name that does not change.
        title: The same for people.
        status: The HTTP status.
        detail: What was given, and what is wrong with it.
        instance: The path that was called.
        given: The first value that cannot be used, where one can be told.
        allowed: What would have been accepted.
        do: What to do next.
        request_id: Of the request, as in the header X-Request-ID and in the log.
        errors: Of a request that is not as its route declares it, every part that is wrong.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    given: str | None = None
    allowed: str | None = None
    do: str | None = None
    request_id: str = ""
    errors: list[Wrong] = Field(default_factory=list)


class Started(Shape):
    """A run was asked for; the header Location says where it is seen.

    Attributes:
        id: The run's id.
        kind: What it does.
        worker: Whether a worker lives that will take it up; without one it waits.
    """

    id: str
    kind: str
    worker: bool


class Run(Shape):
    """A run as it stands.

    Attributes:
        status: How it stands.
        priority: -1 to 2; 2 is the most urgent.
        attempt: How often it was taken up, earlier runs it retries included.
        share: The share that is done, 0 to 1, where the work tells it.
        sentence: What is done now.
        figures: Numbers its work tells.
        parameters: What was asked.
        result: What the work gave, once it has succeeded.
        error: Why it failed: `message`, and `data` with what is allowed and what to do.
        retry_of: The run it does once more.
        worker: Who does it now.
        created_at: When it was asked for.
        started_at: When a worker first took it up.
        seconds: How long it took.
        expected_seconds: How long such a run takes: the median of the last 20 that succeeded.
    """

    id: str
    kind: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    priority: int
    attempt: int
    share: float | None
    sentence: str
    figures: dict[str, Any]
    parameters: dict[str, Any]
    result: Any
    error: dict[str, Any] | None
    asked_by: str
    retry_of: str | None
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    expected_seconds: float | None


class Deleted(Shape):
    """What was deleted.

    Attributes:
        deleted: How many.
        days: Those that ended more than so many days ago; null where all are kept.
    """

    deleted: int
    days: int | None


class Removed(Shape):
    """What was removed, by its name."""

    name: str
    status: Literal["removed"] = "removed"


class Cancelled(Shape):
    """A run that was cancelled; one that goes on stops at its next step, or within five seconds."""

    id: str
    status: Literal["cancelled"] = "cancelled"


class Health(Shape):
    """How the service is.

    Attributes:
        status: `live`, or `ready`.
        database: Whether the database answers and its tables are of this version.
        worker: Whether a worker lives that takes any run.
        scheduler: Whether what schedules have due is asked for; false where something waits for half a minute.
    """

    status: Literal["live", "ready"]
    database: bool | None = None
    worker: bool | None = None
    scheduler: bool | None = None


def shape_of(report: type) -> type[BaseModel]:
    """The shape of a report that the program makes, so that what is documented is what is made.

    Args:
        report: A dataclass, or a class of named fields.

    Returns:
        A model of the same name, fields and words.
    """
    if report not in _made:
        module = vars(__import__(report.__module__, fromlist=["_"]))
        hints = typing.get_type_hints(report, module, {**module, **_named_elsewhere(), **NAMES})
        names = [one.name for one in fields(report)] if is_dataclass(report) else list(hints)
        parts: dict[str, Any] = {name: (_translated(hints[name]), ...) for name in names}
        _made[report] = create_model(report.__name__, __base__=Shape, __doc__=report.__doc__, **parts)
    return _made[report]


def answered(shape: type[BaseModel], value: object, status: int = 200, location: str | None = None) -> Response:
    """An answer that is checked and written in the thread that made it, where routes are asked often.

    Args:
        shape: What it looks like.
        value: What is answered.
        status: The HTTP status.
        location: Where what was asked for is seen.
    """
    text = shape.model_validate(value).model_dump_json()
    return Response(text, status, {"Location": location} if location else None, "application/json")


def list_of(item: type[BaseModel]) -> Any:  # noqa: ANN401 - a type for FastAPI
    """The shape of a whole list."""
    return list[item]  # type: ignore[valid-type]


def page_of(item: type[BaseModel], noun: str) -> type[BaseModel]:
    """The shape of a page of a list.

    Args:
        item: The shape of one.
        noun: What they are, for the page's own words.
    """
    words = f"""Some {noun}, and where the next ones begin.

    Attributes:
        items: The {noun} of this page.
        next: What to give as `cursor` for the next page; null on the last.
    """
    parts: dict[str, Any] = {"items": (list[item], ...), "next": (str | None, ...)}  # type: ignore[valid-type]
    return create_model(f"{item.__name__}Page", __base__=Shape, __doc__=words, **parts)


def _translated(hint: Any) -> Any:  # noqa: ANN401 - a type, whatever it is made of
    """A type with every report in it as its shape, and every sequence as a list."""
    origin, inner = get_origin(hint), tuple(map(_translated, get_args(hint)))
    if isinstance(hint, type) and is_dataclass(hint):
        return shape_of(hint)
    if origin in {UnionType, Union}:
        return Union[inner]  # noqa: UP007 - made of a tuple
    if origin in {list, Sequence}:
        return list[inner[0]]  # type: ignore[valid-type]
    if origin in {dict, Mapping}:
        return dict[inner[0], inner[1]]  # type: ignore[valid-type]
    if origin is tuple:
        return tuple.__class_getitem__(inner)
    return NoneType if hint is None else hint


def _named_elsewhere() -> dict[str, type]:
    """Reports that other reports name in their types alone."""
    from morningline.training import judging, registry
    from morningline.training.evaluation import comparison, row_comparison
    from morningline.wiring import feature_rows, provenance

    modules = (feature_rows, provenance, registry, judging, comparison, row_comparison)
    return {name: value for module in modules for name, value in vars(module).items() if isinstance(value, type)}
