"""Faults: each kind happens, the same way for the same seed, and five patient attempts get through all of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import date
from typing import Any

import httpx2
import pytest
from asking import ACCOUNT, asking, days

from morningline.domains.racing.simulator.faults import IN_A_ROW, PROFILES, Faults
from morningline.domains.racing.simulator.places import REGIONS

TARGETS = [f"/v1/results?start_date={day}&end_date={day}" for day in days(date(2022, 1, 1), 120)]
ATTEMPTS = 5


def usable(answer: httpx2.Response) -> bool:
    if answer.status_code != 200:
        return False
    try:
        return "total" in answer.json()
    except json.JSONDecodeError:
        return False


def attempts(client: httpx2.Client, target: str) -> int:
    """How often a call had to be made until it was answered."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if usable(client.get(target)):
                return attempt
        except httpx2.TransportError:
            pass
    pytest.fail(f"{target} was not answered in {ATTEMPTS} attempts")


@pytest.mark.parametrize("profile", ["flaky", "storm"])
def test_five_attempts_get_every_day(profile: str) -> None:
    with asking(faults=profile, hold_seconds=0.2) as feed:
        client = httpx2.Client(base_url=feed.simulator.url, auth=ACCOUNT, timeout=5.0)
        with client:
            tried = [attempts(client, target) for target in TARGETS]
        faults = Counter(call.fault for call in feed.simulator.log)
    assert max(tried) > 1
    assert sum(tried) == sum(faults.values())
    assert 0.01 < 1 - faults[""] / sum(tried) < 0.5
    clean = PROFILES[profile].keys()
    assert set(faults) - {""} <= clean


def met_at_once(fault: str) -> str:
    """A call that meets a fault when it is made for the first time."""
    targets = (f"/v1/courses?region_codes={a}&region_codes={b}" for a in REGIONS for b in REGIONS)
    return next(target for target in targets if Faults("flaky", 20).meet(target) == fault)


def test_every_transport_fault_looks_as_it_should() -> None:
    with asking(faults="flaky", hold_seconds=0.3) as feed:
        for lost in ("reset", "no answer"):
            started = time.monotonic()
            with pytest.raises(httpx2.TransportError):
                feed.get(met_at_once(lost))
            assert (time.monotonic() - started >= 0.3) == (lost == "no answer")
        gateway = feed.get(met_at_once("gateway"))
        assert (gateway.status_code, gateway.text[:6]) == (502, "<html>")
        assert gateway.headers["content-type"] == "text/html"
        refused = feed.get(met_at_once("too many"))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        truncated = feed.get(met_at_once("truncated"))
        assert truncated.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            truncated.json()
        started = time.monotonic()
        assert feed.get(met_at_once("drip")).json()["total"] >= 0
        assert time.monotonic() - started > 0.2
        assert {call.fault for call in feed.simulator.log} == set(PROFILES["flaky"])


def test_faults_depend_on_the_seed_and_on_how_often_a_thing_was_asked_only() -> None:
    def met(seed: int, order: list[str]) -> dict[str, list[str]]:
        faults, found = Faults("flaky", seed), {}
        for target in order * 3:
            found.setdefault(target, []).append(faults.meet(target))
        return found

    assert met(20, TARGETS) == met(20, TARGETS[::-1])
    assert met(20, TARGETS) != met(21, TARGETS)


@pytest.mark.parametrize("profile", ["flaky", "storm", "dirty"])
def test_nothing_fails_more_than_three_times_in_a_row(profile: str) -> None:
    faults = Faults(profile, 20)
    row = 0
    for _ in range(20_000):
        row = row + 1 if faults.meet("/v1/results") else 0
        assert row <= IN_A_ROW


def test_dirty_bodies_have_unknown_missing_and_wrong_things() -> None:
    runner = {"horse_id": "hrs_1", "age": "4", "weight_lbs": "133"}
    clean = {"race_id": "", "off_dt": "2026-05-01T13:30:00+01:00", "race_name": "A Race", "runners": [runner, runner]}
    body, faults = json.dumps(clean).encode(), Faults("dirty", 20)
    soiled = [json.loads(faults.soiled(f"rac_{number}", body)) for number in range(3000)]
    different = [race for race in soiled if race != clean]
    assert 60 < len(different) < 120
    kinds = {
        "unknown key": any("sectionals_available" in race for race in different),
        "missing key": any("off_dt" not in race for race in different),
        "null runners": any(race["runners"] is None for race in different),
        "no id": any("horse_id" not in race["runners"][0] for race in different if race["runners"]),
        "number": any(isinstance(race["runners"][0]["age"], int) for race in different if race["runners"]),
        "text": any(race["runners"][0]["weight_lbs"] == "heavy" for race in different if race["runners"]),
        "list": any(isinstance(race["race_name"], list) for race in different),
    }
    assert all(kinds.values()), kinds


def test_dirty_bodies_are_dirty_in_the_same_way_each_time() -> None:
    def told(faults: str) -> list[dict[str, Any]]:
        with asking(faults=faults) as feed:
            return [race for day in days(date(2026, 5, 1), 7) for race in feed.results(day)]

    dirty, clean = told("dirty"), told("none")
    assert dirty == told("dirty")
    assert len(dirty) == len(clean)
    assert dirty != clean


def test_a_page_shrinks_between_two_calls_and_is_whole_again() -> None:
    shrunk = 0
    with asking(faults="dirty") as feed:
        for day in days(date(2026, 5, 1), 12):
            asked = (("start_date", str(day)), ("end_date", str(day)), ("limit", "10"), ("skip", "10"))
            first, *others = [feed.json("/v1/results", *asked) for _ in range(6)]
            totals = [page["total"] for page in (first, *others)]
            assert max(totals) - min(totals) <= 1
            shrunk += max(totals) != min(totals)
            assert feed.json("/v1/results", *asked[:3])["total"] == max(totals)
    assert shrunk


def test_without_faults_there_are_none() -> None:
    with asking() as feed:
        for target in TARGETS[:30]:
            assert usable(feed.get(target)) or feed.get(target).status_code == 404
        assert {call.fault for call in feed.simulator.log} == {""}
