"""What The Racing API is asked, page by page, and what it says when it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from morningline.domains.racing.feeds.racing_api.documents import FAULTS, pieces
from morningline.kit.errors import BrokenBodyError, InputError
from morningline.sources.feed import Ask, FeedRows, Page, Payload, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from morningline.sources.feed import Params
    from morningline.sources.feed_settings import FeedSettings

PLANS = ("free", "basic", "standard", "pro")

# The vendor's own bounds (OpenAPI 1.4.3).
FIRST_CARD = date(2023, 1, 23)
FIRST_RESULT = date(1988, 1, 1)
CARDS_AHEAD = timedelta(days=7)
RESULTS_BACK = timedelta(days=365)
MOST_CARDS = 500

_PLAN_NEEDED = re.compile(r"\b(\w+) plan\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `[feeds.racing_api]` may say beyond what every feed's table may.

    Attributes:
        plan: The account's plan.
        history: Whether the account has the add-on of historical results, from 1988 on; without it results go back
            365 days.
        regions: Codes of the regions to collect, such as `gb`; all where none is given.
        page: Races asked for on a page of results, at most 100; the older API allows 50.
    """

    plan: Literal["free", "basic", "standard", "pro"] = "pro"
    history: bool = False
    regions: tuple[str, ...] = ()
    page: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50


class RacingApi:
    """The feed of racing cards, results and prices at theracingapi.com."""

    name = "racing_api"
    domain = "racing"
    url = "https://api.theracingapi.com"
    mapping = Path(__file__).parent / "racing_api.toml"
    time_zone = "Europe/London"
    # Calls a second: those of October 2025, the lower ones. In 2026 "other" is said to be 5.
    limits: Mapping[str, float] = MappingProxyType({"free": 1.0, "racecards": 2.0, "other": 2.0})
    username_env = "RACING_API_USERNAME"
    password_env = "RACING_API_PASSWORD"  # noqa: S105 - the name of a variable
    masters = ("regions", "courses")
    days = ("racecards", "results")
    # Inquiries and appeals change a result in the days after; a day fetched while it lasted is fetched when it is over.
    corrections: Mapping[str, tuple[int, ...]] = MappingProxyType({"results": (0, 1, 3, 8)})
    details: Mapping[str, tuple[str, str]] = MappingProxyType({"horses": ("ra_mst_horses", "foaled")})
    options = Options

    def first(
        self, endpoint: str, day: date | None, settings: FeedSettings, *, today: date, generation: int
    ) -> Ask | None:
        """The ask of an endpoint's first page; None where this plan cannot ask it for this day.

        Args:
            endpoint: One of `masters` or `days`.
            day: The UK's day, None for masters.
            settings: What is in force; its `options` are `Options`.
            today: The UK's day now.
            generation: 1 for the first complete fetch of the day.

        Raises:
            InputError: There is no such endpoint.
        """
        if self.why_not(endpoint, day, settings, today) is not None:
            return None
        path, params, limit = self._question(endpoint, day, _options(settings), today)
        return Ask(endpoint=endpoint, path=path, params=params, limit=limit, day=day, generation=generation)

    def why_not(self, endpoint: str, day: date | None, settings: FeedSettings, today: date) -> str | None:
        """Why this plan cannot ask an endpoint for a day; None where it can.

        Raises:
            InputError: There is no such endpoint.
        """
        if endpoint in self.masters:
            return None
        if endpoint not in self.days or day is None:
            raise InputError(
                f"The Racing API is asked for {endpoint!r} of {day or 'no day'}.",
                allowed=f"{', '.join(self.masters)} without a day, {' and '.join(self.days)} of a day",
                do="Correct the endpoint.",
            )
        options = _options(settings)
        if endpoint == "racecards":
            return _why_no_cards(day, today, options.plan)
        return _why_no_results(day, today, options)

    def _question(self, endpoint: str, day: date | None, options: Options, today: date) -> tuple[str, Params, str]:
        if endpoint == "regions":
            return "/v1/courses/regions", (), "free"
        regions = tuple(region.lower() for region in options.regions)
        codes = tuple(("region_codes", region) for region in regions)
        if endpoint == "courses":
            return "/v1/courses", codes, "free"
        if endpoint == "racecards":
            when = ("date", str(day)) if options.plan == "pro" else ("day", "today" if day == today else "tomorrow")
            paging = (("limit", str(MOST_CARDS)), ("skip", "0"))
            limit = "free" if options.plan == "free" else "racecards"
            return f"/v1/racecards/{options.plan}", (when, *codes, *paging), limit
        chosen = tuple(("region", region) for region in regions)
        paging = (("limit", str(options.page)), ("skip", "0"))
        if options.plan == "free":
            return "/v1/results/today/free", (*chosen, *paging), "free"
        if options.plan == "basic":
            return "/v1/results/today", (*chosen, *paging), "other"
        days = (("start_date", str(day)), ("end_date", str(day)))
        return "/v1/results", (*days, *chosen, *paging), "other"

    def detail(self, endpoint: str, entity_id: str) -> Ask:
        """The ask for all that is known of one horse; the Pro plan may ask it."""
        return Ask(endpoint=endpoint, path=f"/v1/horses/{entity_id}/pro", limit="other")

    def page(self, ask: Ask, body: bytes) -> Page:
        """Say which items a body holds and which page comes next.

        Raises:
            BrokenBodyError: The body is no whole document of the ask's endpoint.
        """
        if ask.endpoint == "horses":
            return Page(total=1, ids=(_horse_id(body),))
        keys = {"racecards": "racecards", "results": "results", "courses": "courses", "regions": ""}
        items, total = pieces(body, keys[ask.endpoint])
        ids = tuple(_item_id(bytes(item)) for item in items)
        return Page(total=total, ids=ids, next=_next(ask, len(ids), total))

    def refusal(self, status: int, body: bytes) -> tuple[Refusal, str] | None:
        """Tell why the feed refused, with its words; None where the status is no refusal for good."""
        words = _detail(body)
        if status in {402, 403} or (status == 401 and _PLAN_NEEDED.search(words)):
            return Refusal.PLAN, words
        kinds = {401: Refusal.CREDENTIALS, 404: Refusal.NOTHING, 422: Refusal.INVALID}
        return (kinds[status], words) if status in kinds else None

    def read(self, payloads: Sequence[Payload]) -> FeedRows:
        """Read payloads into the frames of the mapping; unknown keys are kept and counted, odd records set aside."""
        from morningline.domains.racing.feeds.racing_api.frames import read

        return read(payloads)


def _options(settings: FeedSettings) -> Options:
    return settings.options if isinstance(settings.options, Options) else Options()


def _why_no_cards(day: date, today: date, plan: str) -> str | None:
    if plan != "pro":
        if today <= day <= today + timedelta(days=1):
            return None
        return f"the {plan} plan gives the cards of today and tomorrow only; others need the Pro plan"
    if day < FIRST_CARD:
        return f"there are no cards before {FIRST_CARD}"
    if day > today + CARDS_AHEAD:
        return f"cards are given {CARDS_AHEAD.days} days ahead, to {today + CARDS_AHEAD}"
    return None


def _why_no_results(day: date, today: date, options: Options) -> str | None:
    if day > today:
        return "there are no results of a day to come"
    if options.plan in {"free", "basic"}:
        return None if day == today else f"the {options.plan} plan gives the results of today only"
    if day < FIRST_RESULT:
        return f"there are no results before {FIRST_RESULT}"
    if day < today - RESULTS_BACK and not options.history:
        return (
            f"results go back {RESULTS_BACK.days} days, to {today - RESULTS_BACK}, without the add-on of historical"
            " results; with it, set `history = true` in [feeds.racing_api]"
        )
    return None


class _Item(msgspec.Struct):
    race_id: str | None = None
    id: str | None = None
    region_code: str | None = None
    course: str | None = None
    off_dt: str | None = None


def _item_id(item: bytes) -> str:
    """The id of an item, or what else tells it from the others."""
    try:
        given = msgspec.json.decode(item, type=_Item)
    except FAULTS:
        return f"#{sha256(item).hexdigest()[:16]}"
    made = f"{given.course} {given.off_dt}" if given.course and given.off_dt else ""
    return given.race_id or given.id or given.region_code or made or f"#{sha256(item).hexdigest()[:16]}"


def _horse_id(body: bytes) -> str:
    try:
        given = msgspec.json.decode(body, type=_Item)
    except FAULTS as error:
        raise BrokenBodyError(
            f"A body of {len(body)} bytes is no horse of The Racing API: {error}. It begins with {body[:60]!r}.",
            allowed="a JSON object",
            do="It is asked for again by itself. If it stays so, look at the body in the raw archive.",
        ) from error
    return given.id or ""


def _next(ask: Ask, found: int, total: int | None) -> Ask | None:
    """The next page: where races are missing to the total, or might be where no total is given."""
    params = dict(ask.params)
    if "skip" not in params or not found:
        return None
    skip = int(params["skip"]) + found
    if skip >= total if total is not None else found < int(params["limit"]):
        return None
    turned = tuple((name, str(skip) if name == "skip" else value) for name, value in ask.params)
    return Ask(
        endpoint=ask.endpoint,
        path=ask.path,
        params=turned,
        limit=ask.limit,
        day=ask.day,
        generation=ask.generation,
    )


def _detail(body: bytes) -> str:
    """What an error body says: its detail, the messages in it, or its beginning where it is no JSON."""
    try:
        said: Any = msgspec.json.decode(body)
    except FAULTS:
        return body[:200].decode(errors="replace")
    detail = said.get("detail", said) if isinstance(said, dict) else said
    if isinstance(detail, list):
        return "; ".join(_validation(each) for each in detail)
    return detail if isinstance(detail, str) else msgspec.json.encode(detail).decode()[:200]


def _validation(entry: object) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    place = ".".join(map(str, entry.get("loc", ())))
    return f"{place}: {entry.get('msg', '')}" if place else str(entry.get("msg", entry))
