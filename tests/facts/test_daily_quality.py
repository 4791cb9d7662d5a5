"""Quality day by day: counts equal plain Python's, scores are relative to the source, a broken day is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.facts.quality_gate import Need, require_quality
from morningline.facts.quality_history import bring_up_to_date, read_counts, read_history
from morningline.facts.quality_measures import MEASURE, PARTS, ROWS_AN_EVENT, TAKEN_WHOLE
from morningline.facts.quality_scores import JUDGED, LEAST_DAYS, LOW, WINDOW_DAYS, judge
from morningline.facts.store import load
from morningline.kit.errors import DataError
from morningline.wiring.program import domain_named
from racing_facts import small_world
from sources.folder_imports import Facts, facts, racing_template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["facts", "racing_template"]

RACING = domain_named("racing")
LATER = datetime(2023, 7, 1, tzinfo=UTC)
WHOLE = date(2023, 1, 1), date(2023, 12, 31)
RUNNER = ("race_id", "horse_id", "date")


@cache
def world() -> dict[str, pl.DataFrame]:
    return small_world()


def take_in(facts: Facts, frames: Mapping[str, pl.DataFrame]) -> None:
    with facts.database.connect() as connection:
        for table in RACING.catalog.tables:
            if table.name in frames:
                load(connection, table, frames[table.name])


def change(facts: Facts, sql: str, *values: object) -> None:
    with facts.database.connect() as connection:
        connection.execute(sql.encode(), values)


def measured(facts: Facts, now: datetime = LATER) -> pl.DataFrame:
    """The history, brought up to date."""
    with facts.database.connect() as connection:
        bring_up_to_date(connection, RACING, now=now)
        return read_history(connection, RACING, *WHOLE)


def counted(facts: Facts) -> pl.DataFrame:
    with facts.database.connect(read_only=True) as connection:
        return read_counts(connection, RACING, *WHOLE)


def of_day(history: pl.DataFrame, table: str, day: date) -> dict[str, Any]:
    return history.row(by_predicate=(pl.col("table") == table) & (pl.col("day") == day), named=True)


def require(facts: Facts, *, accept: bool = False, **changes: Any) -> int:
    need = Need(purpose="Predicting", setting="quality_predict", threshold=0.7, first=WHOLE[0], last=WHOLE[1])
    with facts.database.connect() as connection:
        return require_quality(connection, RACING, [replace(need, **changes)], now=LATER, accept=accept)


def race_days() -> list[date]:
    return world()["ra_races"]["date"].unique().sort().to_list()


@pytest.fixture
def raced(facts: Facts) -> Facts:
    take_in(facts, world())
    return facts


def test_every_count_is_what_plain_python_counts(raced: Facts):
    measured(raced)
    counts = counted(raced)
    told = {(r["table"], r["day"], r["name"]): (r["good"], r["of"]) for r in counts.iter_rows(named=True)}
    races = list(world()["ra_races"].iter_rows(named=True))
    runners = list(world()["ra_runners"].iter_rows(named=True))
    results = {(r["race_id"], r["horse_id"]): r for r in world()["ra_results"].iter_rows(named=True)}
    for day in race_days():
        field = [r for r in runners if r["date"] == day]
        decided = [r for r in results.values() if r["date"] == day]
        ids = [r["id"] for r in races if r["date"] == day]
        for column in ("rating", "draw", "jockey_id", "headgear"):
            filled = sum(r[column] is not None for r in field)
            assert told["ra_runners", day, column] == (filled, len(field))
        assert told["ra_runners", day, ROWS_AN_EVENT] == (len(field), len(ids))
        assert told["ra_runners", day, TAKEN_WHOLE] == (len(field), len(field))
        assert told["ra_runners", day, "rows known in time"] == (len(field), len(field))
        assert told["ra_races", day, "races have runners"] == (len(ids), len(ids))
        highest = {race: max(r["number"] for r in field if r["race_id"] == race) for race in ids}
        assert told["ra_runners", day, "declared runners are there"] == (len(field), sum(highest.values()))
        last = {race: max(r["position"] or 0 for r in decided if r["race_id"] == race) for race in ids}
        placed = sum(r["position"] is not None for r in decided)
        assert told["ra_results", day, "placings are taken without a gap"] == (placed, sum(last.values()))
        assert told["ra_results", day, "runners of decided races have results"] == (len(field), len(field))


def test_a_sound_history_is_sound_and_a_column_it_never_had_is_not_missed(raced: Facts):
    history = measured(raced)
    assert history["score"].min() > 0.7
    assert counted(raced).filter(pl.col("name") == "headgear")["good"].sum() == 0
    assert require(raced) == 0


@pytest.mark.parametrize(
    ("table", "sql", "part", "why"),
    [
        (
            "ra_runners",
            "UPDATE ra_runners SET jockey_id = NULL WHERE date = %s",
            "completeness",
            "jockey_id filled: 0 of",
        ),
        ("ra_races", "DELETE FROM ra_runners WHERE date = %s", "consistency", "races have runners: 0 of"),
        (
            "ra_results",
            "DELETE FROM ra_results WHERE date = %s",
            "consistency",
            "races that were run have results: 0 of",
        ),
        (
            "ra_odds",
            "DELETE FROM ra_odds WHERE date = %s",
            "consistency",
            "runners that started have a price at the off",
        ),
        (
            "ra_results",
            "UPDATE ra_results SET known_at = event_at + interval '9 days' WHERE date = %s",
            "freshness",
            "rows known in time: 0 of",
        ),
        ("ra_runners", "UPDATE ra_runners SET number = 1 WHERE date = %s", "uniqueness", "numbers of their own"),
    ],
)
def test_what_breaks_a_day_is_said_of_its_table_and_part(raced: Facts, table: str, sql: str, part: str, why: str):
    day = race_days()[-6]
    measured(raced)
    with raced.database.connect() as connection:
        # Prices are append-only for everybody else.
        connection.execute(b"SET session_replication_role = replica")
        connection.execute(sql.encode(), (day,))
        connection.execute(b"SET session_replication_role = origin")
        connection.execute("UPDATE fact_days SET change = DEFAULT WHERE day = %s", (day,))
    history = measured(raced)
    broken = of_day(history, table, day)
    assert broken["score"] < 0.3
    assert broken[part] == broken["score"]
    assert why in broken["why"]
    others = history.filter(pl.col("day") != day)
    assert others["score"].min() > 0.7


def test_half_a_card_falls_short(raced: Facts):
    day = race_days()[-3]
    change(
        raced,
        "DELETE FROM ra_results WHERE date = %s AND horse_id < (SELECT percentile_disc(0.5) WITHIN GROUP "
        "(ORDER BY horse_id) FROM ra_runners WHERE date = %s)",
        day,
        day,
    )
    change(
        raced,
        "DELETE FROM ra_runners WHERE date = %s AND horse_id < (SELECT percentile_disc(0.5) WITHIN GROUP "
        "(ORDER BY horse_id) FROM ra_runners WHERE date = %s)",
        day,
        day,
    )
    card = of_day(measured(raced), "ra_runners", day)
    assert card["score"] < 0.7
    assert ROWS_AN_EVENT in card["why"]
    assert "declared runners are there" in card["why"]


def test_the_history_does_not_depend_on_when_it_was_brought_up_to_date(raced: Facts):
    at_once = measured(raced)
    days = race_days()
    change(raced, "TRUNCATE quality_days")
    with raced.database.connect() as connection:
        connection.execute("CREATE TEMP TABLE kept AS TABLE fact_days")
        connection.execute("TRUNCATE fact_days")
        for until in (days[9], days[22], days[40], days[-1]):
            connection.execute(
                "INSERT INTO fact_days (table_name, day, change, changed_at) "
                "SELECT table_name, day, change, changed_at FROM kept WHERE day <= %s ON CONFLICT DO NOTHING",
                (until,),
            )
            bring_up_to_date(connection, RACING, now=LATER)
        assert read_history(connection, RACING, *WHOLE).equals(at_once)


def test_a_correction_of_old_days_judges_again_the_days_that_look_back_on_them(raced: Facts):
    days = race_days()
    change(raced, "UPDATE ra_runners SET rating = NULL WHERE date = %s", days[45])
    assert of_day(measured(raced), "ra_runners", days[45])["score"] == 0.0
    change(raced, "UPDATE ra_runners SET rating = NULL WHERE date BETWEEN %s AND %s", days[21], days[30])
    with raced.database.connect() as connection:
        assert bring_up_to_date(connection, RACING, now=LATER) == 10
        again = read_history(connection, RACING, *WHOLE)
        connection.execute(b"TRUNCATE quality_days")
        bring_up_to_date(connection, RACING, now=LATER)
        assert read_history(connection, RACING, *WHOLE).equals(again)
        # What a tenth of the days lacks is not missed.
        assert of_day(again, "ra_runners", days[45])["score"] > 0.7
        assert bring_up_to_date(connection, RACING, now=LATER) == 0


def test_what_comes_after_a_race_is_judged_when_it_must_be_there(facts: Facts):
    frames = {name: frame for name, frame in world().items() if name not in {"ra_results", "ra_odds"}}
    take_in(facts, frames)
    day = race_days()[-1]
    evening = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=20)
    assert of_day(measured(facts, evening), "ra_results", day)["score"] is None
    assert of_day(measured(facts, evening), "ra_runners", day)["score"] is not None
    two_days_on = evening + timedelta(days=2)
    measured(facts, two_days_on)
    due = counted(facts).filter(pl.col("table") == "ra_results", pl.col("day") == day)
    assert due.filter(pl.col("name") == "races that were run have results")["good"].to_list() == [0]


def test_a_row_that_was_corrected_was_known_since_it_said_something_first(raced: Facts):
    day = race_days()[-4]
    rows = world()["ra_results"].filter(pl.col("date") == day)
    corrected = rows.with_columns(pl.col("beaten_lengths") + 1, pl.col("known_at") + timedelta(days=20))
    take_in(raced, {"ra_results": corrected})
    assert of_day(measured(raced), "ra_results", day)["freshness"] == 1.0


def turned_away(
    facts: Facts, number: int, file: str, payload: str, *, target: str = "ra_runners", by: str = "run"
) -> None:
    change(
        facts,
        "INSERT INTO quarantine (id, import_id, target, scope, reason, file, row, payload)"
        " VALUES (%s, %s, %s, 'row', 'odd', %s, %s, %s)",
        *(f"q{file}{number}{target}", by, target, file, number, payload),
    )


def fetched(facts: Facts, day: date, generation: int, sha256: str) -> None:
    change(
        facts,
        "INSERT INTO payloads (feed, endpoint, request, url, path, params, day, generation, status, usable, fetched_at,"
        " sha256, size) VALUES ('f', 'cards', %s, '', '', '[]', %s, %s, 200, TRUE, now(), %s, 1)",
        *(sha256, day, generation, sha256),
    )


def test_rows_in_quarantine_count_on_their_day(raced: Facts):
    feed_day, file_day, mended_day, unread_day = race_days()[-4:]
    race = world()["ra_races"].filter(pl.col("date") == file_day)["id"][0]
    fetched(raced, feed_day, 1, "a" * 64)
    turned_away(raced, 1, f"f/cards/{feed_day}/{'a' * 12}", "{}")
    turned_away(raced, 2, f"f/cards/{feed_day}/{'a' * 12}", "{}")
    # Of a day that was fetched again only the newest fetch counts.
    fetched(raced, mended_day, 1, "b" * 64)
    fetched(raced, mended_day, 2, "c" * 64)
    turned_away(raced, 1, f"f/cards/{mended_day}/{'b' * 12}", "{}")
    # A record nobody could read is of no table yet.
    fetched(raced, unread_day, 1, "d" * 64)
    turned_away(raced, 1, f"f/cards/{unread_day}/{'d' * 12}", "{}", target="files.cards")
    for number, when in enumerate(("2024-01-01", "2024-01-02")):
        change(
            raced,
            "INSERT INTO imports VALUES (%s, 'm', %s, %s, 'rows_quarantined', '{\"folder\": \"x\"}')",
            *(f"i{number}", when, when),
        )
        turned_away(raced, number + 1, "runs.csv", f'{{"race": "{race}", "weight": "heavy"}}', by=f"i{number}")
    measured(raced)
    counts = counted(raced).filter(pl.col("name") == TAKEN_WHOLE)

    def lost(table: str, day: date) -> int:
        row = counts.row(by_predicate=(pl.col("table") == table) & (pl.col("day") == day), named=True)
        return row["of"] - row["good"]

    assert lost("ra_runners", feed_day) == 2
    assert lost("ra_runners", file_day) == 1
    assert lost("ra_runners", mended_day) == 0
    assert lost("ra_races", unread_day) == 1


def test_a_broken_day_is_refused_until_it_is_accepted_and_again_if_it_gets_worse(raced: Facts):
    day = race_days()[-2]
    change(raced, "UPDATE ra_runners SET rating = NULL WHERE date = %s AND number > 3", day)
    broken = of_day(measured(raced), "ra_runners", day)
    with pytest.raises(DataError) as refused:
        require(raced)
    for word in ("Predicting", "0.7", "quality_predict", "ra_runners", str(day), "completeness", "rating filled"):
        assert word in refused.value.message, word
    assert f"{broken['score']:.2f}" in refused.value.message
    assert "--accept-quality" in str(refused.value.do)
    assert require(raced, last=day - timedelta(days=1)) == 0
    assert require(raced, threshold=broken["score"]) == 0
    assert require(raced, stages=("post",)) == 0
    assert require(raced, parts=("validity", "freshness")) == 0
    assert require(raced, accept=True) == 1
    assert require(raced) == 0
    assert of_day(measured(raced), "ra_runners", day)["accepted"] == broken["score"]
    change(raced, "UPDATE ra_runners SET rating = NULL WHERE date = %s", day)
    measured(raced)
    with pytest.raises(DataError):
        require(raced)


def test_a_change_of_the_rules_judges_every_day_again(raced: Facts):
    measured(raced)
    change(raced, "UPDATE quality_days SET rules = 'of another program', score = 0.1")
    assert measured(raced)["score"].min() > 0.7


MISSING = st.sampled_from((0, 0, 0, 0, 0, 1, 2, 30))
SHARES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40), MISSING), min_size=30, max_size=60)


@given(SHARES)
def test_a_share_is_compared_with_the_tenth_of_the_half_year_before(steps: list[tuple[int, int, int]]):
    day, series = date(2020, 1, 1), []
    for gap, good, more in steps:
        day += timedelta(days=gap + 1)
        series.append((day, good, good + more))
    rows = [
        {"table": "t", "day": d, "rows": of, "part": "completeness", "name": "c", "good": g, "of": of, "kind": "share"}
        for d, g, of in series
    ]
    judged = judge(pl.DataFrame(rows, schema=MEASURE))
    assert dict(judged.schema) == {name: pl.DataFrame(schema=JUDGED).schema[name] for name in JUDGED}
    for (d, good, of), found in zip(series, judged["completeness"], strict=True):
        earlier = sorted(g / n for e, g, n in series if n and d - timedelta(days=WINDOW_DAYS) <= e < d)
        expected = None
        if of and len(earlier) >= LEAST_DAYS:
            usual = earlier[int(LOW * (len(earlier) - 1))]
            due = usual - 3 * (usual * (1 - usual) / of) ** 0.5
            if usual >= 0.8 and due > 0:
                expected = min(1.0, good / of / due)
        assert found == (pytest.approx(expected) if expected is not None else None)


def test_the_score_is_the_worst_part_and_tells_of_each(raced: Facts):
    history = measured(raced).drop_nulls("score")
    assert history.select(pl.min_horizontal(*PARTS) == pl.col("score")).to_series().all()
    imperfect = history.filter(pl.col("score") < 1)
    assert imperfect.height
    assert imperfect["why"].str.len_chars().min() > 10
    assert history.filter(pl.col("score") == 1)["why"].unique().to_list() == [""]
