"""The running of the synthetic races: who is entered, what each carries and who comes home in what order."""

from dataclasses import dataclass

import numpy as np

from morningline.domains.racing.world.calendar import CLASS_TOPS, Race
from morningline.domains.racing.world.horses import Bools, Floats, Horses, Ints
from morningline.domains.racing.world.names import COURSES, YARDS

# Nine stone seven pounds, the weight at which nothing is gained or lost.
_LEVEL_WEIGHT_LBS = 133
# Pounds of performance lost for a pound carried: a little less than handicappers assume.
_WEIGHT_EFFECT = 0.8


@dataclass(frozen=True, kw_only=True)
class People:
    """Jockeys, trainers and the lie of the courses: everything about a race but its horses.

    Args:
        jockey_lbs: What each jockey is worth, in pounds.
        fame: How much each jockey is sought after; related to the worth, not equal to it.
        trainer_lbs: What each trainer is worth, in pounds.
        stable_jockey: The first jockey of each trainer.
        draw_lbs: What the highest stall gains over the lowest, by course code and distance, in pounds.
    """

    jockey_lbs: Floats
    fame: Floats
    trainer_lbs: Floats
    stable_jockey: Ints
    draw_lbs: dict[tuple[str, str], float]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One race with its runners; arrays have one entry a runner.

    Args:
        race: The race.
        horse: Indices of the horses, in the order of their numbers on the card.
        jockey: Indices of the jockeys.
        draw: Stalls, a permutation of one to n.
        weight: Pounds carried.
        rating: Official rating before the race, NaN for unexposed horses.
        utility: Expected performance in units of the Gumbel noise: winning probability is its softmax.
        performance: The utility with the noise of the day; the highest wins.
        noise_lbs: Pounds to one unit of utility or performance.
        pulled: Did not finish. Such horses are among the beaten half.
    """

    race: Race
    horse: Ints
    jockey: Ints
    draw: Ints
    weight: Ints
    rating: Floats
    utility: Floats
    performance: Floats
    noise_lbs: float
    pulled: Bools


@dataclass(frozen=True, kw_only=True)
class Racing:
    """Everything that carries over from one race to the next.

    Args:
        horses: All horses; their records change with every race.
        people: Jockeys, trainers and draw biases.
        noise_lbs: Pounds to one unit of Gumbel noise.
        chance: The stream of chance of entries and races.
    """

    horses: Horses
    people: People
    noise_lbs: float
    chance: np.random.Generator


def hire(jockeys: int, trainers: int, rng: np.random.Generator) -> People:
    """Draw the jockeys, the trainers and the biases of the draw.

    Args:
        jockeys: How many jockeys.
        trainers: How many trainers.
        rng: The stream of chance used.
    """
    worth = 1.6 * rng.standard_normal(jockeys)
    # The draw matters most in sprints, where there is no time to cross over.
    biases = {
        (course.code, distance): (4.5 if YARDS[distance] <= 1540 else 1.5) * float(rng.standard_normal())
        for course in COURSES
        for distance in course.distances
    }
    return People(
        jockey_lbs=worth,
        fame=worth / 1.6 + 0.7 * rng.standard_normal(jockeys),
        trainer_lbs=1.6 * rng.standard_normal(trainers),
        stable_jockey=rng.integers(jockeys, size=trainers),
        draw_lbs=biases,
    )


def _appeal(race: Race, horses: Horses, able: Ints) -> Floats:
    """Score how well a race suits each able horse in the eyes of its trainer."""
    rest = race.day.toordinal() - horses.last_run[able]
    offset = (np.log(race.yards) - horses.believed_best[able]) / 0.22
    appeal: Floats = -(offset**2) - 5.0 * np.exp(-(rest - 5) / 7)
    if race.course.surface == "AW":
        appeal += 0.15 * horses.all_weather[able]
    if race.kind == "Novice Stakes":
        # Novice races are for horses which have run little; work at home tells roughly which class suits.
        talent = (horses.ability[able] - {4: 71, 5: 58}[race.grade]) / 10
        appeal -= 3.0 * np.maximum(0, horses.runs[able] - 3) + talent**2
        return appeal
    top = CLASS_TOPS[race.grade]
    rating = horses.rating[able]
    short = np.nan_to_num(top - 6 - rating, nan=60.0) / 9
    over = (rating > top) & (race.kind == "Handicap")
    appeal -= short**2 + np.where(over, 1e6, 0.0)
    return appeal


def enter(race: Race, horses: Horses, able: Bools, rng: np.random.Generator) -> Ints:
    """Choose the runners of a race and mark them as no longer able to run that day.

    Args:
        race: The race.
        horses: All horses.
        able: Which horses may still be entered; changed in place.
        rng: The stream of chance used.

    Returns:
        Indices of the runners, fewer than the race is framed for only if no more horses are able.
    """
    age = race.day.year - horses.born
    pool = np.flatnonzero(able & ((age == 2) if race.two_year_olds else (age >= 3)))
    # Adding Gumbel noise to a log weight and taking the best draws a weighted sample without replacement.
    score = _appeal(race, horses, pool) + rng.gumbel(size=len(pool))
    count = min(race.places, len(pool))
    chosen = pool[np.argsort(-score, kind="stable")[:count]]
    able[chosen] = False
    return chosen


def _weights(race: Race, horses: Horses, runners: Ints) -> Ints:
    """Set the weights: by rating in a handicap, never under 8-0; else level, five pounds less for fillies."""
    if race.kind != "Handicap":
        level: Ints = (_LEVEL_WEIGHT_LBS - 5 * horses.female[runners]).astype(np.int64)
        return level
    rating = np.nan_to_num(horses.rating[runners], nan=50.0)
    weights: Ints = np.maximum(137 - (rating.max() - rating), 112).astype(np.int64)
    return weights


def _ride(racing: Racing, race: Race, runners: Ints, pool: Ints) -> Ints:
    """Give each runner a jockey of the meeting: the stable's own where free, then the best to the best."""
    horses, people, luck = racing.horses, racing.people, racing.chance
    hope = horses.estimate[runners] - _WEIGHT_EFFECT * _weights(race, horses, runners)
    hope += 6 * luck.standard_normal(len(runners))
    keen = people.fame[pool] + 1.2 * luck.standard_normal(len(pool))
    free = pool[np.argsort(-keen, kind="stable")].tolist()
    mounted = np.empty(len(runners), dtype=np.int64)
    for i in np.argsort(-hope, kind="stable").tolist():
        own = int(people.stable_jockey[horses.trainer[runners[i]]])
        jockey = own if own in free else free[0]
        free.remove(jockey)
        mounted[i] = jockey
    return mounted


def _merit(race: Race, horses: Horses, runners: Ints) -> Floats:
    """What each horse by itself is worth in this race, in pounds, before weight, draw and people."""
    sign = 0.5 if race.course.surface == "AW" else -0.5
    offset = (np.log(race.yards) - horses.best[runners]) / 0.4
    rest = race.day.toordinal() - horses.last_run[runners]
    runs = horses.runs[runners]
    # A horse is short of its best after a few days, and after a long absence; a debutant lacks experience.
    stale = np.where(runs > 0, 4.0 * (1 - np.exp(-np.maximum(rest - 45, 0) / 60)), 0.0)
    tired = np.where(runs > 0, 4.0 * np.exp(-rest / 5), 0.0)
    merit: Floats = (
        horses.ability[runners]
        + horses.form[runners]
        + sign * horses.all_weather[runners]
        + race.softness * horses.softness[runners]
        - np.minimum(12.0 * offset**2, 15.0)
        - stale
        - tired
        - 4.0 * np.exp(-runs / 1.5)
    )
    return merit


def _pulled(performance: Floats, rng: np.random.Generator) -> Bools:
    """Choose who does not finish, 0.7 % of all, among the beaten half so that no winner is touched."""
    place = np.argsort(np.argsort(-performance, kind="stable"), kind="stable")
    beaten = place >= len(performance) / 2
    return beaten & (rng.random(len(performance)) < 0.014)


def run_race(racing: Racing, race: Race, runners: Ints, pool: Ints) -> Run:
    """Saddle and run one race, and tell the handicapper.

    Performance is utility plus standard Gumbel noise, so the order of finish follows Plackett and Luce and
    the winning probability is the softmax of the utilities (Luce 1959; Yellott 1977), exactly.

    Args:
        racing: Horses and people; the records of the horses are changed in place.
        race: The race.
        runners: Indices of the horses that run.
        pool: Indices of the jockeys at the meeting, at least as many as runners.
    """
    horses, people, rng = racing.horses, racing.people, racing.chance
    n = len(runners)
    # Saddle-cloth numbers follow the weights, as on a real racecard.
    runners = runners[np.lexsort((rng.random(n), -_weights(race, horses, runners)))]
    weight = _weights(race, horses, runners)
    jockey = _ride(racing, race, runners, pool)
    draw = rng.permutation(n) + 1
    bias = people.draw_lbs[race.course.code, race.distance] * ((draw - 1) / max(n - 1, 1) - 0.5)
    carried = _WEIGHT_EFFECT * (weight - _LEVEL_WEIGHT_LBS)
    lbs = _merit(race, horses, runners) + bias - carried
    lbs += people.jockey_lbs[jockey] + people.trainer_lbs[horses.trainer[runners]]
    utility = lbs / racing.noise_lbs
    performance = utility + rng.gumbel(size=n)
    # The handicapper sees performance and weight, not the excuses; Euler's constant is a Gumbel's mean.
    figures = racing.noise_lbs * (performance - np.euler_gamma) + carried + 3.0 * rng.standard_normal(n)
    rating = horses.rating[runners].copy()
    horses.record(runners, figures, race.day.toordinal())
    return Run(
        race=race,
        horse=runners,
        jockey=jockey,
        draw=draw,
        weight=weight,
        rating=rating,
        utility=utility,
        performance=performance,
        noise_lbs=racing.noise_lbs,
        pulled=_pulled(performance, rng),
    )
