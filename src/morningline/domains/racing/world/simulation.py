"""A synthetic racing world: seasons of racing and betting, made from a seed, with the true probabilities."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from morningline.domains.racing.world.calendar import Race, fixtures, next_racing_day
from morningline.domains.racing.world.export import RESULT_COLUMNS, Names, export
from morningline.domains.racing.world.horses import breed
from morningline.domains.racing.world.market import price, softmax_within
from morningline.domains.racing.world.names import horse_names, people_names
from morningline.domains.racing.world.races import Racing, Run, enter, hire, run_race
from morningline.kit.errors import InputError

_REST_DAYS = 5
_SMALLEST_FIELD = 6


@dataclass(frozen=True, kw_only=True)
class World:
    """The parameters of a world; the same parameters always give the same bytes.

    Args:
        seed: Seed of every draw.
        seasons: History runs from `first_day` to 30 November of this many calendar years.
        first_day: First day of the history.
        last_day: Last day of the history; None for the end of the last season.
        horses: Horses in training in the first year.
        jockeys: How many jockeys ride, at least 60.
        trainers: How many trainers.
        noise_lbs: Pounds to one unit of Gumbel noise: larger makes winners harder to foresee.
        market_noise: Standard deviation of the market's error about the utility, in Gumbel units.
        market_exponent: The exponent which makes the market's prices calibrated; over one, long shots are
            overbet.

    Raises:
        InputError: If the parameters do not describe a world.

    Example:
        >>> from datetime import date
        >>> simulation = simulate(World(seed=1, last_day=date(2023, 3, 5)))
        >>> simulation.tomorrow
        datetime.date(2023, 3, 6)
    """

    seed: int = 20
    seasons: int = 2
    first_day: date = date(2023, 3, 1)
    last_day: date | None = None
    horses: int = 2400
    jockeys: int = 70
    trainers: int = 60
    noise_lbs: float = 6.2
    market_noise: float = 0.45
    market_exponent: float = 1.08

    def __post_init__(self) -> None:
        if self.seasons < 1 or self.end < self.first_day:
            raise InputError(
                f"The history would run from {self.first_day} to {self.end}.",
                allowed="at least one season, and a last day not before the first",
            )
        # Two meetings share the jockeys of a day, and a field has up to fourteen runners.
        if self.horses < 600 or self.jockeys < 60 or self.trainers < 1:
            raise InputError(
                f"{self.horses} horses, {self.jockeys} jockeys and {self.trainers} trainers are too few.",
                allowed="600 horses, 60 jockeys and one trainer, or more",
            )

    @property
    def end(self) -> date:
        """The last day of the history."""
        return self.last_day or date(self.first_day.year + self.seasons - 1, 11, 30)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What came out of a world, as frames with the columns of the files.

    Args:
        tomorrow: The local day of the card: the first racing day after the history.
        runs: The history, one row a runner, in the order of the off times.
        card: Tomorrow's runners, with null for what is not known before the race.
        results: The same runners with what happened.
        truth: race_id, horse_id and true_probability of winning, for history and tomorrow; in a dead heat
            the win is shared equally.
    """

    tomorrow: date
    runs: pl.DataFrame
    card: pl.DataFrame
    results: pl.DataFrame
    truth: pl.DataFrame


def _race_day(racing: Racing, meetings: list[list[Race]]) -> list[Run]:
    """Run the races of one day: a horse runs once, a jockey rides at one meeting."""
    day, horses = meetings[0][0].day.toordinal(), racing.horses
    able = (horses.first_day <= day) & (day <= horses.last_day) & (day - horses.last_run >= _REST_DAYS)
    pools = np.array_split(racing.chance.permutation(len(racing.people.fame)), len(meetings))
    done = []
    for meeting, pool in zip(meetings, pools, strict=True):
        for race in meeting:
            runners = enter(race, horses, able, racing.chance)
            # A race that does not fill is not run; its number stays empty.
            if len(runners) >= _SMALLEST_FIELD:
                done.append(run_race(racing, race, runners, pool))
    return done


def _race_all(world: World, racing: Racing, calendar: np.random.Generator, growth: np.random.Generator) -> list[Run]:
    """Run every day from the first to tomorrow, with the horses changing in between."""
    done: list[Run] = []
    seen = world.first_day
    for meetings in fixtures(world.first_day, next_racing_day(world.end), calendar):
        day = meetings[0][0].day
        racing.horses.grow(day.year, (day - seen).days, growth)
        # Ratings are published once a week, on the first day of racing in it.
        if day.isocalendar().week != seen.isocalendar().week:
            racing.horses.publish_ratings()
        seen = day
        done += _race_day(racing, meetings)
    return sorted(done, key=lambda run: (run.race.day, run.race.off_minute, run.race.course.code))


def simulate(world: World) -> Simulation:
    """Simulate a world: breed the horses, run the races, price and publish them.

    Args:
        world: The parameters.

    Returns:
        The history, tomorrow's card and results, and the true probabilities.

    Raises:
        InputError: If the world needs more names than there are.
    """
    # Each part has its own stream of chance, so that a change of one leaves the draws of the others alone.
    seeds = np.random.SeedSequence(world.seed).spawn(8)
    words, birth, office, calendar, chance, growth, crowd, judge = [
        np.random.Generator(np.random.PCG64(seed)) for seed in seeds
    ]
    tomorrow = next_racing_day(world.end)
    horses = breed(world.first_day, tomorrow, world.horses, world.trainers, birth)
    people = hire(world.jockeys, world.trainers, office)
    racing = Racing(horses=horses, people=people, noise_lbs=world.noise_lbs, chance=chance)
    persons = people_names(world.jockeys + world.trainers, words)
    names = Names(
        horses=horse_names(len(horses.born), words),
        jockeys=persons[: world.jockeys],
        trainers=persons[world.jockeys :],
    )
    runs = _race_all(world, racing, calendar, growth)
    utility = np.concatenate([run.utility for run in runs])
    starts = np.cumsum([0, *(len(run.horse) for run in runs[:-1])])
    prices = price(utility, starts, noise=world.market_noise, exponent=world.market_exponent, rng=crowd)
    everything = export(runs, horses, names, prices, judge)
    late = pl.col("date") == f"{tomorrow:%d/%m/%Y}"
    results = everything.filter(late)
    truth = pl.Series("true_probability", softmax_within(utility, starts))
    return Simulation(
        tomorrow=tomorrow,
        runs=everything.filter(~late),
        card=results.with_columns(pl.lit(None, dtype=results.schema[c]).alias(c) for c in RESULT_COLUMNS),
        results=results,
        truth=everything.select("race_id", "horse_id").with_columns(truth),
    )


def write_world(simulation: Simulation, folder: Path) -> list[Path]:
    """Write a simulation as UTF-8 CSV files: history by year, tomorrow's card and results, and the truth.

    Args:
        simulation: What to write.
        folder: Where; made if missing. Files of the same names are replaced.

    Returns:
        The files written: `history/runs_<year>.csv`, `card/runs_<date>.csv`, `results/runs_<date>.csv` and
        `truth.csv`.
    """
    year = simulation.runs["date"].str.slice(6)
    files = {f"history/runs_{y}.csv": simulation.runs.filter(year == y) for y in year.unique().sort()}
    files[f"card/runs_{simulation.tomorrow}.csv"] = simulation.card
    files[f"results/runs_{simulation.tomorrow}.csv"] = simulation.results
    files["truth.csv"] = simulation.truth
    for name, frame in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_csv(path)
    return [folder / name for name in files]
