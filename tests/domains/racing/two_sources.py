"""A small history as two sources tell it: in the shape of the mapping hk, and in Chinese in that of hk_zh."""

from __future__ import annotations

import copy
import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from morningline.sources.report import ImportReport
    from sources.folder_imports import Facts

Row = dict[str, Any]
Races = dict[str, Row]

VENUES = {"ST": "沙田", "HV": "跑馬地"}
FIRST_RACE = (
    *("raceId", "date", "racecourse", "raceNo", "raceIndex", "raceClass", "distance", "ratingBand", "surface"),
    *("course", "going"),
)
FIRST_RUNNER = (
    *("raceId", "placing", "horseNo", "horseId", "horseName", "jockey", "trainer", "actualWeight"),
    *("declaredHorseWeight", "draw", "lbw", "runningPosition", "finishSeconds", "winOdds"),
)
SECOND_RESULT = (
    *("date", "venue", "race_no", "race_meeting_no", "race_class", "distance_m", "rating_range", "going", "course"),
    *("place", "horse_no", "horse_name", "actual_wt_lbs", "declared_wt_lbs", "draw", "lbw", "running_position"),
    *("finish_time", "win_odds"),
)
SECOND_SHEET = (
    *("date", "venue", "race_no", "finish_pos", "horse_no", "horse_name", "finish_time"),
    *(f"sec{n}_{what}" for n in range(1, 7) for what in ("margin", "running_pos", "time")),
)
LENGTHS = {"-": 0.0, "頭位": 0.2, "1-1/2": 1.5, "3": 3.0}
LBW = ("-", "頭位", "1-1/2", "3")


def runner(number: int, race: int) -> Row:
    """The runner that finishes in the order of its number; no two of a race share a value."""
    return {
        "horse_no": number,
        "brand": f"V{race:02}{number}",
        "draw": 5 - number,
        "actual_wt_lbs": 110 + 3 * number,
        "declared_wt_lbs": 1000 + 10 * number + race,
        "place": str(number),
        "lbw": LBW[number - 1],
        "running_position": f"{5 - number} {number}",
        "finish_time": f"1:0{number}.{race % 10}{number}",
        "win_odds": ("3.5", "12", "7.2", "101")[number - 1],
    }


def races(*numbers: int, day: str = "2020-02-02", venue: str = "ST") -> Races:
    """Races of four runners each, by the id that the first source gives them."""
    return {
        f"{day}-{venue}-{n}": {
            "date": day,
            "venue": venue,
            "race_no": n,
            "race_meeting_no": 400 + n,
            "distance_m": 1200,
            "runners": [runner(number, n) for number in (1, 2, 3, 4)],
        }
        for n in numbers
    }


def another(history: Races) -> Races:
    """A copy, to plant a difference in."""
    return copy.deepcopy(history)


def first(facts: Facts, history: Races) -> ImportReport:
    """Bring a history as the first source tells it."""
    rows, runners, dividends = [], [], []
    for race_id, race in history.items():
        on_turf = ("TURF", 'TURF - "A" Course', "GOOD TO FIRM")
        at = (race["date"], race["venue"], race["race_no"], race["race_meeting_no"])
        rows.append((race_id, *at, 4, race["distance_m"], "60-40", *on_turf))
        for each in race["runners"]:
            minutes, seconds = each["finish_time"].split(":")
            runners.append(
                (
                    *(race_id, each["place"], each["horse_no"], f"HK_2019_{each['brand']}", f"HORSE ({each['brand']})"),
                    *("A Rider", "A Trainer", each["actual_wt_lbs"], each["declared_wt_lbs"], each["draw"]),
                    *(LENGTHS[each["lbw"]], f"[{each['running_position'].replace(' ', ', ')}]"),
                    *(60 * int(minutes) + float(seconds), each["win_odds"]),
                )
            )
            if each["place"] == "1":
                # The pool pays what the odds are cut from: 3.5 is 35.0 to 35.9 for ten.
                dividends.append((race_id, "WIN", each["horse_no"], 10 * float(each["win_odds"]) + 0.5))
    facts.write("first/races.csv", written(FIRST_RACE, rows))
    facts.write("first/runners.csv", written(FIRST_RUNNER, runners))
    facts.write("first/dividends.csv", written(("raceId", "pool", "combination", "dividend_per_10"), dividends))
    return facts.bring("hk", facts.folder / "first")


def second(facts: Facts, history: Races, *, mapping: str = "hk_zh", repeat: int = 1) -> ImportReport:
    """Bring a history as the second source tells it, each row so many times."""
    results, sheets = [], []
    for race in history.values():
        at = {"date": race["date"], "venue": VENUES[race["venue"]], "race_no": race["race_no"]}
        about = {
            "race_meeting_no": race["race_meeting_no"],
            "race_class": "第四班",
            "distance_m": race["distance_m"],
            "rating_range": "60-40",
            "going": race.get("going", "好地至快地"),
            "course": '草地 - "A" 賽道',
        }
        for each in race["runners"]:
            named = {**at, **each, "horse_name": f"馬 ({each['brand']})"}
            results.append({**named, **about})
            if each["place"].split()[0].isdigit():
                sheets.append({**named, "finish_pos": each["place"].split()[0], **each.get("sheet", sheet(each))})
    for day in {race["date"] for race in history.values()}:
        for kind, columns, rows in (("results", SECOND_RESULT, results), ("sectional_times", SECOND_SHEET, sheets)):
            those = [[row.get(c, "") for c in columns] for row in rows if row["date"] == day]
            facts.write(f"second/{day[:4]}/{kind}_{day}.csv", "\N{BYTE ORDER MARK}" + written(columns, those * repeat))
    won = [(r["date"], VENUES[r["venue"]], r["race_no"], "獨贏", 1, "35.50") for r in history.values()]
    names = ("date", "venue", "race_no", "pool", "combination", "dividend_hkd")
    facts.write("second/2020/dividends_2020-02-02.csv", "\N{BYTE ORDER MARK}" + written(names, won))
    return facts.bring(mapping, facts.folder / "second")


def sheet(each: Row) -> Row:
    """Three sections; the horse that is first at the end was last at the start."""
    last = each["horse_no"]
    start = 5 - last
    return {
        "sec1_running_pos": start, "sec1_margin": ("N", "N", "1-3/4", "2")[start - 1], "sec1_time": f"24.{start}0",
        "sec2_running_pos": start, "sec2_margin": ("SH", "SH", "1", "1-1/2")[start - 1], "sec2_time": f"23.{start}1",
        "sec3_running_pos": last, "sec3_margin": ("HD", "HD", "1-1/2", "3")[last - 1],
        "sec3_time": f"22.{last}2 11.20    11.{last}2",
    }  # fmt: skip


def written(columns: tuple[str, ...], rows: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()
