"""What an import of races must refuse, and what it should say: fields, winners, books, gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.domains.racing.prices import CLOSING_PRICES
from morningline.domains.racing.schema import MOST_RUNNERS
from morningline.sources.assembling import Rejection
from morningline.sources.report import EXAMPLES, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A book under 1 would pay every backer of the whole field, which no market offers for long.
LEAST_BOOK = 1.0


def reject(frames: Mapping[str, pl.DataFrame]) -> Sequence[Rejection]:
    """Fields larger than any race can have."""
    runners = frames.get("ra_runners")
    if runners is None:
        return []
    fields = runners.group_by("race_id").len().filter(pl.col("len") > MOST_RUNNERS)
    reason = pl.format("the race has {} runners, more than the {} any race can have", "len", pl.lit(MOST_RUNNERS))
    return [Rejection("ra_runners", fields.select("race_id", reason.alias("reason")))] if fields.height else []


def findings(frames: Mapping[str, pl.DataFrame]) -> list[Finding]:
    """Dead heats, races without exactly one winner, books that say runners are missing, gaps in numbers.

    Args:
        frames: Accepted rows by table, with every column of the table.
    """
    found = []
    if "ra_results" in frames:
        found += _winners(frames["ra_results"])
    if "ra_odds" in frames:
        found.append(_books(frames["ra_odds"], frames.get("ra_mst_bookmakers")))
    if "ra_races" in frames:
        found += _gaps(frames["ra_races"])
    return found


def _winners(results: pl.DataFrame) -> list[Finding]:
    races = results.group_by("race_id").agg((pl.col("position") == 1).sum().alias("winners")).sort("race_id")
    heats = races.filter(pl.col("winners") > 1)
    none = races.filter(pl.col("winners") == 0)
    return [
        _finding("dead_heats_for_first", "races that several runners won", heats, races.height),
        _finding("races_without_winner", "races with results and no winner", none, races.height),
        _finding(
            "races_without_exactly_one_winner",
            "both of these; they are left out of scores",
            pl.concat([heats, none]).sort("race_id"),
            races.height,
        ),
    ]


def _books(odds: pl.DataFrame, makers: pl.DataFrame | None) -> Finding:
    book = ["race_id", "bookmaker_id", "price_kind"]
    # A history of prices has a row a change; a book is made of the last price of each runner.
    last = odds.filter(pl.col("price_kind").is_in(CLOSING_PRICES)).sort("event_at")
    last = last.unique([*book, "horse_id"], keep="last", maintain_order=True)
    books = last.group_by(book).agg((1 / pl.col("decimal_odds")).sum().alias("book"))
    least = pl.lit(LEAST_BOOK)
    if makers is not None:
        books = books.join(makers.select("id", "least_book"), left_on="bookmaker_id", right_on="id", how="left")
        least = pl.coalesce("least_book", least)
    thin = books.filter(pl.col("book") < least).sort("race_id")
    shown = thin.with_columns(pl.format("{} ({})", "race_id", pl.col("book").round(3)).alias("race_id"))
    meaning = "races whose sum of 1/odds is less than a complete book's: runners are missing"
    return _finding("incomplete_books", meaning, shown, books.height)


def _gaps(races: pl.DataFrame) -> list[Finding]:
    found = []
    if races["race_number"].count():
        meetings = (
            races.drop_nulls("race_number")
            .group_by("date", "course_id")
            .agg(pl.col("race_number").max().alias("last"), pl.col("race_number").n_unique().alias("n"))
        )
        short = (
            meetings.filter(pl.col("last") > pl.col("n"))
            .sort("date", "course_id")
            .with_columns(pl.format("{} {}: {} of {}", "date", "course_id", "n", "last").alias("race_id"))
        )
        found.append(_finding("gaps_in_race_numbers", "meetings with a race number missing", short, meetings.height))
    if races["season_index"].count():
        indexed = races.drop_nulls("season_index").sort("date", "season_index")
        step = indexed.with_columns((pl.col("season_index") - pl.col("season_index").shift()).alias("step"))
        # A season starts again at a low number; only a jump upwards is a gap.
        jumps = step.filter(pl.col("step") > 1).with_columns(
            pl.format("before {} ({} missing)", "id", pl.col("step") - 1).alias("race_id")
        )
        missing = int((jumps["step"] - 1).sum())
        found.append(
            Finding(
                name="gaps_in_season_numbers",
                meaning="races missing between serial numbers of a season",
                count=missing,
                of=indexed.height + missing,
                examples=jumps["race_id"].head(EXAMPLES).to_list(),
            )
        )
    return found


def _finding(name: str, meaning: str, rows: pl.DataFrame, of: int) -> Finding:
    return Finding(
        name=name,
        meaning=meaning,
        count=rows.height,
        of=of,
        examples=rows["race_id"].head(EXAMPLES).to_list(),
    )
