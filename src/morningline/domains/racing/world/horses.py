"""The horses of the synthetic racing world: how good each is, what it likes and how it changes with time."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Ages two to eight among the horses in training on the first day.
_START_AGES = (0.22, 0.27, 0.19, 0.13, 0.09, 0.06, 0.04)
# The share of horses leaving training at the end of the year in which they are 2, 3, ... 9 or older.
_LEAVING = (0.08, 0.30, 0.30, 0.30, 0.35, 0.40, 0.60, 1.0)
# Pounds gained a day at age 2, 3, ... 7 or older: horses grow up to the age of four and fade from six.
_GROWTH_LBS = (0.025, 0.016, 0.005, 0.0, -0.003, -0.007)
_RATED_AFTER_RUNS = 3


@dataclass(kw_only=True)
class Horses:
    """The state of all horses, one entry of each array a horse; it changes from day to day.

    Abilities and likings are in pounds of weight on the scale of official ratings, days are ordinals of the
    proleptic calendar.

    Args:
        born: Year of birth; every horse's birthday is 1 January.
        female: Fillies and mares.
        gelded: Geldings.
        trainer: Index of the trainer.
        first_day: First day on which it may run.
        last_day: Last day on which it may run.
        ability: Latent ability, in pounds.
        form: Passing deviation from the ability, in pounds.
        best: Natural logarithm of the yards it likes best.
        believed_best: The same as its trainer believes it.
        softness: Pounds gained for each step of softer turf.
        all_weather: Pounds gained on the all-weather over turf.
        estimate: The handicapper's running estimate of the ability, in pounds.
        rating: The published official rating, NaN while the horse is unexposed.
        runs: Races run so far.
        last_run: Day of the last race.
    """

    born: Ints
    female: Bools
    gelded: Bools
    trainer: Ints
    first_day: Ints
    last_day: Ints
    ability: Floats
    form: Floats
    best: Floats
    believed_best: Floats
    softness: Floats
    all_weather: Floats
    estimate: Floats
    rating: Floats
    runs: Ints
    last_run: Ints

    def sexes(self, year: int) -> npt.NDArray[np.str_]:
        """The sex letter of every horse in a year: C and F turn H and M at the age of five."""
        adult = year - self.born >= 5
        male = np.where(self.gelded, "G", np.where(adult, "H", "C"))
        return np.where(self.female, np.where(adult, "M", "F"), male)

    def grow(self, year: int, days: int, rng: np.random.Generator) -> None:
        """Let ability and form move on by some days.

        Args:
            year: The year in which the days end.
            days: How many.
            rng: The stream of chance used.
        """
        age = np.clip(year - self.born - 2, 0, len(_GROWTH_LBS) - 1)
        wander = 0.2 * np.sqrt(days) * rng.standard_normal(len(self.born))
        self.ability += days * np.asarray(_GROWTH_LBS)[age] + wander
        # Form is an autoregression with a half-life of 30 days and a standard deviation of 3 lb.
        keep = 0.5 ** (days / 30)
        self.form = keep * self.form + 3.0 * np.sqrt(1 - keep**2) * rng.standard_normal(len(self.born))

    def publish_ratings(self) -> None:
        """Publish the handicapper's estimates as whole pounds, for horses that have run often enough."""
        known = self.runs >= _RATED_AFTER_RUNS
        self.rating[known] = np.clip(np.rint(self.estimate[known]), 40, 118)

    def record(self, runners: Ints, figures: Floats, day: int) -> None:
        """Tell the handicapper and the calendar that some horses have run.

        Args:
            runners: Indices of the horses, none twice.
            figures: Performance of each in pounds, on the scale of the ratings.
            day: The day of the race.
        """
        gain = np.maximum(0.17, 1 / (self.runs[runners] + 2))
        # Handicappers react less to a very bad run than to a plain one, and never fully to a very good one.
        surprise = np.clip(figures - self.estimate[runners], -16, 16)
        self.estimate[runners] += gain * surprise
        self.runs[runners] += 1
        self.last_run[runners] = day


def _leaving_days(born: Ints, start_year: int, rng: np.random.Generator) -> Ints:
    """Draw the last day in training of each horse: an autumn day of the year in which it leaves."""
    leaves = rng.random((len(born), len(_LEAVING))) < np.asarray(_LEAVING)
    ages = np.arange(2, 2 + len(_LEAVING))
    leaves &= (born[:, None] + ages) >= start_year
    year = born + ages[np.argmax(leaves, axis=1)]
    ends = np.array([date(int(y), 12, 31).toordinal() for y in year], dtype=np.int64)
    return ends - rng.integers(0, 75, size=len(born))


def _debut_days(born: Ints, rng: np.random.Generator) -> Ints:
    """Draw the first day: mostly from 10 April at the age of two, for one in four at three."""
    at_three = rng.random(len(born)) < 0.25
    season = np.array([date(int(y) + 2, 4, 10).toordinal() for y in born], dtype=np.int64)
    two = season + rng.integers(0, 190, size=len(born))
    three = season + 290 + rng.integers(0, 150, size=len(born))
    return np.where(at_three, three, two)


def _birth_years(first_year: int, last_year: int, count: int, rng: np.random.Generator) -> Ints:
    """Draw the birth years: a population on the first day and the two-year-olds of each later year."""
    ages = rng.choice(np.arange(2, 9), size=count, p=np.asarray(_START_AGES))
    yearly = round(count * 0.25)
    later = np.repeat(np.arange(first_year + 1, last_year + 1) - 2, yearly)
    born = np.concatenate([first_year - ages, later])
    return rng.permutation(born).astype(np.int64)


def breed(first: date, last: date, count: int, trainers: int, rng: np.random.Generator) -> Horses:
    """Make every horse that will ever run, as it stands on the first day.

    Args:
        first: First day of the world.
        last: Last day of the world.
        count: Horses in training in the first year; a quarter as many arrive in each later year.
        trainers: How many trainers share them.
        rng: The stream of chance used.

    Returns:
        The horses, in an order that says nothing about them.
    """
    born = _birth_years(first.year, last.year, count, rng)
    n = len(born)
    exposed = born <= first.year - 3
    female = rng.random(n) < 0.42
    # Two-year-olds start lower and grow; fillies get an allowance of weight in return for three pounds.
    ability = np.where(exposed, 67.0, 59.0) - 3.0 * female + 12.5 * rng.standard_normal(n)
    estimate = np.where(exposed, ability + 5.0 * rng.standard_normal(n), 60.0)
    best = np.log(1650) + 0.32 * rng.standard_normal(n)
    day = first.toordinal()
    horses = Horses(
        born=born,
        female=female,
        gelded=~female & (rng.random(n) < 0.7),
        trainer=rng.integers(trainers, size=n),
        first_day=np.where(exposed, day, _debut_days(born, rng)),
        last_day=_leaving_days(born, first.year, rng),
        ability=ability,
        form=3.0 * rng.standard_normal(n),
        best=best,
        believed_best=best + 0.1 * rng.standard_normal(n),
        softness=2.2 * rng.standard_normal(n),
        all_weather=4.0 * rng.standard_normal(n),
        estimate=estimate,
        rating=np.full(n, np.nan),
        runs=np.where(exposed, rng.integers(3, 30, size=n), 0),
        last_run=np.where(exposed, day - rng.integers(12, 150, size=n), 0),
    )
    horses.publish_ratings()
    return horses
