"""Ratings as features: what each event moves, and what is left of it at a cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.columns import Codes, as_series, microseconds, numbers
from morningline.features.listings import FOREVER, Listing, Moments, Ranges
from morningline.features.past import numbered_texts
from morningline.features.rating import Ratings, decayed, rate
from morningline.features.sorting import taken
from morningline.features.state import ORDER
from morningline.kit.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from morningline.features.definitions import Rating
    from morningline.features.sorting import Integers, Places
    from morningline.features.state import State
    from morningline.features.sums import Floats


@dataclass(frozen=True)
class Rated:
    """What rating the events that are over gave.

    Attributes:
        at_cutoffs: The ratings of the entrants at their cut-offs, NaN where they were never rated.
        after: Of the history rows `usable_at`, `day`, `place`, whether the row is one of these events (`#own`), and
            the ratings after it; those of earlier days were rated again, because of what became known before them.
    """

    at_cutoffs: Ratings
    after: pl.DataFrame


def take_rating(state: State, step: Rating) -> Rated:
    """Rate the events that are over.

    Args:
        state: Entrants and history rows.
        step: What is rated and how; the history rows keep it under its name.
    """
    kept = step.after
    rows, since = _rows(state, step, kept)
    asked, code = Codes(state.entrants, rows).of(step.key)
    at, after = microseconds(rows["usable_at"]), _known(rows, kept)
    again = np.flatnonzero((at >= since) & rows["first_known"].to_numpy())
    contests = _contests(rows[again])
    results = _best_results(contests, code[again], numbers(rows[step.result])[again])
    entities = max(int(code.max(initial=-1)), int(asked.max(initial=-1))) + 1
    rated = rate(contests, code[again], results, at[again], _last(after, code, at < since, entities), step.system)
    moved = ~np.isnan(results) & (rated.at == at[again])
    after.mean[at >= since] = after.spread[at >= since] = np.nan
    after.mean[again] = np.where(moved, rated.mean, np.nan)
    after.spread[again] = np.where(moved, rated.spread, np.nan)
    ratings = [as_series(*pair) for pair in zip(kept, (after.mean, after.spread), strict=True)]
    moved_rows = rows.select(*ORDER, "#own").with_columns(ratings).filter(pl.Series(at >= since) | pl.col("#own"))
    return Rated(_at_cutoffs(state, asked, code, after, step), moved_rows)


def _rows(state: State, step: Rating, kept: tuple[str, str]) -> tuple[pl.DataFrame, int]:
    """The rows that ratings need, and since when contests are rated: later ones than those that are new, again."""
    chosen = [*ORDER, "event_id", "first_known", *step.key, step.result]
    unrated = [pl.lit(None, pl.Float64).alias(column) for column in kept]
    own = state.history.select(list(dict.fromkeys(chosen))).with_columns(*unrated, pl.lit(value=True).alias("#own"))
    chosen += kept
    since = int(microseconds(own["usable_at"]).min(initial=FOREVER))
    if state.past is None:
        return own, since
    instant = min(since, int(state.cutoffs.instants.min(initial=FOREVER)))
    late = state.past.since(instant).select(list(dict.fromkeys(chosen)))
    # Of what came earlier, the last rating of an entity is all that matters.
    rated = [*ORDER, *step.key, *kept]
    pieces = state.past.pieces((step.key[0], None), rated, also=[late[step.key[0]], own[step.key[0]]])
    last = [_last_ratings(known, step, instant) for known in pieces]
    rows = pl.concat([*last, late, numbered_texts(own)], how="diagonal_relaxed")
    return rows.with_columns(pl.col("first_known", "#own").fill_null(value=False)).sort(*ORDER), since


def _last_ratings(rows: pl.DataFrame, step: Rating, before: int) -> pl.DataFrame:
    """The last row of each entity that was rated before an instant."""
    known = rows.filter(pl.col("usable_at").dt.epoch("us") < before, pl.col(step.after[0]).is_not_null())
    return known[_last_of_each(Codes(known.clear(), known).of(step.key)[1], *_order_of(known))]


def _order_of(rows: pl.DataFrame) -> tuple[Integers, Integers]:
    """What rows are sorted by: when they became usable, and day and place as one number."""
    day, place = (rows[name].to_physical().cast(pl.Int64).to_numpy() for name in ORDER[1:])
    return microseconds(rows["usable_at"]), (day << 32) | place


@compiled
def _last_of_each(code: Places, at: Integers, then: Integers) -> Places:
    """The last row of each key in order of `at`, and of `then` where that is equal; rows may stand in any order."""
    last = np.full(code.max() + 1 if len(code) else 0, -1, np.int32)
    for row in range(len(code)):
        if code[row] < 0:
            continue
        before = last[code[row]]
        if before < 0 or at[row] > at[before] or (at[row] == at[before] and then[row] >= then[before]):
            last[code[row]] = row
    return last[last >= 0]


def _known(rows: pl.DataFrame, kept: tuple[str, str]) -> Ratings:
    mean, spread = (rows[column].fill_null(float("nan")).to_numpy().copy() for column in kept)
    return Ratings(mean, spread, microseconds(rows["usable_at"]))


def _contests(rows: pl.DataFrame) -> Integers:
    """Rows of one event that became usable together are a contest."""
    new = pl.struct("event_id", "usable_at")
    return rows.select((new != new.shift()).fill_null(value=True).cum_sum().cast(pl.Int64)).to_series().to_numpy()


@compiled
def _best_results(contests: Integers, code: Places, results: Floats) -> Floats:
    """Results, of the entrants of one entity in a contest the best alone: the first of equal ones."""
    found, begin = results.copy(), 0
    for row in range(len(contests)):
        if contests[row] != contests[begin]:
            begin = row
        for earlier in range(begin, row):
            if code[earlier] == code[row] and code[row] >= 0:
                better = not np.isnan(found[row]) and not found[earlier] <= found[row]
                found[earlier if better else row] = np.nan
    return found


def _last(after: Ratings, code: Places, known: NDArray[np.bool_], entities: int) -> Ratings:
    """Each entity's last rating among rows that are in order."""
    before = Ratings.unrated(entities)
    rows = np.flatnonzero(known & ~np.isnan(after.mean) & (code >= 0))
    for own, theirs in zip((before.mean, before.spread, before.at), (after.mean, after.spread, after.at), strict=True):
        # Of repeated places the last one counts.
        own[code[rows]] = theirs[rows]
    return before


def _at_cutoffs(state: State, asked: Places, code: Places, after: Ratings, step: Rating) -> Ratings:
    rows = np.flatnonzero(~np.isnan(after.mean) & (code >= 0)).astype(np.int32)
    listing = Listing(code[rows], rows, Moments.of(after.at[rows]))
    ranges = Ranges(asked, state.cutoffs, listing)
    last = _last_of(ranges.begin, ranges.high, ranges.listing.row, after.mean, after.spread, after.at, ranges.cutoff)
    aged = decayed(Ratings(*last), ranges.cutoff, step.system)
    mean, spread = (taken(column, ranges.pair_of) for column in (aged.mean, aged.spread))
    return Ratings(mean, spread, taken(aged.at, ranges.pair_of))


@compiled
def _last_of(
    begin: Places, high: Places, row: Places, mean: Floats, spread: Floats, at: Integers, otherwise: Integers
) -> tuple[Floats, Floats, Integers]:
    """What the last row of each range says, NaN and another instant where it has none."""
    means, spreads, instants = np.full(len(begin), np.nan), np.full(len(begin), np.nan), otherwise.copy()
    for one in range(len(begin)):
        if high[one] > begin[one]:
            last = row[high[one] - 1]
            means[one], spreads[one], instants[one] = mean[last], spread[last], at[last]
    return means, spreads, instants
