"""The racing features, first cut: form, market memory, speed against par, fitness, weight, draw, people, conditions."""

from __future__ import annotations

from pathlib import Path

from morningline.features.definitions import (
    Centred,
    Days,
    Decay,
    Derived,
    Expression,
    History,
    Last,
    Step,
    WithinEvent,
)
from morningline.features.feature_set import FeatureSet

HORSE = ("horse_id",)
JOCKEY = ("jockey_id",)
TRAINER = ("trainer_id",)
TRACK = ("course_id", "surface", "distance_band")

# A field has about twelve runners, so a runner of whom nothing is known wins one race in twelve.
AVERAGE_WIN = 1 / 12
AVERAGE_FINISH = 0.5


def _par() -> list[Step]:
    """Speed against a par known so far, freed from the state of the track that day."""
    return [
        History(
            name="par_seconds",
            key=TRACK,
            value="finish_seconds",
            unit="s",
            kept=False,
            description="Mean time of all earlier finishers at this course, surface and distance.",
        ),
        History(
            name="par_runs",
            key=TRACK,
            value="finish_seconds",
            aggregate="count",
            kept=False,
            description="Finishers behind the par.",
        ),
        Derived(
            name="raw_speed",
            sql="CASE WHEN par_runs >= 30 THEN 1000 * (1 - finish_seconds / par_seconds) END",
            description="Faster than par, in thousandths.",
        ),
        Centred(
            name="speed",
            of="raw_speed",
            by=("course_id", "surface"),
            description="Faster than par, less the mean of that day on that track.",
        ),
        Derived(
            name="class_speed",
            sql="speed + 0.25 * rating_high",
            description="Speed figure that credits the class it was run in.",
        ),
        Derived(
            name="strength",
            sql="LN(GREATEST(implied, 0.001) * ran)",
            description="What the closing market thought, against an average runner of that race.",
        ),
        Derived(name="surprise", sql="won - implied", description="Won, less the market's probability."),
        Derived(
            name="gain",
            sql="early_fraction - finish_fraction",
            description="Share of the field passed from the first call to the line.",
        ),
        Derived(
            name="beaten_log",
            sql="LN(1 + beaten_lengths)",
            description="Logarithm of one plus the lengths beaten.",
        ),
        Derived(
            name="class_finish",
            sql="finish_fraction - 0.01 * rating_high",
            description="Finish, credited for class.",
        ),
        Derived(name="past_rating", sql="rating", description="Official rating carried that day."),
        Derived(name="past_weight", sql="weight_lbs", description="Weight carried that day."),
        Derived(name="past_body_weight", sql="body_weight_lbs", description="Weight of the horse that day."),
        Derived(
            name="past_rating_high",
            sql="rating_high",
            description="Class of that day, as the highest rating admitted.",
        ),
        Derived(name="past_distance", sql="distance_m", description="Distance of that day."),
        Derived(
            name="past_draw",
            sql="(draw - 1) / GREATEST(field_size - 1, 1)",
            description="Draw of that day as a share of the field.",
        ),
    ]


def _form() -> list[Step]:
    """What a horse did: finishing positions, margins, wins."""
    steps: list[Step] = [
        History(name="horse_runs", key=HORSE, aggregate="count", unit="runs", description="Runs so far."),
        History(
            name="horse_win_rate",
            key=HORSE,
            value="won",
            aggregate="rate",
            prior=AVERAGE_WIN,
            prior_rows=8,
            unit="share",
            description="Share of runs won, drawn towards an average runner.",
        ),
        History(
            name="horse_place_rate",
            key=HORSE,
            value="placed",
            aggregate="rate",
            prior=0.25,
            prior_rows=6,
            unit="share",
            description="Share of runs in the first three, drawn towards an average runner.",
        ),
        History(
            name="horse_won_last",
            key=HORSE,
            value="won",
            window=Last(1),
            aggregate="last",
            unit="share",
            description="Whether it won last time.",
        ),
        History(
            name="horse_wins_365d",
            key=HORSE,
            value="won",
            window=Days(365),
            aggregate="sum",
            unit="wins",
            description="Wins in the last 365 days.",
        ),
    ]
    steps += [
        History(
            name=f"horse_finish_{n}",
            key=HORSE,
            value="finish_fraction",
            window=Last(n),
            unit="share",
            description=f"Mean share of the field that finished ahead, last {n} runs.",
        )
        for n in (1, 3, 6)
    ]
    steps += [
        History(
            name="horse_finish_decay",
            key=HORSE,
            value="class_finish",
            window=Decay(120),
            unit="share",
            description="Finish credited for class, a run half a season ago counting a third.",
        ),
        History(
            name="horse_finish_best_6",
            key=HORSE,
            value="finish_fraction",
            window=Last(6),
            aggregate="min",
            unit="share",
            description="Best finish of the last 6 runs.",
        ),
        History(
            name="horse_beaten_1",
            key=HORSE,
            value="beaten_log",
            window=Last(1),
            unit="log lengths",
            description="Lengths beaten last time, logarithm.",
        ),
        History(
            name="horse_beaten_4",
            key=HORSE,
            value="beaten_log",
            window=Last(4),
            unit="log lengths",
            description="Lengths beaten over the last 4 runs, logarithm.",
        ),
        History(
            name="horse_beaten_decay",
            key=HORSE,
            value="beaten_log",
            window=Decay(90),
            unit="log lengths",
            description="Lengths beaten, recent runs counting more.",
        ),
    ]
    return steps


def _speed() -> list[Step]:
    """How fast a horse ran, against par."""
    return [
        History(
            name="horse_speed_1",
            key=HORSE,
            value="speed",
            window=Last(1),
            unit="thousandths",
            description="Speed figure last time.",
        ),
        History(
            name="horse_speed_3",
            key=HORSE,
            value="speed",
            window=Last(3),
            unit="thousandths",
            description="Mean speed figure of the last 3 runs.",
        ),
        History(
            name="horse_speed_best_5",
            key=HORSE,
            value="speed",
            window=Last(5),
            aggregate="max",
            unit="thousandths",
            description="Best speed figure of the last 5 runs.",
        ),
        History(
            name="horse_speed_best",
            key=HORSE,
            value="speed",
            aggregate="max",
            unit="thousandths",
            description="Best speed figure so far.",
        ),
        History(
            name="horse_speed_decay",
            key=HORSE,
            value="speed",
            window=Decay(120),
            unit="thousandths",
            description="Speed figure, recent runs counting more.",
        ),
        History(
            name="horse_speed_std",
            key=HORSE,
            value="speed",
            window=Last(10),
            aggregate="std",
            unit="thousandths",
            description="Scatter of the speed figures of the last 10 runs.",
        ),
        History(
            name="horse_class_speed_decay",
            key=HORSE,
            value="class_speed",
            window=Decay(180),
            unit="thousandths",
            description="Speed figure credited for class, recent runs counting more.",
        ),
    ]


def _market_memory() -> list[Step]:
    """What closing markets thought of a horse in past races. Its price today is not known and not used."""
    return [
        History(
            name="horse_implied_1",
            key=HORSE,
            value="implied",
            window=Last(1),
            unit="probability",
            description="Closing market's probability last time.",
        ),
        History(
            name="horse_implied_4",
            key=HORSE,
            value="implied",
            window=Last(4),
            unit="probability",
            description="Closing market's mean probability, last 4 runs.",
        ),
        History(
            name="horse_strength_1",
            key=HORSE,
            value="strength",
            window=Last(1),
            unit="log",
            description="Market strength last time: log of probability times field.",
        ),
        History(
            name="horse_strength_3",
            key=HORSE,
            value="strength",
            window=Last(3),
            unit="log",
            description="Mean market strength of the last 3 runs.",
        ),
        History(
            name="horse_strength_decay",
            key=HORSE,
            value="strength",
            window=Decay(60),
            unit="log",
            description="Market strength, recent runs counting more.",
        ),
        History(
            name="horse_strength_best_6",
            key=HORSE,
            value="strength",
            window=Last(6),
            aggregate="max",
            unit="log",
            description="Highest market strength of the last 6 runs.",
        ),
        History(
            name="horse_surprise_8",
            key=HORSE,
            value="surprise",
            window=Last(8),
            unit="probability",
            description="Won less than or more than the market expected, last 8 runs.",
        ),
    ]


def _fitness() -> list[Step]:
    """When and how often a horse ran, and what it weighed."""
    return [
        History(
            name="horse_days_since",
            key=HORSE,
            aggregate="days_since",
            unit="days",
            description="Days since its last run became known.",
        ),
        History(
            name="horse_runs_60d",
            key=HORSE,
            window=Days(60),
            aggregate="count",
            unit="runs",
            description="Runs in the last 60 days.",
        ),
        History(
            name="horse_gain_5",
            key=HORSE,
            value="gain",
            window=Last(5),
            unit="share",
            description="Share of the field passed after the first call, last 5 runs.",
        ),
        History(
            name="horse_early_5",
            key=HORSE,
            value="early_fraction",
            window=Last(5),
            unit="share",
            description="Position at the first call, as a share of the field, last 5 runs.",
        ),
        History(
            name="horse_draw_5",
            key=HORSE,
            value="past_draw",
            window=Last(5),
            unit="share",
            description="Draw of the last 5 runs, as a share of the field.",
        ),
        History(
            name="last_rating",
            key=HORSE,
            value="past_rating",
            window=Last(1),
            aggregate="last",
            kept=False,
            unit="rating",
            description="Rating last time.",
        ),
        History(
            name="rating_mean_6",
            key=HORSE,
            value="past_rating",
            window=Last(6),
            kept=False,
            unit="rating",
            description="Mean rating of the last 6 runs.",
        ),
        History(
            name="last_weight",
            key=HORSE,
            value="past_weight",
            window=Last(1),
            aggregate="last",
            kept=False,
            unit="lb",
            description="Weight carried last time.",
        ),
        History(
            name="last_body_weight",
            key=HORSE,
            value="past_body_weight",
            window=Last(1),
            aggregate="last",
            kept=False,
            unit="lb",
            description="Weight of the horse last time.",
        ),
        History(
            name="body_weight_mean_6",
            key=HORSE,
            value="past_body_weight",
            window=Last(6),
            kept=False,
            unit="lb",
            description="Mean weight of the horse, last 6 runs.",
        ),
        History(
            name="last_rating_high",
            key=HORSE,
            value="past_rating_high",
            window=Last(1),
            aggregate="last",
            kept=False,
            unit="rating",
            description="Class last time.",
        ),
        History(
            name="last_distance",
            key=HORSE,
            value="past_distance",
            window=Last(1),
            aggregate="last",
            kept=False,
            unit="m",
            description="Distance last time.",
        ),
        Expression(
            name="rating_change",
            sql="rating - last_rating",
            unit="rating",
            description="Rating, less that of last time.",
        ),
        Expression(
            name="rating_trend",
            sql="rating - rating_mean_6",
            unit="rating",
            description="Rating, less the mean of the last 6 runs.",
        ),
        Expression(
            name="weight_change_lbs",
            sql="weight_lbs - last_weight",
            unit="lb",
            description="Weight carried, less that of last time.",
        ),
        Expression(
            name="body_weight_change_lbs",
            sql="body_weight_lbs - last_body_weight",
            unit="lb",
            description="Weight of the horse, less that of last time.",
        ),
        Expression(
            name="body_weight_from_usual_lbs",
            sql="body_weight_lbs - body_weight_mean_6",
            unit="lb",
            description="Weight of the horse, less its mean of 6 runs.",
        ),
        Expression(
            name="class_change",
            sql="rating_high - last_rating_high",
            unit="rating",
            description="Class, less that of last time; negative is a drop.",
        ),
        Expression(
            name="distance_change_m",
            sql="distance_m - last_distance",
            unit="m",
            description="Distance, less that of last time.",
        ),
    ]


def _affinity() -> list[Step]:
    """The horse under conditions like today's."""
    steps: list[Step] = []
    for word, key in (
        ("course", "course_id"),
        ("distance", "distance_band"),
        ("surface", "surface"),
        ("going", "going_group"),
    ):
        pair = (*HORSE, key)
        steps += [
            History(
                name=f"horse_{word}_runs",
                key=pair,
                aggregate="count",
                unit="runs",
                description=f"Runs on this {word}.",
            ),
            History(
                name=f"horse_{word}_finish",
                key=pair,
                value="finish_fraction",
                aggregate="rate",
                prior=AVERAGE_FINISH,
                prior_rows=3,
                unit="share",
                description=f"Share of the field ahead on this {word}, drawn towards the middle.",
            ),
        ]
    steps += [
        History(
            name="horse_track_speed",
            key=(*HORSE, *TRACK),
            value="speed",
            unit="thousandths",
            description="Mean speed figure at this course, surface and distance.",
        ),
        History(
            name="horse_track_surprise",
            key=(*HORSE, "course_id", "surface"),
            value="surprise",
            aggregate="rate",
            prior_rows=4,
            unit="probability",
            description="Won more than the market expected on this track.",
        ),
        History(
            name="horse_jockey_finish",
            key=(*HORSE, *JOCKEY),
            value="finish_fraction",
            aggregate="rate",
            prior=AVERAGE_FINISH,
            prior_rows=3,
            unit="share",
            description="Share of the field ahead with this jockey, drawn towards the middle.",
        ),
        History(
            name="horse_jockey_runs",
            key=(*HORSE, *JOCKEY),
            aggregate="count",
            unit="runs",
            description="Runs with this jockey.",
        ),
    ]
    return steps


def _people() -> list[Step]:
    """Jockeys, trainers, and both together."""
    steps: list[Step] = []
    for word, key in (("jockey", JOCKEY), ("trainer", TRAINER)):
        steps += [
            History(
                name=f"{word}_win_rate",
                key=key,
                value="won",
                aggregate="rate",
                prior=AVERAGE_WIN,
                prior_rows=50,
                unit="share",
                description=f"Share of the {word}'s runners that won, so far.",
            ),
            History(
                name=f"{word}_win_rate_365d",
                key=key,
                value="won",
                window=Days(365),
                aggregate="rate",
                prior=AVERAGE_WIN,
                prior_rows=50,
                unit="share",
                description="The same over 365 days.",
            ),
            History(
                name=f"{word}_win_rate_45d",
                key=key,
                value="won",
                window=Days(45),
                aggregate="rate",
                prior=AVERAGE_WIN,
                prior_rows=20,
                unit="share",
                description="The same over 45 days.",
            ),
            History(
                name=f"{word}_finish_180d",
                key=key,
                value="finish_fraction",
                window=Days(180),
                unit="share",
                description=f"Mean share of the field ahead of the {word}'s runners, 180 days.",
            ),
            History(
                name=f"{word}_strength_90d",
                key=key,
                value="strength",
                window=Days(90),
                unit="log",
                description=f"Mean market strength of the {word}'s runners, 90 days.",
            ),
            History(
                name=f"{word}_surprise_365d",
                key=key,
                value="surprise",
                window=Days(365),
                aggregate="rate",
                prior_rows=50,
                unit="probability",
                description="Won more than the market expected, 365 days.",
            ),
            History(
                name=f"{word}_runs_30d",
                key=key,
                window=Days(30),
                aggregate="count",
                unit="runs",
                description=f"Runners of the {word} in 30 days.",
            ),
        ]
    pair = (*JOCKEY, *TRAINER)
    steps += [
        History(
            name="jockey_trainer_win_rate",
            key=pair,
            value="won",
            aggregate="rate",
            prior=AVERAGE_WIN,
            prior_rows=20,
            unit="share",
            description="Share won by this jockey for this trainer.",
        ),
        History(
            name="jockey_trainer_runs",
            key=pair,
            aggregate="count",
            unit="runs",
            description="Rides of this jockey for this trainer.",
        ),
        History(
            name="jockey_trainer_strength",
            key=pair,
            value="strength",
            window=Days(365),
            aggregate="rate",
            prior_rows=10,
            unit="log",
            description="Market strength of this jockey's rides for this trainer, 365 days.",
        ),
        History(
            name="jockey_course_win_rate",
            key=(*JOCKEY, "course_id"),
            value="won",
            window=Days(730),
            aggregate="rate",
            prior=AVERAGE_WIN,
            prior_rows=40,
            unit="share",
            description="Share won by this jockey on this course, two years.",
        ),
    ]
    return steps


def _draw() -> list[Step]:
    """What the stall is worth at this course and distance."""
    stall = (*TRACK, "draw")
    return [
        History(
            name="draw_win_rate",
            key=stall,
            value="won",
            aggregate="rate",
            prior=AVERAGE_WIN,
            prior_rows=60,
            unit="share",
            description="Share won from this stall at this course, surface and distance.",
        ),
        History(
            name="draw_finish",
            key=stall,
            value="finish_fraction",
            aggregate="rate",
            prior=AVERAGE_FINISH,
            prior_rows=40,
            unit="share",
            description="Share of the field ahead from this stall at this course, surface and distance.",
        ),
        History(
            name="draw_surprise",
            key=stall,
            value="surprise",
            aggregate="rate",
            prior_rows=60,
            unit="probability",
            description="Won more than the market expected from this stall.",
        ),
    ]


def _card() -> list[Step]:
    """What the card says today."""
    said = {
        "rating": ("rating", "Official rating."),
        "weight_lbs": ("lb", "Weight to be carried."),
        "body_weight_lbs": ("lb", "Declared weight of the horse."),
        "draw": ("stall", "Stall."),
        "field_size": ("runners", "Declared runners."),
        "distance_m": ("m", "Distance."),
        "class_level": ("class", "Class; smaller is better, group races below zero."),
        "rating_high": ("rating", "Highest rating admitted."),
        "age": ("years", "Age."),
        "wears_headgear": ("0 or 1", "Whether headgear is declared."),
    }
    return [
        Expression(name=f"card_{name}", sql=name, unit=unit, description=text) for name, (unit, text) in said.items()
    ]


def _within() -> list[Step]:
    """The same figures against the rivals of today."""
    scored = (
        "card_rating",
        "card_weight_lbs",
        "horse_strength_1",
        "horse_strength_3",
        "horse_strength_decay",
        "horse_strength_best_6",
        "horse_finish_decay",
        "horse_beaten_decay",
        "horse_speed_3",
        "horse_speed_best_5",
        "horse_speed_decay",
        "horse_class_speed_decay",
        "jockey_win_rate_365d",
        "jockey_strength_90d",
        "trainer_win_rate_365d",
        "trainer_strength_90d",
        "draw_finish",
        "jockey_trainer_strength",
        "horse_place_rate",
        "horse_days_since",
        "horse_surprise_8",
        "horse_early_5",
        "horse_distance_finish",
    )
    ranked = (
        "card_rating",
        "horse_strength_decay",
        "horse_speed_decay",
        "horse_finish_decay",
        "jockey_strength_90d",
    )
    steps: list[Step] = [
        WithinEvent(
            name=f"{name}_z",
            of=name,
            how="z",
            unit="sd",
            description=f"{name}, in standard deviations from the race's mean.",
        )
        for name in scored
    ]
    steps += [
        WithinEvent(
            name=f"{name}_rank",
            of=name,
            how="rank",
            unit="rank",
            description=f"Rank of {name} in the race, 1 is the highest.",
        )
        for name in ranked
    ]
    steps += [
        WithinEvent(
            name="horse_strength_gap",
            of="horse_strength_decay",
            how="gap_to_best",
            unit="log",
            description="Market strength, less the race's highest.",
        ),
        WithinEvent(
            name="horse_speed_gap",
            of="horse_speed_decay",
            how="gap_to_best",
            unit="thousandths",
            description="Speed figure, less the race's highest.",
        ),
        WithinEvent(
            name="horse_early_rank",
            of="horse_early_5",
            how="rank",
            unit="rank",
            description="Rank of the usual early position: the lowest shows the leader.",
        ),
    ]
    return steps


FEATURES = FeatureSet(
    name="racing",
    steps=(
        *_par(),
        *_form(),
        *_speed(),
        *_market_memory(),
        *_fitness(),
        *_affinity(),
        *_people(),
        *_draw(),
        *_card(),
        *_within(),
    ),
    code=(Path(__file__).with_name("events.py"), Path(__file__)),
)
"""The racing feature set."""
