"""The answers of the simulated feed: status and body for every question that is allowed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from morningline.domains.racing.simulator.entities import Entities
from morningline.domains.racing.simulator.fields import NEVER
from morningline.domains.racing.simulator.fragments import encode
from morningline.domains.racing.simulator.places import PLACES, REGIONS
from morningline.domains.racing.simulator.questions import Endpoint, RefusedQueryError, check, refuse_value, route
from morningline.domains.racing.simulator.race_words import race_of, race_words
from morningline.domains.racing.simulator.thinning import RACES, is_given, thin, thinned

if TYPE_CHECKING:
    from collections.abc import Hashable

    from morningline.domains.racing.simulator.faults import Faults
    from morningline.domains.racing.simulator.pages import Pages
    from morningline.domains.racing.simulator.rendering import Piece
    from morningline.domains.racing.simulator.settings import SimulatorSettings

_BODIES_KEPT = 64
_LONGEST_RANGE, _AHEAD = 366, 7
_FILTERED = ("type", "going", "race_class", "age_band", "sex_restriction")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent back.

    Args:
        status: HTTP status.
        body: JSON.
    """

    status: int
    body: bytes


def detail(status: int, what: object) -> Answer:
    """Say what is wrong, as the feed does."""
    return Answer(status=status, body=encode({"detail": what}))


NOT_FOUND = detail(404, "Not Found")
Query = list[tuple[str, str]]
Values = dict[str, list[str]]


class Answers:
    """Answers questions that are allowed.

    Args:
        settings: The simulator.
        pages: Its days.
        faults: What goes wrong in bodies.
    """

    def __init__(self, settings: SimulatorSettings, pages: Pages, faults: Faults) -> None:
        self._settings, self._pages, self._faults = settings, pages, faults
        self._entities = Entities(settings, pages)
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()

    def answer(self, path: str, query: Query, *, shrunk: bool = False) -> Answer:
        """Answer a question.

        Args:
            path: The path.
            query: Names and values, as they came.
            shrunk: Whether a race has gone since the page before.
        """
        found = route(path)
        if found is None:
            return NOT_FOUND
        endpoint, names = found
        try:
            values = check(endpoint, query)
            return self._answer(endpoint, names, values, query, shrunk=shrunk)
        except RefusedQueryError as refusal:
            return detail(422, refusal.details)

    def _answer(
        self, endpoint: Endpoint, names: dict[str, str], values: Values, query: Query, *, shrunk: bool
    ) -> Answer:
        if endpoint.name in {"racecards", "results", "results_today"}:
            give = self._racecards if endpoint.name == "racecards" else self._results
            return give(endpoint, values, query, shrunk=shrunk)
        if endpoint.name == "regions":
            return _ok([{"region": name, "region_code": code} for code, name in REGIONS.items()])
        if endpoint.name == "courses":
            return self._courses(values)
        if endpoint.name == "summaries":
            return self._summaries(values, query)
        return self._single(endpoint, names)

    def _single(self, endpoint: Endpoint, names: dict[str, str]) -> Answer:
        """One race, one horse, or the odds of one runner."""
        if endpoint.name in {"result", "racecard"}:
            return self._one_race(endpoint, names["race"])
        if endpoint.name == "horse":
            body = self._entities.horse(names["horse"], endpoint.level)
        else:
            body = self._entities.odds(names["race"], names["horse"])
        return NOT_FOUND if body is None else _ok(body)

    def _courses(self, values: Values) -> Answer:
        wanted = values.get("region_codes")
        courses = [
            {
                "id": place.course_id,
                "course": place.name,
                "region_code": place.region.lower(),
                "region": REGIONS[place.region.lower()],
            }
            for place in PLACES
            if not wanted or place.region.lower() in wanted
        ]
        return _ok({"courses": courses, "total": len(courses)})

    def _card_day(self, values: Values, query: Query) -> tuple[date, Query]:
        """The day of the cards asked for, and the echo of the query with the default filled in."""
        today = self._pages.today()
        if "date" in values:
            return date.fromisoformat(values["date"][0]), query
        if "day" in values:
            return today + timedelta(days=values["day"] == ["tomorrow"]), query
        return today, query

    def _racecards(self, endpoint: Endpoint, values: Values, query: Query, *, shrunk: bool) -> Answer:
        day, echo = self._card_day(values, query)
        if not values.get("date") and not values.get("day"):
            echo = [*query, ("date", str(day)) if endpoint.level == "pro" else ("day", "today")]
        today = self._pages.today()
        if day > today + timedelta(days=_AHEAD) or day < self._settings.first_day:
            return NOT_FOUND
        ordinal = day.toordinal()
        parts = [self._pages.cards(ordinal, endpoint.level)]
        filters = {"region": values.get("region_codes"), "course": values.get("course_ids")}
        return self._page(
            "racecards", endpoint, parts, values, filters, echo, range(ordinal, ordinal + 1), shrunk=shrunk
        )

    def _range(self, endpoint: Endpoint, values: Values) -> tuple[date, date]:
        today = self._pages.today()
        if endpoint.name == "results_today":
            return today, today
        end = date.fromisoformat(values["end_date"][0]) if "end_date" in values else today
        first = date.fromisoformat(values["start_date"][0]) if "start_date" in values else today - timedelta(days=365)
        if first > end:
            raise refuse_value("start_date", str(first), "start_date must not be after end_date")
        if (end - first).days > _LONGEST_RANGE - 1:
            raise refuse_value("start_date", str(first), "the range must not be longer than 365 days")
        return first, end

    def _results(self, endpoint: Endpoint, values: Values, query: Query, *, shrunk: bool) -> Answer:
        first, end = self._range(endpoint, values)
        first, end = max(first, self._settings.first_day), min(end, self._pages.today())
        days = range(end.toordinal(), first.toordinal() - 1, -1)
        parts = [self._pages.results(day, endpoint.level) for day in days]
        filters = {"region": values.get("region"), "course": values.get("course")}
        return self._page("results", endpoint, parts, values, filters, query, days, shrunk=shrunk)

    def _page(
        self,
        name: str,
        endpoint: Endpoint,
        parts: list[tuple[Hashable, list[Piece]]],
        values: Values,
        filters: dict[str, list[str] | None],
        echo: Query,
        days: range,
        *,
        shrunk: bool,
    ) -> Answer:
        """Put a page together, or remember that it was."""
        key = (name, tuple(k for k, _ in parts), tuple(echo), shrunk)
        body = self._bodies.get(key)
        if body is None:
            pieces = [p for _, own in parts for p in own]
            idle = not pieces and len(days) == 1 and not self._pages.library.week(days[0]).races(days[0])
            # Nobody has seen what the feed says of a day without racing; every other year it is not found.
            if idle and date.fromordinal(days[0]).year % 2 == 0:
                return NOT_FOUND
            body = self._bodies[key] = self._joined(name, endpoint, pieces, values, filters, echo, shrunk=shrunk)
            while len(self._bodies) > _BODIES_KEPT:
                self._bodies.popitem(last=False)
        else:
            self._bodies.move_to_end(key)
        return Answer(status=200, body=body)

    def _joined(
        self,
        name: str,
        endpoint: Endpoint,
        pieces: list[Piece],
        values: Values,
        filters: dict[str, list[str] | None],
        echo: Query,
        *,
        shrunk: bool,
    ) -> bytes:
        pieces = [p for p in pieces if _passes(p, values, filters)]
        if self._faults.thin:
            pieces = self._thinned(pieces)
        limit = int(values["limit"][0]) if "limit" in values else endpoint.page
        skip = int(values["skip"][0]) if "skip" in values else 0
        if shrunk and skip:
            pieces = pieces[1:]
        shown = [p.body for p in pieces[skip : skip + limit]]
        if self._faults.dirty:
            shown = [self._faults.soiled(p.race_id, p.body) for p in pieces[skip : skip + limit]]
        tail = encode({"total": len(pieces), "limit": limit, "skip": skip, "query": echo})
        return b'{"' + name.encode() + b'":[' + b",".join(shown) + b"]," + tail[1:]

    def _thinned(self, pieces: list[Piece]) -> list[Piece]:
        """The races without what their days lack."""
        found = []
        for one in pieces:
            day, _ = race_of(one.race_id) or (0, 0)
            kind = thinned(day, self._settings.seed)
            if kind != RACES or is_given(one.race_id):
                found.append(replace(one, body=thin(kind, one.body)))
        return found

    def _one_race(self, endpoint: Endpoint, identity: str) -> Answer:
        found = race_of(identity)
        if found is None or not self._open(found[0], ahead=_AHEAD):
            return NOT_FOUND
        give = self._pages.results if endpoint.name == "result" else self._pages.cards
        _, pieces = give(found[0], endpoint.level)
        body = next((p.body for p in pieces if p.race_id == identity), None)
        return NOT_FOUND if body is None else Answer(status=200, body=body)

    def _open(self, day: int, *, ahead: int) -> bool:
        return self._settings.first_day.toordinal() <= day <= self._pages.today().toordinal() + ahead

    def _summaries(self, values: Values, query: Query) -> Answer:
        day, _ = self._card_day(values, query)
        ordinal = day.toordinal()
        if not self._open(ordinal, ahead=_AHEAD):
            return NOT_FOUND
        week, minute = self._pages.library.week(ordinal), self._pages.moment(ordinal).minute
        rows: list[dict[str, Any]] = []
        for race in week.races(ordinal):
            own, fields = race_words(week, race), week.fields
            if not _wanted(own.place.region.lower(), own.place.course_id, values):
                continue
            rows.append(
                {
                    "date": own.day,
                    "region": own.place.region,
                    "course_id": own.place.course_id,
                    "course": own.place.on_card(),
                    "race_id": own.race_id,
                    "race_name": own.name,
                    "race_class": own.race_class,
                    "off_time": own.off,
                    "off_dt": own.off_dt,
                    "big_race": bool(fields.pattern[race] >= 3),
                    "is_abandoned": bool(NEVER > fields.abandoned_at[race] <= minute),
                }
            )
        return _ok({"racecard_summaries": rows, "query": query or [("date", str(day))]})


def _wanted(region: str, course_id: str, values: Values) -> bool:
    if values.get("course_ids"):
        return course_id in values["course_ids"]
    return not values.get("region_codes") or region in values["region_codes"]


def _passes(piece: Piece, values: Values, filters: dict[str, list[str] | None]) -> bool:
    """Whether a race is asked for; a course overrides a region."""
    if filters["course"]:
        if piece.course_id not in filters["course"]:
            return False
    elif filters["region"] and piece.region not in filters["region"]:
        return False
    if any(values.get(name) and piece.words[name] not in values[name] for name in _FILTERED):
        return False
    least, most = values.get("min_distance_y"), values.get("max_distance_y")
    return (not least or piece.yards >= int(least[0])) and (not most or piece.yards <= int(most[0]))


def _ok(body: object) -> Answer:
    return Answer(status=200, body=encode(body))
