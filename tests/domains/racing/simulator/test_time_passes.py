"""As the simulator's clock moves on: declarations, withdrawals, prices, results and their late corrections."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asking import Asker, asking, days

from morningline.domains.racing.simulator.corrections import corrected_at
from morningline.domains.racing.simulator.fields import NEVER
from morningline.domains.racing.simulator.race_words import race_id
from morningline.domains.racing.simulator.week import Week, monday_of, race_week

DAY = date(2026, 7, 4)
SEED = 20


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def non_runners(cards: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (race["race_id"], runner["horse_id"])
        for race in cards
        for runner in race["runners"]
        if runner["number"] == "NR" or runner["jockey"].startswith("NON-RUNNER")
    }


def prices(cards: list[dict[str, Any]]) -> list[str]:
    return [odds["decimal"] for race in cards for runner in race["runners"] for odds in runner["odds"]]


def weeks(first: date, count: int) -> list[Week]:
    return [race_week(SEED, monday_of(day.toordinal())) for day in days(first, count * 7)[::7]]


def test_results_appear_minutes_after_the_off_and_never_before() -> None:
    with asking() as feed:
        for hour in (9, 14, 17, 22):
            now = at(DAY, hour)
            feed.simulator.set_clock(now)
            offs = [datetime.fromisoformat(race["off_dt"]) for race in feed.results(DAY)]
            assert all(off + timedelta(minutes=7) <= now for off in offs)
            cards = [race for race in feed.cards(DAY) if not race["is_abandoned"]]
            due = [race for race in cards if datetime.fromisoformat(race["off_dt"]) + timedelta(minutes=21) <= now]
            assert len(offs) >= len(due)
        today = feed.json("/v1/results/today", ("limit", "100"))
        assert today["total"] == len(feed.results(DAY))


def test_cards_of_the_day_fill_with_non_runners_and_jockeys_change() -> None:
    with asking() as feed:
        known: set[tuple[str, str]] = set()
        riders = []
        for moment in (at(DAY - timedelta(days=1), 9), at(DAY, 5), at(DAY, 9), at(DAY, 13), at(DAY, 22)):
            feed.simulator.set_clock(moment)
            cards = feed.cards(DAY)
            now = non_runners(cards)
            assert known <= now
            known = now
            riders.append({(r["race_id"], x["horse_id"]): x["jockey"] for r in cards for x in r["runners"]})
        assert len(known) > 5
        changed = [key for key, rider in riders[-1].items() if key not in known and riders[0][key] != rider]
        assert changed


def test_entries_days_ahead_have_no_riders_no_stalls_no_going_and_no_prices() -> None:
    with asking() as feed:
        feed.simulator.set_clock(at(DAY - timedelta(days=5), 9))
        for race in feed.cards(DAY):
            assert (race["field_size"], race["going"]) == ("0", "")
            for runner in race["runners"]:
                assert (runner["jockey"], runner["jockey_id"], runner["draw"]) == ("", "", "0")
                assert runner["odds"] == []


def test_odds_move_until_the_off_and_then_stay() -> None:
    with asking() as feed:
        feed.simulator.set_clock(at(DAY, 7))
        morning = prices(feed.cards(DAY))
        feed.simulator.set_clock(at(DAY, 7, 1))
        assert prices(feed.cards(DAY)) == morning
        feed.simulator.set_clock(at(DAY, 12))
        noon = prices(feed.cards(DAY))
        assert sum(a != b for a, b in zip(morning, noon, strict=True)) > len(noon) / 10
        feed.simulator.set_clock(at(DAY + timedelta(days=2), 12))
        late = feed.cards(DAY)
        feed.simulator.set_clock(at(DAY + timedelta(days=30), 12))
        assert feed.cards(DAY) == late


def test_the_odds_of_a_runner_tell_how_they_came_about_since_march_2025(feed: Asker) -> None:
    race = next(race for race in feed.cards(DAY) if race["region"] == "GB" and not race["is_abandoned"])
    runner = next(r for r in race["runners"] if r["number"] != "NR")
    told = feed.json(f"/v1/odds/{race['race_id']}/{runner['horse_id']}")
    assert [o["decimal"] for o in told["odds"]] == [o["decimal"] for o in runner["odds"]]
    assert any(len(odds["history"]) > 1 for odds in told["odds"])
    for odds in told["odds"]:
        times = [step["changed_at"] for step in odds["history"]]
        assert times == sorted(times)
        assert odds["history"][-1]["decimal"] == odds["decimal"]
    old = next(race for race in feed.cards(date(2024, 7, 6)) if race["region"] == "GB")
    told = feed.json(f"/v1/odds/{old['race_id']}/{old['runners'][0]['horse_id']}")
    assert all(odds["history"] == [] for odds in told["odds"])


def corrections(what: int) -> tuple[str, date, timedelta]:
    """A race whose result changes in a given way, its day, and after how long."""
    for week in weeks(date(2025, 1, 6), 60):
        kinds, minutes = corrected_at(SEED, week)
        for race in np.flatnonzero(kinds == what).tolist():
            if week.fields.abandoned_at[race] == NEVER:
                day = int(week.fields.day[race])
                found = race_id(day, int(week.fields.number[race]))
                return found, date.fromordinal(day), timedelta(minutes=int(minutes[race]))
    raise AssertionError


@pytest.mark.parametrize("what", [1, 2, 3])
def test_a_result_is_corrected_days_later(what: int) -> None:
    identity, day, later = corrections(what)
    with asking() as feed:
        feed.simulator.set_clock(at(day, 0) + later - timedelta(hours=3))
        before = feed.json(f"/v1/results/{identity}")
        feed.simulator.set_clock(at(day, 0) + later + timedelta(hours=3))
        after = feed.json(f"/v1/results/{identity}")
        old = {r["horse_id"]: r["position"] for r in before["runners"]}
        new = {r["horse_id"]: r["position"] for r in after["runners"]}
        lengths = [[r["ovr_btn"] for r in race["runners"]] for race in (before, after)]
        if what == 1:
            assert later > timedelta(days=7)
            winner = before["runners"][0]["horse_id"]
            assert new[winner] == "DSQ"
            assert after["runners"][0]["position"] == "1"
            assert after["runners"][0]["ovr_btn"] == "0"
        elif what == 2:
            assert new == old
            assert lengths[0] != lengths[1]
        else:
            swapped = {old[horse] for horse in old if new[horse] != old[horse]}
            assert swapped == {"2", "3"}
        days_results = feed.results(day)
        assert next(race for race in days_results if race["race_id"] == identity) == after


def test_a_meeting_is_abandoned_on_the_card_and_absent_from_the_results() -> None:
    struck = next(
        (week, race)
        for week in weeks(date(2025, 1, 6), 60)
        for race in np.flatnonzero(week.fields.abandoned_at != NEVER).tolist()
    )
    week, race = struck
    day = date.fromordinal(int(week.fields.day[race]))
    identity = race_id(day.toordinal(), int(week.fields.number[race]))
    with asking() as feed:
        feed.simulator.set_clock(at(day - timedelta(days=1), 12))
        assert not any(card["is_abandoned"] for card in feed.cards(day))
        feed.simulator.set_clock(at(day + timedelta(days=1), 12))
        assert next(c for c in feed.cards(day) if c["race_id"] == identity)["is_abandoned"]
        assert identity not in {race["race_id"] for race in feed.results(day)}
        assert feed.get(f"/v1/results/{identity}").status_code == 404


def test_dead_heats_share_a_place_and_the_next_one_is_left_out() -> None:
    for week in weeks(date(2025, 3, 3), 40):
        first = np.bincount(week.fields.race[week.outcome == 1], minlength=len(week.fields.day))
        for race in np.flatnonzero(first == 2).tolist():
            rows = slice(*week.fields.first[race : race + 2].tolist())
            places = sorted(week.outcome[rows][week.outcome[rows] > 0].tolist())
            assert places[:3] in ([1, 1, 3], [1, 1])
            identity = race_id(int(week.fields.day[race]), int(week.fields.number[race]))
            with asking() as feed:
                told = feed.json(f"/v1/results/{identity}")["runners"]
            assert [r["position"] for r in told[:2]] == ["1", "1"]
            assert [r["ovr_btn"] for r in told[:2]] == ["0", "0"]
            return
    pytest.fail("forty weeks without a dead heat")


def test_the_clock_is_set_over_http_and_refuses_what_is_no_time() -> None:
    with asking() as feed:
        now = "2026-03-01T12:34:00+00:00"
        assert feed.client.put("/simulator/clock", params={"now": now}).json() == {"now": now}
        assert feed.json("/v1/racecards/free")["racecards"][0]["date"] == "2026-03-01"
        assert feed.client.put("/simulator/clock", params={"now": "2026-03-02"}).status_code == 200
        assert feed.client.get("/simulator/clock").json()["now"].startswith("2026-03-02T12:00")
        for wrong in ("soon", "2026-03-01T12:00:00", "1999-01-01"):
            assert feed.client.put("/simulator/clock", params={"now": wrong}).status_code == 422
        assert [call for call in feed.simulator.log if "simulator" in call.target] == []


def test_the_real_clock_is_followed_unless_one_is_set() -> None:
    with asking(today=None) as feed:
        shown = datetime.fromisoformat(feed.client.get("/simulator/clock").json()["now"])
    assert abs(shown - datetime.now(UTC)) < timedelta(minutes=1)
