"""What may be asked of each endpoint, and how a question that may not be asked is turned away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from morningline.domains.racing.simulator.places import REGIONS

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_WHOLE = re.compile(r"[+-]?\d{1,9}")

_TYPES = ("chase", "flat", "hurdle", "nh_flat")
_GOINGS = (
    "fast", "firm", "good", "good_to_firm", "good_to_soft", "good_to_yielding", "hard", "heavy", "holding", "muddy",
    "sloppy", "slow", "soft", "soft_to_heavy", "standard", "standard_to_fast", "standard_to_slow", "very_soft",
    "yielding", "yielding_to_soft",
)  # fmt: skip
_SEXES = ("c&f", "c&g", "f", "f&m", "m", "m&g")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One query parameter.

    Args:
        name: Its name.
        kind: "text", "whole", "day", or "when" for `today` and `tomorrow`.
        repeats: Whether it may be given more than once.
        allowed: The values it takes, if they are few.
        least: The least whole number.
        most: The greatest whole number.
    """

    name: str
    kind: str = "text"
    repeats: bool = False
    allowed: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One path of the feed.

    Args:
        name: What answers it.
        plan: The least plan.
        limit: Its class of limits.
        parameters: What its query may hold.
        page: How many items a page has unless asked otherwise; zero for no pages.
        level: How much of each race is told.
    """

    name: str
    plan: str
    limit: str
    parameters: tuple[Parameter, ...] = ()
    page: int = 0
    level: str = ""


class RefusedQueryError(Exception):
    """A query that may not be asked; carries what the feed says of it."""

    def __init__(self, details: list[dict[str, Any]]) -> None:
        super().__init__(details)
        self.details = details


_REGIONS = tuple(REGIONS)
_CODES = Parameter(name="region_codes", repeats=True, allowed=_REGIONS)
_COURSE_IDS = Parameter(name="course_ids", repeats=True)
_REGION = Parameter(name="region", repeats=True, allowed=_REGIONS)


def _paging(most: int, most_skipped: int | None) -> tuple[Parameter, ...]:
    return (
        Parameter(name="limit", kind="whole", least=1, most=most),
        Parameter(name="skip", kind="whole", least=0, most=most_skipped),
    )


_CARDS = (_CODES, _COURSE_IDS, *_paging(500, 500))
_BY_DAY = (Parameter(name="day", kind="when", allowed=("today", "tomorrow")), *_CARDS)
_FILTERS = (
    _REGION,
    Parameter(name="course", repeats=True),
    Parameter(name="type", repeats=True, allowed=_TYPES),
    Parameter(name="going", repeats=True, allowed=_GOINGS),
    Parameter(name="race_class", repeats=True, allowed=tuple(f"class_{n}" for n in range(1, 8))),
    Parameter(name="min_distance_y", kind="whole"),
    Parameter(name="max_distance_y", kind="whole"),
    Parameter(name="age_band", repeats=True),
    Parameter(name="sex_restriction", repeats=True, allowed=_SEXES),
)
_DATES = (Parameter(name="start_date", kind="day"), Parameter(name="end_date", kind="day"))
_DATE = Parameter(name="date", kind="day")

ENDPOINTS: tuple[tuple[re.Pattern[str], Endpoint], ...] = tuple(
    (re.compile(path.replace("{race}", "(?P<race>[^/]+)").replace("{horse}", "(?P<horse>[^/]+)")), endpoint)
    for path, endpoint in (
        ("/v1/courses/regions", Endpoint(name="regions", plan="free", limit="free")),
        ("/v1/courses", Endpoint(name="courses", plan="free", limit="free", parameters=(_CODES,))),
        *(
            (
                f"/v1/racecards/{level}",
                Endpoint(
                    name="racecards",
                    plan=level,
                    limit="free" if level == "free" else "racecards",
                    parameters=(_DATE, *_CARDS) if level == "pro" else _BY_DAY,
                    page=500,
                    level=level,
                ),
            )
            for level in ("free", "basic", "standard", "pro")
        ),
        (
            "/v1/racecards/summaries",
            Endpoint(name="summaries", plan="basic", limit="other", parameters=(_DATE, _CODES, _COURSE_IDS)),
        ),
        ("/v1/racecards/{race}/standard", Endpoint(name="racecard", plan="standard", limit="other", level="standard")),
        ("/v1/racecards/{race}/pro", Endpoint(name="racecard", plan="pro", limit="other", level="pro")),
        (
            "/v1/results",
            Endpoint(
                name="results",
                plan="standard",
                limit="other",
                parameters=(*_DATES, *_FILTERS, *_paging(100, 20_000)),
                page=50,
                level="standard",
            ),
        ),
        (
            "/v1/results/today",
            Endpoint(
                name="results_today",
                plan="basic",
                limit="other",
                parameters=(_REGION, *_paging(100, None)),
                page=50,
                level="basic",
            ),
        ),
        (
            "/v1/results/today/free",
            Endpoint(
                name="results_today",
                plan="free",
                limit="free",
                parameters=(_REGION, *_paging(100, None)),
                page=50,
                level="free",
            ),
        ),
        ("/v1/results/{race}", Endpoint(name="result", plan="standard", limit="other", level="standard")),
        ("/v1/horses/{horse}/standard", Endpoint(name="horse", plan="standard", limit="other", level="standard")),
        ("/v1/horses/{horse}/pro", Endpoint(name="horse", plan="pro", limit="other", level="pro")),
        ("/v1/odds/{race}/{horse}", Endpoint(name="odds", plan="pro", limit="other")),
    )
)


def route(path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """Find the endpoint of a path and what the path says, or None if there is no such path."""
    for pattern, endpoint in ENDPOINTS:
        match = pattern.fullmatch(path)
        if match:
            return endpoint, match.groupdict()
    return None


def _fault(kind: str, name: str, message: str, given: str, **context: object) -> dict[str, Any]:
    """One complaint in the words of pydantic 2."""
    found = {"type": kind, "loc": ["query", name], "msg": message, "input": given}
    return {**found, "ctx": context} if context else found


def _check(parameter: Parameter, value: str) -> dict[str, Any] | None:
    name = parameter.name
    if parameter.allowed and value not in parameter.allowed:
        expected = " or ".join(f"'{word}'" for word in parameter.allowed[:8])
        return _fault("literal_error", name, f"Input should be {expected}", value, expected=expected)
    if parameter.kind == "day":
        try:
            whole = bool(_DAY.fullmatch(value)) and bool(date.fromisoformat(value))
        except ValueError:
            whole = False
        return None if whole else _fault("date_from_datetime_parsing", name, "Input should be a valid date", value)
    if parameter.kind == "whole":
        if not _WHOLE.fullmatch(value):
            message = "Input should be a valid integer, unable to parse string as an integer"
            return _fault("int_parsing", name, message, value)
        number = int(value)
        if parameter.most is not None and number > parameter.most:
            message = f"Input should be less than or equal to {parameter.most}"
            return _fault("less_than_equal", name, message, value, le=parameter.most)
        if parameter.least is not None and number < parameter.least:
            message = f"Input should be greater than or equal to {parameter.least}"
            return _fault("greater_than_equal", name, message, value, ge=parameter.least)
    return None


def check(endpoint: Endpoint, query: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Read a query.

    Args:
        endpoint: What is asked.
        query: Names and values, as they came.

    Returns:
        The values by name; of a parameter that does not repeat, the last one alone.

    Raises:
        RefusedQueryError: If a name is unknown or a value is not of its kind.
    """
    known = {parameter.name: parameter for parameter in endpoint.parameters}
    faults: list[dict[str, Any]] = []
    values: dict[str, list[str]] = {}
    for name, value in query:
        parameter = known.get(name)
        if parameter is None:
            faults.append(_fault("extra_forbidden", name, "Extra inputs are not permitted", value))
            continue
        fault = _check(parameter, value)
        if fault:
            faults.append(fault)
        values[name] = [*values.get(name, []), value] if parameter.repeats else [value]
    if faults:
        raise RefusedQueryError(faults)
    return values


def refuse_value(name: str, value: str, reason: str) -> RefusedQueryError:
    """Turn away a value for a reason of the feed's own."""
    return RefusedQueryError([_fault("value_error", name, f"Value error, {reason}", value, error=reason)])
