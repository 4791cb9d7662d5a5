"""How fit a horse is, what is new about it today, and how it likes conditions such as these."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from morningline.domains.racing.features.keys import (
    EVER,
    FLAG,
    HORSE,
    JOCKEY,
    RUNS,
    TRACK,
    TRAINER,
    Key,
    Scale,
    said,
)
from morningline.features.windows import AtLeast, Days, Last, Near

if TYPE_CHECKING:
    from morningline.features.definitions import Step

# Distances that differ by no more are the same test of a horse.
SIMILAR = Near("distance_m", share=0.1)


def fitness_steps() -> list[Step]:
    """When and how often it ran."""
    return [
        HORSE.days_since("horse_days_since", "Days since its last run became known."),
        HORSE.runs("horse_runs_21d", Days(21), "Runs in the last 21 days."),
        HORSE.runs("horse_runs_60d", Days(60), "Runs in the last 60 days."),
        HORSE.runs("horse_runs_365d", Days(365), "Runs in the last 365 days."),
        HORSE.mean("horse_draw_5", "past_draw", Last(5), "Draw of the last 5 runs, as a share of the field."),
    ]


def change_steps() -> list[Step]:
    """What is new against the last time it was known, which need not be the last run: not every card says all."""
    rating, pounds, metres = Scale("rating"), Scale("lb"), Scale("m")
    with_gear, with_jockey, with_trainer = HORSE + Key("headgear"), HORSE + JOCKEY, HORSE + TRAINER
    body = "body_weight_lbs"
    return [
        HORSE.newest("last_rating", "past_rating", EVER, "Last known rating.", step=True),
        HORSE.mean("rating_mean_6", "past_rating", Last(6), "Mean rating of the last 6 runs.", step=True),
        HORSE.newest("last_weight", "past_weight", EVER, "Last known weight carried.", step=True),
        HORSE.newest("last_body_weight", "past_body_weight", EVER, "Last known weight of the horse.", step=True),
        HORSE.mean("body_weight_mean_6", "past_body_weight", Last(6), "Its mean weight, last 6 runs.", step=True),
        HORSE.newest("last_rating_high", "past_rating_high", EVER, "Last known class.", step=True),
        HORSE.mean("rating_high_mean_5", "past_rating_high", Last(5), "Mean class of the last 5 runs.", step=True),
        HORSE.newest("last_distance", "past_distance", EVER, "Last known distance.", step=True),
        HORSE.mean("distance_mean_5", "past_distance", Last(5), "Mean distance of the last 5 runs.", step=True),
        said("rating_change", "rating - last_rating", rating, "Rating, less the last known one."),
        said("rating_trend", "rating - rating_mean_6", rating, "Rating, less the mean of the last 6 runs."),
        said("weight_change_lbs", "weight_lbs - last_weight", pounds, "Weight carried, less the last known one."),
        said("body_weight_change_lbs", f"{body} - last_body_weight", pounds, "Its weight, less the last known one."),
        said(
            "body_weight_from_usual_lbs", f"{body} - body_weight_mean_6", pounds, "Its weight, less its mean of 6 runs."
        ),
        HORSE.trend("horse_body_weight_trend_8", "past_body_weight", Last(8), "Trend of its weight, last 8 runs."),
        said("class_change", "rating_high - last_rating_high", rating, "Class, less the last one; negative is a drop."),
        said("class_from_usual", "rating_high - rating_high_mean_5", rating, "Class, less the mean of 5 runs."),
        said("distance_change_m", "distance_m - last_distance", metres, "Distance, less the last known one."),
        said("distance_from_usual_m", "distance_m - distance_mean_5", metres, "Distance, less the mean of 5 runs."),
        with_jockey.days_since("horse_jockey_days_since", "Days since this jockey last rode it."),
        said(
            "jockey_kept",
            "CASE WHEN horse_runs > 0 THEN IF(horse_jockey_days_since = horse_days_since, 1, 0) END",
            FLAG,
            "Whether the jockey of its last run rides it again.",
        ),
        replace(with_gear.runs("headgear_runs", EVER, "Runs in the headgear of today."), kept=False),
        said(
            "horse_headgear_runs",
            "CASE WHEN wears_headgear = 1 THEN headgear_runs END",
            RUNS,
            "Runs in the headgear of today.",
        ),
        with_trainer.runs("horse_trainer_runs", EVER, "Runs for the trainer of today."),
    ]


def affinity_steps() -> list[Step]:
    """The horse under conditions like today's."""
    steps: list[Step] = []
    for word, column in (
        ("course", "course_id"),
        ("distance", "distance_band"),
        ("surface", "surface"),
        ("going", "going_group"),
    ):
        here = HORSE + Key(column)
        ahead = f"Share of the field ahead on this {word}, drawn towards the middle."
        steps += [
            here.runs(f"horse_{word}_runs", EVER, f"Runs on this {word}."),
            here.finish(f"horse_{word}_finish", EVER, ahead, prior_runs=3),
        ]
    near, track = HORSE.when(SIMILAR), HORSE + Key("course_id", "surface")
    with_jockey = HORSE + JOCKEY
    ahead, like_this = "Share of the field ahead", "at distances within a tenth of today's"
    return [
        *steps,
        near.finish("horse_near_distance_finish", EVER, f"{ahead} {like_this}, drawn to the middle.", prior_runs=3),
        near.mean("horse_near_distance_speed", "speed", EVER, f"Mean speed figure {like_this}."),
        near.highest("horse_near_distance_speed_best", "speed", EVER, f"Best speed figure {like_this}."),
        near.rate("horse_near_distance_strength", "strength", Days(730), f"Market strength {like_this}.", prior_runs=2),
        HORSE.when(AtLeast("rating_high")).finish(
            "horse_class_finish", EVER, f"{ahead} in this class and better, drawn to the middle.", prior_runs=3
        ),
        (HORSE + TRACK).mean("horse_track_speed", "speed", EVER, "Mean speed figure at this course and distance."),
        track.rate("horse_track_surprise", "surprise", EVER, "Won beyond the market on this track.", prior_runs=4),
        with_jockey.finish(
            "horse_jockey_finish", EVER, f"{ahead} with this jockey, drawn to the middle.", prior_runs=3
        ),
        with_jockey.runs("horse_jockey_runs", EVER, "Runs with this jockey."),
    ]
