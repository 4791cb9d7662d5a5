"""Thin days: the feed looks well and gives less, the same less each time, and all of it on every other day."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from asking import Asker, asking, days

from morningline.domains.racing.simulator import thinned
from morningline.domains.racing.simulator.thinning import RACES, RUNNERS

FIRST = date(2024, 1, 1)
COLUMNS = {"no jockey": "jockey_id", "no weight": "lbs", "no rating": "ofr", "no draw": "draw", "no age": "age"}


def day_of(kind: str) -> date:
    return next(day for day in days(FIRST, 1500) if thinned(day, 20) == kind)


def runners(races: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [runner for race in races for runner in race["runners"]]


def test_one_day_in_twelve_is_thin_in_one_of_nine_ways() -> None:
    kinds = Counter(thinned(day, 20) for day in days(FIRST, 3000))
    assert 180 < 3000 - kinds.pop("") < 300
    assert len(kinds) == 9
    assert min(kinds.values()) > 10
    assert [thinned(day, 21) for day in days(FIRST, 99)] != [thinned(day, 20) for day in days(FIRST, 99)]
    assert thinned(FIRST, 20) == thinned(FIRST.toordinal(), 20)


def test_what_a_day_lacks_is_gone_from_cards_and_results_alike() -> None:
    with asking() as whole, asking(faults="thin") as thin:
        for kind, column in COLUMNS.items():
            day = day_of(kind)
            assert not any(runner[column] for runner in runners(thin.cards(day)))
            assert any(runner[column] for runner in runners(whole.cards(day)))
            assert len(runners(thin.results(day))) == len(runners(whole.results(day)))
        priceless = day_of("no price")
        assert {runner["sp_dec"] for runner in runners(thin.results(priceless))} == {""}
        _assert_half(whole, thin, day_of(RUNNERS), of_runners=True)
        _assert_half(whole, thin, day_of(RACES), of_runners=False)


def _assert_half(whole: Asker, thin: Asker, day: date, *, of_runners: bool) -> None:
    for ask in (Asker.cards, Asker.results):
        given, all_of_it = ask(thin, day), ask(whole, day)
        if of_runners:
            share = len(runners(given)) / len(runners(all_of_it))
            assert len(given) == len(all_of_it)
        else:
            share = len(given) / len(all_of_it)
            assert all(race in all_of_it for race in given)
        assert 0.4 < share < 0.6
    on_card = {runner["horse_id"] for runner in runners(thin.cards(day))}
    assert {runner["horse_id"] for runner in runners(thin.results(day))} <= on_card


def test_other_days_are_given_whole_and_a_page_still_counts_what_it_holds() -> None:
    clean = next(day for day in days(FIRST, 30) if not thinned(day, 20))
    with asking() as whole, asking(faults="thin") as thin:
        assert thin.cards(clean) == whole.cards(clean)
        assert thin.results(clean) == whole.results(clean)
        day = day_of(RACES)
        page = thin.json("/v1/results", ("start_date", str(day)), ("end_date", str(day)), ("limit", "100"))
        assert page["total"] == len(page["results"])
