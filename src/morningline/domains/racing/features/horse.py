"""What a horse did: its form, its speed, what markets thought of it, how fit it is, and how it likes conditions."""

from __future__ import annotations

from morningline.domains.racing.features.keys import (
    AVERAGE_FINISH,
    AVERAGE_PLACE,
    AVERAGE_WIN,
    COURSE,
    EVER,
    HORSE,
    JOCKEY,
    TRACK,
    Key,
)
from morningline.features.definitions import Days, Decay, Expression, Last, Step


def horse_steps() -> list[Step]:
    """The features of a horse."""
    return [*_form(), *_speed(), *_market_memory(), *_fitness(), *_changes(), *_affinity()]


def _form() -> list[Step]:
    """Finishing positions, margins, wins."""
    average = "drawn towards an average runner"
    return [
        HORSE.runs("horse_runs", EVER, "Runs so far."),
        HORSE.rate("horse_win_rate", "won", EVER, f"Share of runs won, {average}.", prior=AVERAGE_WIN, prior_runs=8),
        HORSE.rate(
            "horse_place_rate",
            "placed",
            EVER,
            f"Share of runs in the first three, {average}.",
            prior=AVERAGE_PLACE,
            prior_runs=6,
        ),
        HORSE.newest("horse_won_last", "won", Last(1), "Whether it won last time."),
        HORSE.total("horse_wins_365d", "won", Days(365), "Wins in the last 365 days.", unit="wins"),
        *(
            HORSE.mean(
                f"horse_finish_{n}",
                "finish_fraction",
                Last(n),
                f"Mean share of the field that finished ahead, last {n} runs.",
            )
            for n in (1, 3, 6)
        ),
        HORSE.mean(
            "horse_finish_decay",
            "class_finish",
            Decay(120),
            "Finish credited for class, a run 120 days older counting half.",
        ),
        HORSE.lowest("horse_finish_best_6", "finish_fraction", Last(6), "Best finish of the last 6 runs."),
        HORSE.mean("horse_beaten_1", "beaten_log", Last(1), "Lengths beaten last time, logarithm."),
        HORSE.mean("horse_beaten_4", "beaten_log", Last(4), "Lengths beaten over the last 4 runs, logarithm."),
        HORSE.mean("horse_beaten_decay", "beaten_log", Decay(90), "Lengths beaten, recent runs counting more."),
    ]


def _speed() -> list[Step]:
    """How fast, against par."""
    return [
        HORSE.mean("horse_speed_1", "speed", Last(1), "Speed figure last time."),
        HORSE.mean("horse_speed_3", "speed", Last(3), "Mean speed figure of the last 3 runs."),
        HORSE.highest("horse_speed_best_5", "speed", Last(5), "Best speed figure of the last 5 runs."),
        HORSE.highest("horse_speed_best", "speed", EVER, "Best speed figure so far."),
        HORSE.mean("horse_speed_decay", "speed", Decay(120), "Speed figure, recent runs counting more."),
        HORSE.scatter("horse_speed_std", "speed", Last(10), "Scatter of the speed figures of the last 10 runs."),
        HORSE.mean(
            "horse_class_speed_decay",
            "class_speed",
            Decay(180),
            "Speed figure credited for class, recent runs counting more.",
        ),
    ]


def _market_memory() -> list[Step]:
    """What closing markets thought of it in past races. Its price today is not known and not used."""
    return [
        HORSE.mean("horse_implied_1", "implied", Last(1), "Closing market's probability last time."),
        HORSE.mean("horse_implied_4", "implied", Last(4), "Closing market's mean probability, last 4 runs."),
        HORSE.mean(
            "horse_strength_1", "strength", Last(1), "Market strength last time: log of probability times field."
        ),
        HORSE.mean("horse_strength_3", "strength", Last(3), "Mean market strength of the last 3 runs."),
        HORSE.mean("horse_strength_decay", "strength", Decay(60), "Market strength, recent runs counting more."),
        HORSE.highest("horse_strength_best_6", "strength", Last(6), "Highest market strength of the last 6 runs."),
        HORSE.mean(
            "horse_surprise_8",
            "surprise",
            Last(8),
            "Won less than or more than the market expected, last 8 runs.",
        ),
    ]


def _fitness() -> list[Step]:
    """When and how often it ran, and where in the field."""
    return [
        HORSE.days_since("horse_days_since", "Days since its last run became known."),
        HORSE.runs("horse_runs_60d", Days(60), "Runs in the last 60 days."),
        HORSE.mean("horse_gain_5", "gain", Last(5), "Share of the field passed after the first call, last 5 runs."),
        HORSE.mean(
            "horse_early_5",
            "early_fraction",
            Last(5),
            "Position at the first call, as a share of the field, last 5 runs.",
        ),
        HORSE.mean("horse_draw_5", "past_draw", Last(5), "Draw of the last 5 runs, as a share of the field."),
    ]


def _changes() -> list[Step]:
    """What is new against the last time it was known, which need not be the last run: not every card says all."""
    rating, weight, body = "rating", "weight_lbs", "body_weight_lbs"
    return [
        HORSE.newest("last_rating", "past_rating", EVER, "Last known rating.", step=True),
        HORSE.mean("rating_mean_6", "past_rating", Last(6), "Mean rating of the last 6 runs.", step=True),
        HORSE.newest("last_weight", "past_weight", EVER, "Last known weight carried.", step=True),
        HORSE.newest("last_body_weight", "past_body_weight", EVER, "Last known weight of the horse.", step=True),
        HORSE.mean(
            "body_weight_mean_6", "past_body_weight", Last(6), "Mean weight of the horse, last 6 runs.", step=True
        ),
        HORSE.newest("last_rating_high", "past_rating_high", EVER, "Last known class.", step=True),
        HORSE.newest("last_distance", "past_distance", EVER, "Last known distance.", step=True),
        _less("rating_change", rating, "last_rating", "rating", "Rating, less the last known one."),
        _less("rating_trend", rating, "rating_mean_6", "rating", "Rating, less the mean of the last 6 runs."),
        _less("weight_change_lbs", weight, "last_weight", "lb", "Weight carried, less the last known one."),
        _less(
            "body_weight_change_lbs", body, "last_body_weight", "lb", "Weight of the horse, less the last known one."
        ),
        _less(
            "body_weight_from_usual_lbs",
            body,
            "body_weight_mean_6",
            "lb",
            "Weight of the horse, less its mean of 6 runs.",
        ),
        _less(
            "class_change",
            "rating_high",
            "last_rating_high",
            "rating",
            "Class, less the last known one; negative is a drop.",
        ),
        _less("distance_change_m", "distance_m", "last_distance", "m", "Distance, less the last known one."),
    ]


def _less(name: str, today: str, before: str, unit: str, description: str) -> Expression:
    return Expression(name=name, sql=f"{today} - {before}", unit=unit, description=description)


def _affinity() -> list[Step]:
    """The horse under conditions like today's."""
    steps: list[Step] = []
    for word, column in (
        ("course", "course_id"),
        ("distance", "distance_band"),
        ("surface", "surface"),
        ("going", "going_group"),
    ):
        here = HORSE + Key(column)
        steps += [
            here.runs(f"horse_{word}_runs", EVER, f"Runs on this {word}."),
            here.rate(
                f"horse_{word}_finish",
                "finish_fraction",
                EVER,
                f"Share of the field ahead on this {word}, drawn towards the middle.",
                prior=AVERAGE_FINISH,
                prior_runs=3,
            ),
        ]
    with_jockey = HORSE + JOCKEY
    return [
        *steps,
        (HORSE + TRACK).mean(
            "horse_track_speed", "speed", EVER, "Mean speed figure at this course, surface and distance."
        ),
        (HORSE + COURSE + Key("surface")).rate(
            "horse_track_surprise", "surprise", EVER, "Won more than the market expected on this track.", prior_runs=4
        ),
        with_jockey.rate(
            "horse_jockey_finish",
            "finish_fraction",
            EVER,
            "Share of the field ahead with this jockey, drawn towards the middle.",
            prior=AVERAGE_FINISH,
            prior_runs=3,
        ),
        with_jockey.runs("horse_jockey_runs", EVER, "Runs with this jockey."),
    ]
