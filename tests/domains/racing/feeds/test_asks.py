"""What The Racing API is asked by plan and day, page by page, and what its refusals mean."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from racing_api_facts import card, cards, result, results

from morningline.domains.racing.feeds.racing_api import Options, feed
from morningline.kit.errors import BrokenBodyError, InputError
from morningline.kit.plugins import load_plugins
from morningline.sources.feed import FEEDS, Ask, Refusal
from morningline.sources.feed_settings import FeedSettings

TODAY = date(2026, 3, 1)


def settings(**options: Any) -> FeedSettings:
    return FeedSettings(name="racing_api", url=feed.url, options=Options(**options))


def ask(endpoint: str, day: date | None = TODAY, **options: Any) -> Ask:
    made = feed.first(endpoint, day, settings(**options), today=TODAY, generation=1)
    assert made is not None
    return made


def why_not(endpoint: str, day: date | None, **options: Any) -> str | None:
    given = settings(**options)
    why = feed.why_not(endpoint, day, given, TODAY)
    assert (why is None) == (feed.first(endpoint, day, given, today=TODAY, generation=1) is not None)
    return why


def test_the_feed_is_found_by_its_name() -> None:
    assert load_plugins(FEEDS)["racing_api"] is feed


def test_regions_are_repeated_and_named_differently_by_cards_and_results() -> None:
    regions = ("GB", "ire")
    assert [p for p in ask("racecards", regions=regions).params if "region" in p[0]] == [
        ("region_codes", "gb"),
        ("region_codes", "ire"),
    ]
    assert [p for p in ask("results", regions=regions).params if "region" in p[0]] == [
        ("region", "gb"),
        ("region", "ire"),
    ]
    assert ask("courses", None, regions=regions).params == (("region_codes", "gb"), ("region_codes", "ire"))


def test_a_day_of_results_is_asked_for_with_both_its_dates_fifty_races_a_page() -> None:
    made = ask("results", date(2026, 2, 1))
    assert (made.path, made.limit) == ("/v1/results", "other")
    assert made.params == (("start_date", "2026-02-01"), ("end_date", "2026-02-01"), ("limit", "50"), ("skip", "0"))
    assert ("limit", "100") in ask("results", page=100).params


@pytest.mark.parametrize(
    ("plan", "limit"), [("free", "free"), ("basic", "racecards"), ("standard", "racecards"), ("pro", "racecards")]
)
def test_cards_are_asked_for_at_the_level_of_the_plan(plan: str, limit: str) -> None:
    today, tomorrow = (ask("racecards", TODAY + timedelta(days=n), plan=plan) for n in (0, 1))
    assert (today.path, today.limit) == (f"/v1/racecards/{plan}", limit)
    if plan == "pro":
        assert today.params[0] == ("date", "2026-03-01")
    else:
        assert (today.params[0], tomorrow.params[0]) == (("day", "today"), ("day", "tomorrow"))
    assert today.params[1:] == (("limit", "500"), ("skip", "0"))


def test_each_plan_has_its_own_way_to_the_results_of_today() -> None:
    found = {plan: ask("results", plan=plan) for plan in ("free", "basic", "standard", "pro")}
    assert {plan: made.path for plan, made in found.items()} == {
        "free": "/v1/results/today/free",
        "basic": "/v1/results/today",
        "standard": "/v1/results",
        "pro": "/v1/results",
    }
    assert {made.limit for plan, made in found.items() if plan != "free"} == {"other"}
    assert found["free"].limit == "free"


@pytest.mark.parametrize(
    ("endpoint", "day", "options", "words"),
    [
        ("racecards", date(2023, 1, 23), {}, None),
        ("racecards", date(2023, 1, 22), {}, "no cards before 2023-01-23"),
        ("racecards", date(2026, 3, 8), {}, None),
        ("racecards", date(2026, 3, 9), {}, "7 days ahead"),
        ("racecards", date(2026, 2, 28), {"plan": "standard"}, "the standard plan gives the cards of today and tomo"),
        ("racecards", date(2026, 3, 3), {"plan": "free"}, "need the Pro plan"),
        ("results", date(2025, 3, 1), {}, None),
        ("results", date(2025, 2, 28), {}, "history = true"),
        ("results", date(1988, 1, 1), {"history": True}, None),
        ("results", date(1987, 12, 31), {"history": True}, "no results before 1988-01-01"),
        ("results", date(2026, 3, 2), {"history": True}, "a day to come"),
        ("results", date(2026, 2, 28), {"plan": "basic"}, "the basic plan gives the results of today only"),
        ("courses", None, {"plan": "free"}, None),
    ],
)
def test_what_a_plan_or_a_day_cannot_have_is_not_asked_for_and_said(
    endpoint: str, day: date | None, options: dict[str, Any], words: str | None
) -> None:
    said = why_not(endpoint, day, **options)
    assert said is None if words is None else words in str(said)


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="'horse_races'"):
        feed.why_not("horse_races", TODAY, settings(), TODAY)


# --- pages ---------------------------------------------------------------------------------------------------


def follow(made: Ask | None, pages: list[bytes]) -> tuple[list[str], list[str]]:
    """The ids of all the pages an ask leads to, and where each began."""
    ids: list[str] = []
    skips = []
    while made is not None:
        skips.append(dict(made.params)["skip"])
        page = feed.page(made, pages[len(skips) - 1])
        ids += page.ids
        made = page.next
    return ids, skips


def races(first: int, count: int) -> list[dict[str, Any]]:
    return [result(f"rac_{n}") for n in range(first, first + count)]


def test_pages_are_asked_for_until_the_total_which_counts_races() -> None:
    pages = [results(*races(n, size), total=120) for n, size in ((0, 50), (50, 50), (100, 20))]
    ids, skips = follow(ask("results"), pages)
    assert skips == ["0", "50", "100"]
    assert ids == [f"rac_{n}" for n in range(120)]


def test_a_total_of_a_whole_page_needs_no_second_page() -> None:
    assert follow(ask("results"), [results(*races(0, 50), total=50)])[1] == ["0"]


def test_an_empty_page_is_the_last_even_if_the_total_says_otherwise() -> None:
    pages = [results(*races(0, 50), total=60), results(total=60)]
    assert follow(ask("results"), pages)[1] == ["0", "50"]


def test_a_feed_that_gives_fewer_than_asked_for_loses_nothing() -> None:
    pages = [results(*races(n, 25), total=75) for n in (0, 25, 50)]
    assert follow(ask("results", page=100), pages)[1] == ["0", "25", "50"]


def test_without_a_total_a_full_page_may_have_another_behind_it() -> None:
    pages = [results(*races(0, 50), total=None), results(*races(50, 3), total=None)]
    assert follow(ask("results"), pages)[1] == ["0", "50"]


def test_courses_and_regions_are_not_paged() -> None:
    courses = json.dumps({"courses": [{"id": "crs_1"}, {"id": "crs_2"}], "total": 979}).encode()
    page = feed.page(ask("courses", None), courses)
    assert (page.total, page.ids, page.next) == (979, ("crs_1", "crs_2"), None)
    page = feed.page(ask("regions", None), b'[{"region": "France", "region_code": "fr"}]')
    assert (page.ids, page.next) == (("fr",), None)


def test_the_races_of_a_card_without_ids_are_told_apart() -> None:
    one, two = card(), card(off_dt="2025-07-01T15:05:00+01:00")
    for race in (one, two):
        del race["race_id"]
    assert len(set(feed.page(ask("racecards"), cards(one, two)).ids)) == 2


def test_an_odd_race_does_not_make_its_page_unusable() -> None:
    page = feed.page(ask("results"), results(result("rac_1"), "odd", result("rac_2", race_id=5)))  # type: ignore[arg-type]
    assert (page.total, page.ids[0], len(set(page.ids))) == (3, "rac_1", 3)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><title>502 Bad Gateway</title></html>",
        results(result())[:-40],
        b"",
        b"[]",
        b"null",
        b'{"detail": "Not Found"}',
        b'{"results": {}, "total": 0}',
        b'{"racecards": [], "total": 0}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_document_of_the_endpoint_is_a_broken_body(body: bytes) -> None:
    with pytest.raises(BrokenBodyError):
        feed.page(ask("results"), body)


def test_one_horse_is_asked_for_by_its_id() -> None:
    made = feed.detail("horses", "hrs_5")
    assert (made.path, made.limit) == ("/v1/horses/hrs_5/pro", "other")
    assert feed.page(made, b'{"id": "hrs_5", "name": "A"}').ids == ("hrs_5",)
    with pytest.raises(BrokenBodyError):
        feed.page(made, b"<html>")


# --- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b'{"detail":"Standard Plan required"}', Refusal.PLAN, "Standard Plan required"),
        (401, b'{"detail":"Not authenticated"}', Refusal.CREDENTIALS, "Not authenticated"),
        (401, b"<html>Unauthorized</html>", Refusal.CREDENTIALS, "<html>Unauthorized</html>"),
        (402, b"{}", Refusal.PLAN, "{}"),
        (403, b'{"detail":"Forbidden"}', Refusal.PLAN, "Forbidden"),
        (404, b'{"detail":"Not Found"}', Refusal.NOTHING, "Not Found"),
        (
            422,
            b'{"detail":[{"loc":["query","name"],"msg":"field required","type":"value_error.missing"}]}',
            Refusal.INVALID,
            "query.name: field required",
        ),
        (
            422,
            b'{"detail":[{"type":"missing","loc":["query","region"],"msg":"Field required","input":null,"ctx":{}}]}',
            Refusal.INVALID,
            "query.region: Field required",
        ),
    ],
)
def test_a_plan_that_is_too_low_is_told_from_bad_credentials_and_both_from_no_data(
    status: int, body: bytes, kind: Refusal, words: str
) -> None:
    assert feed.refusal(status, body) == (kind, words)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_may_pass_is_no_refusal(status: int) -> None:
    assert feed.refusal(status, b'{"detail":"Rate limit exceeded: 1 per 1 second"}') is None


def test_the_settings_on_the_feeds_page_are_those_of_the_code() -> None:
    page = (Path(__file__).parents[4] / "docs" / "reference" / "racing-api.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", page.partition("## What is asked")[0], re.MULTILINE))
    shown = {f.name: "none" if f.default == () else json.dumps(f.default) for f in fields(Options)}
    assert {key: value.strip() for key, value in said.items()} == shown
    assert feed.username_env in page
    assert feed.password_env in page
