"""The simulated world: any day by itself, the same from the same seed, and worth learning from."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from asking import TODAY, asking, days

from morningline.domains.racing.simulator import true_probabilities
from morningline.domains.racing.simulator.board import LOGS
from morningline.domains.racing.simulator.history import library_of
from morningline.domains.racing.simulator.population import breed
from morningline.domains.racing.simulator.week import Week, monday_of, race_week

SEED = 20
SOME_DAYS = [date(2015, 1, 1), date(2022, 3, 5), date(2025, 12, 26)]


@pytest.fixture(scope="module")
def weeks() -> list[Week]:
    """Two months of racing, and one far away from them."""
    starts = [monday_of(day.toordinal()) for day in days(date(2021, 5, 3), 56)[::7]]
    return [race_week(SEED, monday) for monday in starts]


def test_a_day_asked_alone_equals_the_day_asked_after_others() -> None:
    def bodies(order: list[date]) -> dict[tuple[str, date], bytes]:
        with asking() as feed:
            found = {}
            for day in order:
                found["results", day] = feed.get(
                    "/v1/results", ("start_date", str(day)), ("end_date", str(day)), ("limit", "100")
                ).content
                found["cards", day] = feed.get("/v1/racecards/pro", ("date", str(day))).content
            return found

    shuffled = random.Random(3).sample([*SOME_DAYS, *days(date(2022, 2, 1), 12)], 15)
    many = bodies(shuffled)
    race_week.cache_clear()
    library_of.cache_clear()
    assert bodies([SOME_DAYS[1]]) == {key: body for key, body in many.items() if key[1] == SOME_DAYS[1]}


def test_another_seed_is_another_world() -> None:
    first, second = (race_week(seed, monday_of(SOME_DAYS[1].toordinal())) for seed in (20, 21))
    assert len(first.fields.horse) != len(second.fields.horse) or (first.fields.horse != second.fields.horse).any()


def test_the_world_has_the_size_of_british_irish_and_some_foreign_racing() -> None:
    mondays = [monday_of((date(2015, 1, 5) + timedelta(days=7 * 29 * n)).toordinal()) for n in range(21)]
    some = [race_week.__wrapped__(SEED, monday) for monday in mondays]
    races = sum(len(week.fields.day) for week in some) / len(some) / 7
    starters = sum(int(week.starts.sum()) for week in some) / len(some) / 7
    assert 32 < races < 38
    assert 330 < starters < 385
    by_day = np.array([[len(week.races(week.fields.monday + d)) for d in range(7)] for week in some]).mean(axis=0)
    assert by_day.argmax() == 5, "Saturdays are the busiest"
    assert not race_week(SEED, monday_of(date(2023, 12, 25).toordinal())).races(date(2023, 12, 25).toordinal())


def test_a_horse_runs_once_a_day_at_its_age_and_rests_between_runs(weeks: list[Week]) -> None:
    horse = np.concatenate([week.fields.horse for week in weeks])
    day = np.concatenate([week.fields.day[week.fields.race] for week in weeks])
    order = np.lexsort((day, horse))
    same = horse[order][1:] == horse[order][:-1]
    assert (np.diff(day[order])[same] >= 4).all()
    age = 2021 - breed(SEED).born[horse]
    assert age.min() == 2
    assert age.max() <= 13


def test_a_jockey_has_one_mount_a_race(weeks: list[Week]) -> None:
    for week in weeks:
        pairs = week.fields.race * 10_000 + week.riders.jockey
        assert len(np.unique(pairs)) == len(pairs)


def test_true_probabilities_sum_to_one_and_are_those_of_the_winners() -> None:
    frames = [true_probabilities(day, SEED) for day in days(date(2024, 4, 1), 60)]
    frame = pl.concat(frames)
    sums = frame.group_by("race_id").agg(pl.col("true_probability").sum())["true_probability"]
    assert np.allclose(sums.to_numpy(), 1.0)
    assert frame.select(pl.struct("race_id", "horse_id").n_unique()).item() == frame.height
    assert true_probabilities(date(2023, 12, 25)).is_empty()


def test_winners_win_as_often_as_they_should_and_the_market_knows_less_than_the_truth(weeks: list[Week]) -> None:
    chance = np.concatenate([week.chance[week.starts] for week in weeks])
    won = np.concatenate([week.outcome[week.starts] == 1 for week in weeks])
    for low, high in ((0.0, 0.05), (0.05, 0.15), (0.15, 0.3), (0.3, 1.0)):
        inside = (chance >= low) & (chance < high)
        error = (won[inside].mean() - chance[inside].mean()) / np.sqrt(
            (chance[inside] * (1 - chance[inside])).mean() / inside.sum()
        )
        assert abs(error) < 4
    truth, market, nothing, books = 0.0, 0.0, 0.0, []
    for week in weeks:
        race, starts = week.fields.race, week.starts
        quoted = np.where(starts, np.exp(-LOGS[week.price]), 0.0)
        book = np.bincount(race, weights=quoted)
        size = np.bincount(race, weights=starts)
        winners = np.flatnonzero(week.outcome == 1)
        truth -= np.log(week.chance[winners]).sum()
        market -= np.log(quoted[winners] / book[race[winners]]).sum()
        nothing += np.log(size[race[winners]]).sum()
        books += book[book > 0].tolist()
    assert truth < market < nothing
    assert 0.08 < 1 - market / nothing < 0.25
    assert 1.1 < np.mean(books) < 1.25


def test_what_the_card_says_of_the_last_run_is_what_happened() -> None:
    with asking() as feed:
        seen: dict[str, list[tuple[date, str]]] = {}
        for day in days(date(2024, 5, 1), 45):
            if day >= date(2024, 6, 5):
                for race in feed.cards(day):
                    for runner in race["runners"]:
                        past = seen.get(runner["horse_id"])
                        if past and "(" not in runner["last_run"]:
                            assert runner["last_run"] == str((day - past[-1][0]).days)
                            place = past[-1][1]
                            figure = place[0] if not place.isdigit() or int(place) < 10 else "0"
                            assert runner["form"][-1] == figure
            # The form book has what was known in the night, before any correction.
            feed.simulator.set_clock(datetime(day.year, day.month, day.day, 3, tzinfo=UTC) + timedelta(days=1))
            for race in feed.results(day):
                for runner in race["runners"]:
                    seen.setdefault(runner["horse_id"], []).append((day, runner["position"]))


def test_names_and_ids_belong_together() -> None:
    with asking() as feed:
        names: dict[str, set[str]] = {}
        for day in days(date(2025, 5, 1), 20):
            for race in feed.results(day):
                for runner in race["runners"]:
                    for role in ("horse", "jockey", "trainer", "owner", "sire", "dam", "damsire"):
                        names.setdefault(runner[f"{role}_id"], set()).add(runner[role])
    assert len(names) > 5000
    assert sum(len(found) > 1 for found in names.values()) <= 2, "only renamed horses have two"


def test_a_few_horses_are_renamed() -> None:
    horses = breed(SEED)
    within = (horses.renamed_on < TODAY.toordinal()) & (horses.renamed_on < horses.last_day)
    assert 20 < within.sum() < 600
