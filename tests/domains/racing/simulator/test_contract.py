"""The simulator keeps the contract of the feed: shapes, accounts, plans, pages, refusals and limits."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from asking import ACCOUNT, TODAY, Asker, asking, plans

from morningline.domains.racing.simulator import PLANS, Account, SimulatorSettings
from morningline.kit.errors import InputError

DOCUMENT = Path(__file__).parents[5] / "shared" / "reference" / "racing_api" / "openapi-1.4.3.json"
DAY = date(2026, 7, 4)
# What the feed added in 2026 without documenting it.
UNDOCUMENTED = {"performance_rating", "speed_rating"}


def query(day: date) -> tuple[tuple[str, str], ...]:
    return ("start_date", str(day)), ("end_date", str(day))


def every_endpoint(feed: Asker) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Each documented path that is served, as documented, as asked, and its query."""
    race = feed.results(DAY)[0]["race_id"]
    horse = feed.results(DAY)[0]["runners"][0]["horse_id"]
    lists = [(f"/v1/racecards/{level}", (("day", day),)) for level in PLANS[:3] for day in ("today", "tomorrow")]
    return [
        *((path, path, params) for path, params in lists),
        ("/v1/racecards/pro", "/v1/racecards/pro", (("date", str(DAY)),)),
        ("/v1/racecards/pro", "/v1/racecards/pro", (("date", "2026-09-18"),)),
        ("/v1/racecards/pro", "/v1/racecards/pro", (("date", "2015-01-01"),)),
        ("/v1/racecards/summaries", "/v1/racecards/summaries", ()),
        ("/v1/racecards/{race_id}/standard", f"/v1/racecards/{race}/standard", ()),
        ("/v1/racecards/{race_id}/pro", f"/v1/racecards/{race}/pro", ()),
        ("/v1/courses", "/v1/courses", ()),
        ("/v1/courses/regions", "/v1/courses/regions", ()),
        ("/v1/results", "/v1/results", query(DAY)),
        ("/v1/results", "/v1/results", query(date(2015, 1, 1))),
        ("/v1/results/today", "/v1/results/today", ()),
        ("/v1/results/today/free", "/v1/results/today/free", ()),
        ("/v1/results/{race_id}", f"/v1/results/{race}", ()),
        ("/v1/horses/{horse_id}/pro", f"/v1/horses/{horse}/pro", ()),
        ("/v1/horses/{horse_id}/standard", f"/v1/horses/{horse}/standard", ()),
        ("/v1/odds/{race_id}/{horse_id}", f"/v1/odds/{race}/{horse}", ()),
    ]


def unknown_keys(value: Any, schema: dict[str, Any], names: dict[str, Any]) -> set[str]:
    """Keys of objects that the document does not have."""
    if "$ref" in schema:
        return unknown_keys(value, names[schema["$ref"].rsplit("/", 1)[1]], names)
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        return set() if value is None or len(options) != 1 else unknown_keys(value, options[0], names)
    if isinstance(value, list):
        return {key for item in value for key in unknown_keys(item, schema.get("items", {}), names)}
    if isinstance(value, dict) and "properties" in schema:
        own = schema["properties"]
        inner = {key for k in value if k in own for key in unknown_keys(value[k], own[k], names)}
        return inner | (value.keys() - own.keys())
    return set()


@pytest.mark.shared
@pytest.mark.skipif(not DOCUMENT.is_file(), reason="needs the feed's OpenAPI document beside the checkout")
def test_every_answer_is_of_the_shape_the_feed_documents() -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    with asking() as feed:
        feed.simulator.set_clock(None)
        feed.client.put("/simulator/clock", params={"now": "2026-09-12T20:00:00Z"})
        for documented, path, params in every_endpoint(feed):
            schema = document["paths"][documented]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            body = feed.json(path, *params)
            fastjsonschema.compile({**schema, "components": document["components"]})(body)
            assert unknown_keys(body, schema, document["components"]["schemas"]) <= UNDOCUMENTED, path
            assert body, path


@pytest.mark.shared
@pytest.mark.skipif(not DOCUMENT.is_file(), reason="needs the feed's OpenAPI document beside the checkout")
def test_a_refused_query_is_explained_in_the_documented_shape() -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    schema = {"$ref": "#/components/schemas/HTTPValidationError", "components": document["components"]}
    with asking() as feed:
        answer = feed.get("/v1/results", ("limit", "many"), ("region_codes", "gb"))
    assert answer.status_code == 422
    fastjsonschema.compile(schema)(answer.json())


def test_nobody_without_the_right_name_and_password_is_answered() -> None:
    with asking() as feed:
        for account, said in (
            (None, "Not authenticated"),
            (("user", "wrong"), "Incorrect username or password"),
            (("nobody", "password"), "Incorrect username or password"),
        ):
            asker = Asker(feed.simulator, account)
            with asker.client:
                answer = asker.get("/v1/courses")
            assert (answer.status_code, answer.json()) == (401, {"detail": said})
            assert answer.headers["www-authenticate"] == "Basic"


def test_a_plan_admits_to_its_own_endpoints_and_names_the_plan_that_is_missing() -> None:
    needs = {
        "/v1/courses": "free",
        "/v1/racecards/free": "free",
        "/v1/racecards/basic": "basic",
        "/v1/racecards/standard": "standard",
        "/v1/racecards/pro": "pro",
        "/v1/results": "standard",
        "/v1/results/today/free": "free",
        "/v1/results/today": "basic",
        "/v1/horses/hrs_3000000/pro": "pro",
    }
    with asking(accounts=plans(*PLANS)) as feed:
        for plan in PLANS:
            asker = Asker(feed.simulator, (plan, plan))
            with asker.client:
                for path, needed in needs.items():
                    answer = asker.get(path, *(query(DAY) if path == "/v1/results" else ()))
                    if PLANS.index(plan) >= PLANS.index(needed):
                        assert answer.status_code in {200, 404}, (plan, path)
                    else:
                        assert answer.status_code == 401
                        assert answer.json() == {"detail": f"{needed.capitalize()} Plan required"}


@pytest.mark.parametrize(
    ("path", "params", "name", "kind"),
    [
        ("/v1/results", [("region_codes", "gb")], "region_codes", "extra_forbidden"),
        ("/v1/results", [("date", "2026-07-04")], "date", "extra_forbidden"),
        ("/v1/racecards/pro", [("region", "gb")], "region", "extra_forbidden"),
        ("/v1/results", [("limit", "101")], "limit", "less_than_equal"),
        ("/v1/results", [("limit", "0")], "limit", "greater_than_equal"),
        ("/v1/results", [("limit", "ten")], "limit", "int_parsing"),
        ("/v1/results", [("skip", "20001")], "skip", "less_than_equal"),
        ("/v1/racecards/pro", [("skip", "501")], "skip", "less_than_equal"),
        ("/v1/racecards/pro", [("limit", "501")], "limit", "less_than_equal"),
        ("/v1/results", [("region", "gb,ire")], "region", "literal_error"),
        ("/v1/results", [("start_date", "04/07/2026")], "start_date", "date_from_datetime_parsing"),
        ("/v1/racecards/free", [("day", "yesterday")], "day", "literal_error"),
        ("/v1/results", [("start_date", "2020-01-01"), ("end_date", "2022-01-01")], "start_date", "value_error"),
    ],
)
def test_what_may_not_be_asked_is_refused_in_the_words_of_pydantic_2(
    feed: Asker, path: str, params: list[tuple[str, str]], name: str, kind: str
) -> None:
    answer = feed.get(path, *params)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"]) == (kind, ["query", name])
    assert fault["msg"]


def test_unknown_paths_and_ids_are_not_found(feed: Asker) -> None:
    for path in ("/v1/horses", "/v1/racecards/rac_1", "/v1/results/rac_99999999", "/v1/horses/hrs_1/pro", "/"):
        answer = feed.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"}), path


def test_pages_add_up_to_the_total_and_echo_the_query(feed: Asker) -> None:
    whole = feed.results(DAY)
    found: list[dict[str, Any]] = []
    while len(found) < len(whole):
        params = (*query(DAY), ("region", "gb"), ("region", "ire"), ("limit", "7"), ("skip", str(len(found))))
        page = feed.json("/v1/results", *params)
        assert page["query"] == [list(pair) for pair in params]
        assert (page["limit"], page["skip"]) == (7, len(found))
        found += page["results"]
        if len(found) >= page["total"]:
            break
    expected = [race for race in whole if race["region"] in {"GB", "IRE"}]
    assert found == expected
    assert page["total"] == len(expected) > 7
    beyond = feed.json("/v1/results", *query(DAY), ("skip", "500"))
    assert beyond["results"] == []
    assert beyond["total"] == len(whole)


def test_without_a_limit_a_page_of_results_has_fifty_races_and_one_of_cards_five_hundred(feed: Asker) -> None:
    results = feed.json("/v1/results", ("start_date", "2026-06-01"), ("end_date", "2026-06-10"))
    assert len(results["results"]) == results["limit"] == 50 < results["total"]
    assert feed.json("/v1/racecards/pro")["limit"] == 500


def test_a_course_overrides_a_region(feed: Asker) -> None:
    course = next(race["course_id"] for race in feed.cards(DAY) if race["region"] == "IRE")
    found = feed.cards(DAY, ("region_codes", "gb"), ("course_ids", course))
    assert {race["course_id"] for race in found} == {course}


def test_filters_leave_what_they_say(feed: Asker) -> None:
    whole = feed.results(DAY)
    hurdles = feed.results(DAY, ("type", "hurdle"), ("type", "chase"))
    assert hurdles == [race for race in whole if race["type"] in {"Hurdle", "Chase"}]
    long_ones = feed.results(DAY, ("min_distance_y", "3000"), ("max_distance_y", "4000"))
    assert long_ones == [race for race in whole if 3000 <= int(race["dist_y"]) <= 4000]


def test_masters_say_how_many_courses_there_are_and_of_which_region(feed: Asker) -> None:
    page = feed.json("/v1/courses", ("region_codes", "gb"), ("region_codes", "ire"))
    assert page["total"] == len(page["courses"]) > 30
    assert {course["region_code"] for course in page["courses"]} == {"gb", "ire"}
    assert len(feed.json("/v1/courses/regions")) == 55


def test_a_day_without_racing_is_an_empty_list_or_not_found(feed: Asker) -> None:
    empty = feed.json("/v1/results", *query(date(2025, 12, 25)))
    assert (empty["results"], empty["total"]) == ([], 0)
    assert feed.get("/v1/results", *query(date(2024, 12, 25))).status_code == 404
    assert feed.get("/v1/racecards/pro", ("date", "2024-12-25")).status_code == 404
    # A region without racing on a day with racing is an empty list.
    nobody = feed.json("/v1/results", *query(DAY), ("region", "hk"))
    assert (nobody["results"], nobody["total"]) == ([], 0)


def test_cards_reach_a_week_ahead_and_back_to_the_first_day(feed: Asker) -> None:
    assert feed.cards(date(2026, 9, 19))
    assert feed.get("/v1/racecards/pro", ("date", "2026-09-20")).status_code == 404
    assert feed.cards(date(2015, 1, 1))
    assert feed.get("/v1/racecards/pro", ("date", "2014-12-31")).status_code == 404


def test_calls_beyond_the_limit_of_a_class_are_refused_and_the_others_pass() -> None:
    with asking(limits={"free": 1, "racecards": 2, "other": 5}) as feed:
        # The window slides from the first call; they all fit into a second.
        first = time.monotonic()
        statuses = [feed.get("/v1/courses").status_code for _ in range(3)]
        cards = [feed.get("/v1/racecards/pro", ("limit", "1")) for _ in range(4)]
        assert time.monotonic() - first < 5
        assert statuses[0] == 200
        assert 429 in statuses
        refused = [answer for answer in cards if answer.status_code == 429]
        if not refused:
            pytest.skip("the machine was too slow to ask three times in a second")
        assert refused[0].json() == {"detail": "Rate limit exceeded: 2 per 1 second"}
        assert refused[0].headers["retry-after"] == "1"


def test_the_log_shows_that_no_second_saw_more_than_the_limit() -> None:
    with asking(limits={"all": 20}, retry_after=False) as feed:
        for _ in range(120):
            answer = feed.get("/v1/courses/regions")
            assert answer.status_code == 200 or "retry-after" not in answer.headers
        passed = [call.at for call in feed.simulator.log if call.status == 200]
        assert len(feed.simulator.log) == 120
    for at in passed:
        assert sum(1 for other in passed if at <= other < at + 0.99) <= 20


def test_limits_count_per_account() -> None:
    accounts = (Account(), *plans("pro"))
    with asking(limits={"all": 1}, accounts=accounts) as feed:
        other = Asker(feed.simulator, ("pro", "pro"))
        with other.client:
            assert feed.get("/v1/courses").status_code == 200
            assert other.get("/v1/courses").status_code == 200


def test_the_log_tells_who_asked_what_and_what_came_of_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with asking(log_path=path) as feed:
        feed.get("/v1/courses", ("region_codes", "gb"))
        stranger = Asker(feed.simulator, ("user", "wrong"))
        with stranger.client:
            stranger.get("/v1/courses")
        first, second = feed.simulator.log
        served = feed.client.get("/simulator/log", params={"since": first.at}).text.splitlines()
        assert (first.target, first.account, first.status) == ("/v1/courses?region_codes=gb", "user", 200)
        assert first.bytes > 100
        assert abs(first.at - time.time()) < 60
        assert (second.account, second.status) == ("", 401)
        assert [json.loads(line)["status"] for line in served] == [200, 401]
        feed.simulator.clear_log()
        assert feed.simulator.log == []
    assert [json.loads(line)["status"] for line in path.read_text().splitlines()] == [200, 401]


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in (
        {"faults": "some"},
        {"limits": {"slow": 1.0}},
        {"limits": {"all": -1.0}},
        {"bookmakers": 29},
        {"seed": -1},
        {"first_day": date(1999, 1, 1)},
        {"accounts": (Account(plan="gold"),)},
    ):
        with pytest.raises(InputError):
            SimulatorSettings(**wrong)


def test_today_and_the_account_are_those_of_the_settings(feed: Asker) -> None:
    assert feed.json("/v1/racecards/free")["racecards"][0]["date"] == str(TODAY)
    assert ACCOUNT == ("user", "password")
