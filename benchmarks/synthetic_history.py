"""A synthetic history of racing as the feature engine sees it: seeded, of any size, made in seconds.

At its usual size: 1.5 million runners in twelve years, about 136,000 races of 8 to 14, careers of about 15 runs, 1,500
jockeys and 1,200 trainers of whom a few are very busy, 40 courses. Ten times as many runners are ten times as wide:
more horses, people, courses and races a day, in the same twelve years.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.features.engine import Events
from morningline.kit.clock import local_day_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

USUAL_ROWS = 1_500_000
FIRST = date(2014, 1, 1)
DAYS = 4383
ZONE = "Europe/London"
FIELD = 11
# Runs of a horse on average; those cut off by the ends of the history count in full.
CAREER = 18
# Fewer runners than this do not fill a day's races, so a small history races on fewer days.
LEAST_A_DAY = 60
RACES_A_MEETING = 7
DISTANCES = (1000, 1200, 1400, 1600, 1800, 2000, 2400, 2800, 3200, 4000)
GOINGS = ("firm", "good", "yielding", "soft", "heavy")
MINUTE = 60_000_000
"""Microseconds in a minute."""


@dataclass(frozen=True)
class World:
    """How many there are of each."""

    jockeys: int
    trainers: int
    courses: int

    @classmethod
    def of(cls, rows: int) -> World:
        """Of a number of runners."""
        size = rows / USUAL_ROWS
        return cls(max(30, int(1500 * size)), max(25, int(1200 * size)), max(4, int(40 * size)))


def history(rows: int = USUAL_ROWS, *, seed: int = 1, plain: bool = False) -> Events:
    """Entrants and outcomes of about twelve years.

    Args:
        rows: Runners.
        seed: Of everything random; the same gives the same history.
        plain: Every entrant ran and every result was known that evening, so that a window over earlier days says
            what was known at the cut-off. Otherwise some are withdrawn, some results come the next morning, and some
            winners are disqualified a week later.
    """
    rng = np.random.default_rng(seed)
    runs = _races(_runs(rng, rows), rng, World.of(rows))
    cards = _cards(runs, rng)
    outcomes = _outcomes(cards, rng, plain=plain)
    return Events(_entrants(cards), outcomes if plain else _corrected(outcomes, rng))


def _runs(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Which horse runs on which day, in the order of days."""
    before = 900  # days, so that the history begins amid careers
    horses = int(rows / CAREER * (DAYS + before) / DAYS * 1.1) + 10
    runs = np.maximum(1, rng.gamma(1.5, CAREER / 1.5, horses).astype(np.int64))
    horse = np.repeat(np.arange(horses), runs)
    layoff = (rng.random(len(horse)) < 0.06) * rng.gamma(2, 80, len(horse))
    elapsed = np.cumsum(3 + rng.gamma(1.3, 20, len(horse)) + layoff)
    debut = np.repeat(np.cumsum(runs) - runs, runs)
    day = np.repeat(rng.uniform(-before, DAYS, horses), runs) + elapsed - elapsed[debut]
    spacing = max(1, -(-LEAST_A_DAY * DAYS // rows))
    found = pl.DataFrame({"horse": horse, "day": np.floor(day).astype(np.int64) // spacing * spacing})
    found = found.filter(pl.col("day").is_between(0, DAYS - 1)).unique(["horse", "day"], maintain_order=True)
    chosen = rng.choice(found.height, min(rows, found.height), replace=False)
    # The order of the choice is random, so a stable sort by day leaves the horses of a day shuffled.
    return found[chosen].sort("day", maintain_order=True)


def _races(runs: pl.DataFrame, rng: np.random.Generator, world: World) -> pl.DataFrame:
    """The runs of each day dealt into races, the races into meetings, with horses' people."""
    _, begins, runners = np.unique(runs["day"].to_numpy(), return_index=True, return_counts=True)
    races = np.maximum(1, np.round(runners / FIELD).astype(np.int64))
    day_of_race = np.repeat(np.arange(len(races)), races)
    number = np.arange(len(day_of_race)) - np.repeat(np.cumsum(races) - races, races)
    jitter = np.where(number > 0, rng.uniform(-0.15, 0.15, len(number)), 0)
    starts = begins[day_of_race] + np.round((number + jitter) * (runners / races)[day_of_race]).astype(np.int64)
    sizes = np.diff(np.append(starts, runs.height))
    meeting = day_of_race * 100_000 + number // RACES_A_MEETING
    _, meeting = np.unique(meeting, return_inverse=True)
    course = (number // RACES_A_MEETING + rng.integers(0, world.courses, len(races))[day_of_race]) % world.courses
    card = pl.DataFrame(
        {
            "race": np.arange(len(starts)),
            "meeting": meeting,
            "course": course,
            "race_number": number % RACES_A_MEETING + 1.0,
            "distance_m": np.array(DISTANCES, dtype=np.float64)[rng.integers(0, len(DISTANCES), len(starts))],
            "class_level": rng.integers(-3, 7, len(starts)).astype(np.float64),
            "going": rng.choice(len(GOINGS), int(meeting[-1]) + 1, p=(0.1, 0.5, 0.2, 0.15, 0.05))[meeting],
            "handicap": rng.random(len(starts)) < 0.65,
            "field_size": sizes.astype(np.float64),
        }
    )
    dealt = runs.with_columns(pl.Series("race", np.repeat(np.arange(len(starts)), sizes)))
    return _people(dealt, rng, world).join(card, on="race", how="left", maintain_order="left")


def _people(runs: pl.DataFrame, rng: np.random.Generator, world: World) -> pl.DataFrame:
    """Each horse has its trainer and its usual jockey, who rides it every other time."""
    horses = int(runs["horse"].to_numpy().max()) + 1
    jockeys, trainers = _shares(world.jockeys), _shares(world.trainers)
    horse = runs["horse"].to_numpy()
    usual = rng.choice(world.jockeys, horses, p=jockeys)[horse]
    another = rng.choice(world.jockeys, runs.height, p=jockeys)
    return runs.with_columns(
        pl.Series("jockey", np.where(rng.random(runs.height) < 0.5, usual, another)),
        pl.Series("trainer", rng.choice(world.trainers, horses, p=trainers)[horse]),
        pl.Series("ability", rng.normal(0, 1, horses)[horse]),
        pl.Series("born", rng.integers(-1500, 1500, horses)[horse]),
    )


def _shares(count: int) -> NDArray[np.float64]:
    """Zipf's law as Mandelbrot flattened it at the head: nobody rides a hundred times a day."""
    weights: NDArray[np.float64] = 1 / (np.arange(1, count + 1) + count / 50)
    return weights / weights.sum()


def _cards(runs: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    count = runs.height
    local = runs.with_columns(
        (pl.lit(FIRST) + pl.duration(days="day")).alias("date"), pl.Series("lot", rng.random(count))
    )
    bounds = local_day_bounds(local["date"], ZONE).select(
        pl.col("day").alias("date"), pl.col("starts_at").alias("cutoff")
    )
    rating = 70 + 15 * pl.col("ability") + pl.lit(pl.Series(rng.normal(0, 4, count)))
    high = (115 - 10 * pl.col("class_level")).clip(45, 115)
    return local.join(bounds, on="date", how="left", maintain_order="left").with_columns(
        pl.when(pl.lit(pl.Series(rng.random(count) < 0.85))).then(rating.round()).alias("rating"),
        pl.when("handicap").then(high).alias("rating_high"),
        pl.when("handicap").then(high - 20).alias("rating_low"),
        pl.int_range(1, pl.len() + 1).over("race").cast(pl.Float64).alias("number"),
        pl.col("lot").rank("ordinal").over("race").cast(pl.Float64).alias("draw"),
        ((pl.col("day") - pl.col("born")) / 365 + 2).floor().clip(2, 12).alias("age"),
        (126 + 6 * pl.col("ability") + pl.lit(pl.Series(rng.normal(0, 4, count)))).round().alias("weight_lbs"),
        pl.when(pl.lit(pl.Series(rng.random(count) < 0.5)))
        .then((1050 + pl.lit(pl.Series(rng.normal(0, 60, count)))).round())
        .alias("body_weight_lbs"),
        pl.Series("wears_headgear", (rng.random(count) < 0.3).astype(np.float64)),
    )


def _entrants(cards: pl.DataFrame) -> pl.DataFrame:
    return cards.select(
        *IDENTITY,
        pl.col("date").alias("day"),
        "cutoff",
        _named("hrs", "horse").alias("horse_id"),
        _named("jky", "jockey").alias("jockey_id"),
        _named("trn", "trainer").alias("trainer_id"),
        _named("own", "horse").str.head(-1).alias("owner_id"),
        _named("crs", "course").alias("course_id"),
        pl.when(pl.col("course") % 5 == 0).then(pl.lit("all_weather")).otherwise(pl.lit("turf")).alias("surface"),
        pl.col("going").replace_strict(dict(enumerate(GOINGS)), return_dtype=pl.String).alias("going_group"),
        "distance_m",
        (pl.col("distance_m") / 100).round().cast(pl.Int32).alias("distance_band"),
        *("race_number", "class_level", "rating_high", "rating_low", "number", "draw", "age", "rating"),
        *("weight_lbs", "body_weight_lbs", "wears_headgear", "field_size"),
        pl.when(pl.col("wears_headgear") == 1).then(pl.lit("b")).alias("headgear"),
        pl.when(pl.col("number") % 7 == 0).then(pl.lit(5.0)).alias("claim_lbs"),
        pl.when(pl.col("course") % 2 == 0).then(pl.format("rail {}", pl.col("day") % 4)).alias("rail"),
    )


def _named(prefix: str, column: str) -> pl.Expr:
    return pl.format(prefix + "_{}", pl.col(column).cast(pl.String).str.zfill(8))


IDENTITY = (_named("rac", "race").alias("event_id"), _named("hrs", "horse").alias("entrant_id"))


def _outcomes(cards: pl.DataFrame, rng: np.random.Generator, *, plain: bool) -> pl.DataFrame:
    """What came of the races, some of it unknown: no time, no first call, no complete market."""
    count = cards.height
    market = 0.8 * pl.col("ability") + pl.lit(pl.Series(rng.normal(0, 0.5, count)))
    ran = cards.with_columns(
        pl.Series("here", (rng.random(count) < 0.97) | plain),
        pl.Series("finished", rng.random(count) < 0.96),
        (pl.col("ability") + pl.lit(pl.Series(rng.gumbel(0, 1.2, count)))).alias("performance"),
        pl.Series("early", rng.random(count)),
        pl.Series("timed", rng.random(count) < 0.9),
        market.exp().alias("market"),
    ).filter("here")
    races = int(cards["race"].to_numpy()[-1]) + 1
    known = pl.DataFrame(
        {
            "race": np.arange(races),
            "minutes": _minutes(rng, races, plain=plain),
            "priced": rng.random(races) < 0.95,
        }
    )
    size = pl.len().over("race").cast(pl.Float64)
    finishers = pl.when("finished").then("performance")
    ranked = ran.join(known, on="race", how="left", maintain_order="left").with_columns(
        finishers.rank("ordinal", descending=True).over("race").alias("position"),
        (finishers.max().over("race") - finishers).alias("behind"),
        (pl.col("market") / pl.col("market").sum().over("race")).alias("implied"),
        size.alias("ran"),
    )
    position, rivals = pl.col("position"), pl.max_horizontal(pl.col("ran") - 1, 1.0)
    return ranked.select(
        *IDENTITY,
        (pl.col("date").cast(pl.Datetime("us", "UTC")) + pl.duration(minutes="minutes")).alias("usable_at"),
        (position == 1).cast(pl.Float64).fill_null(0.0).alias("won"),
        (position <= 3).cast(pl.Float64).fill_null(0.0).alias("placed"),
        ((position - 1) / rivals).fill_null(1.0).alias("finish_fraction"),
        (pl.col("behind") * 3).clip(0.0, 30.0).alias("beaten_lengths"),
        pl.when("timed").then(pl.col("distance_m") / 16.5 + pl.col("behind") / 2).alias("finish_seconds"),
        pl.when("timed")
        .then(((pl.col("early") * pl.col("ran")).floor() / rivals).clip(0.0, 1.0))
        .alias("early_fraction"),
        pl.when("timed").then((pl.col("early") * pl.col("ran")).floor() / rivals).clip(0.0, 1.0).alias("turn_fraction"),
        pl.when("timed").then(pl.col("behind") - 1).clip(-3.0, 3.0).alias("last_section"),
        pl.when("timed").then(pl.col("early") - 0.5).alias("late_share"),
        pl.when("priced").then("implied").alias("implied"),
        pl.when("priced").then(pl.col("implied") * 0.9 + 0.01).alias("opened"),
        position.cast(pl.Float64).alias("position"),
        "ran",
    )


def _corrected(outcomes: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One winner in a hundred is disqualified a week later: the row stands until then, and a new one from then on."""
    wrong = (pl.col("won") == 1) & pl.Series(rng.random(outcomes.height) < 0.01)
    corrected_at = pl.col("usable_at") + pl.duration(days=7)
    said = outcomes.with_columns(pl.when(wrong).then(corrected_at).alias("until"))
    disqualified = outcomes.filter(wrong).with_columns(
        corrected_at.alias("usable_at"),
        pl.lit(0.0).alias("won"),
        pl.lit(0.0).alias("placed"),
        pl.lit(1.0).alias("finish_fraction"),
        pl.lit(None, said.schema["until"]).alias("until"),
    )
    return pl.concat([said, disqualified])


def _minutes(rng: np.random.Generator, races: int, *, plain: bool) -> Integers:
    """When each result is usable, in minutes of UTC after its day began: that evening, or the next morning."""
    evening = rng.integers(18 * 60, 22 * 60, races)
    late = rng.random(races) < (0.0 if plain else 0.2)
    return np.where(late, rng.integers(30 * 60, 33 * 60, races), evening)
