"""Jockeys, trainers, owners, who rides for whom, and what the stall is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.domains.racing.features.keys import (
    AVERAGE_PLACE,
    COURSE,
    EVER,
    HORSE,
    JOCKEY,
    OWNER,
    SHIFT,
    STALL,
    TRACK,
    TRAINER,
    Key,
    said,
)
from morningline.features.definitions import Derived
from morningline.features.windows import Days, Last, Near

if TYPE_CHECKING:
    from morningline.features.definitions import Step


def people_steps() -> list[Step]:
    """The features of people."""
    return [*_person("jockey", JOCKEY), *_person("trainer", TRAINER), *_rider(), *_together(), *_others()]


def _person(word: str, person: Key) -> list[Step]:
    runners = f"the {word}'s runners"
    return [
        person.wins(f"{word}_win_rate", EVER, f"Share of {runners} that won, so far.", prior_runs=50),
        *(
            person.wins(f"{word}_win_rate_{n}d", Days(n), f"Share of {runners} that won, {n} days.", prior_runs=prior)
            for n, prior in ((365, 50), (90, 30), (14, 15))
        ),
        person.rate(
            f"{word}_place_rate_60d",
            "placed",
            Days(60),
            f"Share of {runners} in the first three, 60 days.",
            prior=AVERAGE_PLACE,
            prior_runs=20,
        ),
        person.mean(f"{word}_strength_90d", "strength", Days(90), f"Mean market strength of {runners}, 90 days."),
        person.rate(f"{word}_surprise_365d", "surprise", Days(365), "Won beyond the market, 365 days.", prior_runs=50),
        person.runs(f"{word}_runs_30d", Days(30), f"Runners of the {word} in 30 days."),
    ]


def _rider() -> list[Step]:
    """Whether the horse has a better rider than it used to."""
    return [
        Derived(
            name="past_rider",
            sql="jockey_win_rate_365d",
            description="Share of winners of the jockey of that day, as it was then.",
        ),
        HORSE.mean("rider_before", "past_rider", Last(3), "Winners' share of its last 3 riders.", step=True),
        said(
            "rider_gain",
            "jockey_win_rate_365d - rider_before",
            SHIFT,
            "Share of winners of the jockey, less that of its last 3 riders.",
        ),
    ]


def _together() -> list[Step]:
    pair = JOCKEY + TRAINER
    return [
        pair.wins("jockey_trainer_win_rate", EVER, "Share won by this jockey for this trainer.", prior_runs=20),
        pair.runs("jockey_trainer_runs", EVER, "Rides of this jockey for this trainer."),
        pair.rate(
            "jockey_trainer_strength",
            "strength",
            Days(365),
            "Market strength of this jockey's rides for this trainer, 365 days.",
            prior_runs=10,
        ),
        (JOCKEY + COURSE).wins(
            "jockey_course_win_rate", Days(730), "Share won by this jockey on this course, two years.", prior_runs=40
        ),
        (TRAINER + COURSE).wins(
            "trainer_course_win_rate", Days(730), "Share won by this trainer on this course, two years.", prior_runs=40
        ),
        JOCKEY.when(Near("distance_m", share=0.1)).wins(
            "jockey_distance_win_rate", Days(730), "Share won by this jockey about this distance.", prior_runs=40
        ),
    ]


def _others() -> list[Step]:
    return [OWNER.wins("owner_win_rate", EVER, "Share of the owner's runners that won, so far.", prior_runs=30)]


def draw_steps() -> list[Step]:
    """What the stall is worth at this course, surface and distance."""
    here = "from this stall at this course, surface and distance"
    beside, on_rail = TRACK.when(Near("draw", within=1)), STALL + Key("rail")
    return [
        STALL.wins("draw_win_rate", EVER, f"Share won {here}.", prior_runs=60),
        STALL.finish("draw_finish", EVER, f"Share of the field ahead {here}.", prior_runs=40),
        STALL.rate("draw_surprise", "surprise", EVER, "Won beyond the market from this stall.", prior_runs=60),
        beside.rate(
            "draw_near_surprise", "surprise", Days(1095), "Won beyond the market from here and beside.", prior_runs=90
        ),
        on_rail.finish("draw_rail_finish", EVER, "Share of the field ahead with the rail where it is.", prior_runs=40),
    ]
