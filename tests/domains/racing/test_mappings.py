"""The mappings that ship: the synthetic world, the CSV that rpscrape writes, and fifteen years of Hong Kong."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from morningline.domains.racing.world import World, simulate, write_world
from morningline.sources.mapping import read_mapping
from morningline.wiring.program import shipped_mappings

if TYPE_CHECKING:
    from sources.folder_imports import Facts

HONG_KONG = Path(__file__).parents[3] / "../shared/data/hk"

RACE = (
    "2026-05-02,GB,Ascot,15:35,The Long Stakes (GBB Race),Flat,Class 2,,0-100,3yo+,,1m2f,10f,2012,Good To Soft,Turf,3"
)
RACE_COLUMNS = (
    "date,region,course,off,race_name,type,class,pattern,rating_band,age_band,sex_rest,dist,"
    "dist_f,dist_m,going,surface,ran"
)
RUNNER_COLUMNS = (
    "num,pos,draw,ovr_btn,btn,horse,age,sex,lbs,hg,time,secs,dec,jockey,trainer,prize,or,"
    "rpr,sire,dam,damsire,owner,comment"
)
NO_RATING = "\N{EN DASH}"
RUNNERS = [
    (
        "3,1,2,0,0,Frankel (GB),4,C,133,,2:05.10,125.10,3.25,T Queally,Sir H Cecil,50000,100,140,"
        "Galileo (IRE),Kind (IRE),Danehill (USA),K Abdullah,led -"
    ),
    (
        f"1,2,1,1.5,1.5,Arkle (IRE),5,G,130,tp,2:05.40,125.40,2.00,P Taaffe,T Dreaper,20000,{NO_RATING},{NO_RATING},"
        "Archive,Bright Cherry,Knight Of The Garter,Anne,-"
    ),
    (
        f"2,PU,3,-,-,Red Rum (IRE),5,G,128,,-,-,9.00,B Fletcher,D McCain,,95,{NO_RATING},"
        "Quorum,Mared,Magic Red,N Le Mare,pulled up"
    ),
]


def rpscrape(
    race_columns: str = "", runner_columns: str = "", race: str = "", runners: tuple[str, ...] = ("", "", "")
) -> str:
    """A file of that shape; what is given stands before the columns that are on by default."""
    rows = [
        ",".join(part for part in (race, RACE, extra, runner) if part)
        for runner, extra in zip(RUNNERS, runners, strict=True)
    ]
    head = ",".join(part for part in (race_columns, RACE_COLUMNS, runner_columns, RUNNER_COLUMNS) if part)
    return "\n".join([head, *rows]) + "\n"


def test_every_mapping_that_ships_can_be_read():
    assert set(shipped_mappings()) == {"hk", "hk_zh", "world", "rpscrape"}
    for path in shipped_mappings().values():
        assert read_mapping(path).domain == "racing"


def test_what_rpscrape_writes_by_default_becomes_facts(facts: Facts):
    facts.write("ascot.csv", rpscrape())
    report = facts.bring("rpscrape")
    assert report.complete, report.quarantined
    columns = "id, date, off_at, course_id, type, race_class, rating_low, rating_high"
    assert facts.rows(f"SELECT {columns} FROM ra_races") == [
        (
            "2026-05-02-ascot-15-35",
            date(2026, 5, 2),
            datetime(2026, 5, 2, 14, 35, tzinfo=UTC),
            "ascot",
            "flat",
            "Class 2",
            0,
            100,
        )
    ]  # fmt: skip
    assert facts.rows(
        "SELECT horse_id, number, draw, weight_lbs, rating, headgear, owner_id FROM ra_runners ORDER BY 1"
    ) == [
        ("arkle-ire", 1, 1, 130.0, None, "tp", "anne"),
        ("frankel-gb", 3, 2, 133.0, 100, None, "k-abdullah"),
        ("red-rum-ire", 2, 3, 128.0, 95, None, "n-le-mare"),
    ]
    columns = "horse_id, outcome, position, beaten_lengths, finish_seconds, performance_rating"
    assert facts.rows(f"SELECT {columns} FROM ra_results ORDER BY 1") == [
        ("arkle-ire", "FIN", 2, 1.5, 125.4, None),
        ("frankel-gb", "FIN", 1, 0.0, 125.1, 140.0),
        ("red-rum-ire", "PU", None, None, None, None),
    ]
    assert facts.rows("SELECT price_kind, decimal_odds FROM ra_odds ORDER BY horse_id") == [
        ("sp", 2.0), ("sp", 3.25), ("sp", 9.0),
    ]  # fmt: skip
    assert facts.rows("SELECT name, region_id, sire_id FROM ra_mst_horses ORDER BY id") == [
        ("Arkle", "IRE", "archive"), ("Frankel", "GB", "galileo-ire"), ("Red Rum", "IRE", "quorum"),
    ]  # fmt: skip


def test_the_going_rpscrape_writes_is_the_one_after_racing(facts: Facts):
    facts.write("ascot.csv", rpscrape())
    facts.bring("rpscrape")
    assert facts.rows("SELECT going FROM ra_races") == [None]
    assert facts.rows("SELECT official_going, known_at FROM ra_race_results") == [
        ("good_to_soft", datetime(2026, 5, 2, 23, tzinfo=UTC))
    ]


def test_rpscrape_columns_that_are_off_by_default_are_used_when_on(facts: Facts):
    text = rpscrape(
        "race_id,course_id",
        "horse_id,jockey_id,wgt,sp,ts,bsp",
        "812345,2",
        ("11,21,9-7,9/4F,120,3.4", f"12,22,9-4,Evens,{NO_RATING},2.08", f"13,23,9-2,8/1,{NO_RATING},"),
    )
    facts.write("ascot.csv", text)
    assert facts.bring("rpscrape").complete
    assert facts.rows("SELECT id, course_id FROM ra_races") == [("812345", "2")]
    assert facts.rows("SELECT horse_id, bookmaker_id, price_kind, decimal_odds FROM ra_odds ORDER BY 1, 2") == [
        ("11", "BETFAIR", "exchange_sp", 3.4), ("11", "SP", "sp", 3.25),
        ("12", "BETFAIR", "exchange_sp", 2.08), ("12", "SP", "sp", 2.0),
        ("13", "SP", "sp", 9.0),
    ]  # fmt: skip
    assert facts.rows("SELECT speed_rating FROM ra_results ORDER BY horse_id") == [120.0, None, None]


def test_the_older_rpscrape_file_with_a_stray_header_is_read(facts: Facts):
    columns = (
        "date,course,race_id,off,race_name,type,class,pattern,rating_band,age_band,sex_rest,dist,going,ran,num,pos,"
        "draw,ovr_btn,btn,horse,age,sex,wgt,hg,time,sp,jockey,trainer,prize,or,rpr,ts,sire,dam,damsire,owner,comment"
    )
    row = (
        "2019-10-27,Aintree,7,13:15,A Chase,Chase,Class 3,,,4yo+,,2m4f,Soft,1,4,1,,0,0,Red Rum (IRE),5,G,10-12,,"
        f"5:02.30,7/2J,B Fletcher,D McCain,,140,150,{NO_RATING},Quorum,Mared,Magic Red,N Le Mare,well"
    )
    facts.write("old.csv", f"{columns}\n{row}\n{columns}\n")
    report = facts.bring("rpscrape")
    assert report.complete, report.quarantined
    assert report.left_out["files.runs"] == 1
    assert facts.rows("SELECT weight_lbs, rating, draw FROM ra_runners") == [(152.0, 140, None)]
    assert facts.rows("SELECT decimal_odds FROM ra_odds") == [4.5]
    # The clocks went back that morning: a quarter past one in the afternoon is the same in UTC.
    assert facts.rows("SELECT off_at, distance_m FROM ra_races") == [
        (datetime(2019, 10, 27, 13, 15, tzinfo=UTC), 4023.36)
    ]


def test_the_synthetic_world_is_read_without_loss(facts: Facts):
    simulation = simulate(World(seed=11, horses=600, last_day=date(2023, 4, 2)))
    write_world(simulation, facts.folder)
    for part in ("history", "card", "results"):
        report = facts.bring("world", facts.folder / part)
        assert report.complete, (part, report.quarantined)
    runs = pl.concat([simulation.runs, simulation.results])
    finishers = runs.filter(pl.col("pos").str.contains("^[0-9]+$"))
    assert facts.rows("SELECT count(*), count(weight_lbs), count(DISTINCT race_id) FROM ra_runners") == [
        (runs.height, runs.height, runs["race_id"].n_unique())
    ]
    assert facts.rows(
        "SELECT count(*), count(position), count(finish_seconds), count(beaten_lengths) FROM ra_results"
    ) == [(runs.height, finishers.height, finishers.height, finishers.height)]
    assert facts.rows("SELECT count(*) FROM ra_odds") == [runs["sp"].count()]
    assert facts.rows("SELECT count(*) FROM ra_races WHERE off_at IS NULL OR going IS NULL OR distance_m IS NULL") == [
        0
    ]


def test_the_card_of_the_synthetic_world_is_races_and_runners_only(facts: Facts):
    simulation = simulate(World(seed=11, horses=600, last_day=date(2023, 4, 2)))
    write_world(simulation, facts.folder)
    assert facts.bring("world", facts.folder / "card").complete
    after = (
        "(SELECT count(*) FROM ra_results) + (SELECT count(*) FROM ra_odds) + (SELECT count(*) FROM ra_mst_bookmakers)"
    )
    assert facts.rows(f"SELECT count(*), {after} FROM ra_runners") == [(simulation.card.height, 0)]
    # British summer time has begun: the day begins at eleven at night in UTC.
    start = datetime.combine(simulation.tomorrow, datetime.min.time(), UTC).timestamp() - 3600
    assert facts.rows("SELECT DISTINCT extract(epoch FROM known_at)::bigint FROM ra_runners") == [int(start)]


@pytest.mark.shared
@pytest.mark.skipif(not HONG_KONG.is_dir(), reason="the real racing data is not in ../shared/data/hk")
def test_fifteen_years_of_hong_kong_are_read_with_nothing_lost_but_what_was_looked_at(facts: Facts):
    report = facts.bring("hk", HONG_KONG)
    assert report.complete
    counted = {t.table: t.accepted for t in report.tables}
    assert counted["ra_races"] == 11_741
    assert counted["ra_runners"] == counted["ra_results"] == counted["ra_odds"] == 145_121
    assert counted["ra_dividends"] == 138_930
    assert report.rows_quarantined == 6
    assert {f.name: f.count for f in report.findings}["dead_heats_for_first"] == 26
    again = facts.bring("hk", HONG_KONG)
    assert sum(t.inserted + t.changed for t in again.tables) == 0
