"""Jockeys, trainers, both together, and what the stall is worth."""

from __future__ import annotations

from morningline.domains.racing.features.keys import (
    AVERAGE_FINISH,
    AVERAGE_WIN,
    COURSE,
    EVER,
    JOCKEY,
    STALL,
    TRAINER,
    Key,
)
from morningline.features.definitions import Days, Step


def people_steps() -> list[Step]:
    """The features of people."""
    return [*_person("jockey", JOCKEY), *_person("trainer", TRAINER), *_together()]


def _person(word: str, person: Key) -> list[Step]:
    runners = f"the {word}'s runners"
    return [
        person.rate(
            f"{word}_win_rate",
            "won",
            EVER,
            f"Share of {runners} that won, so far.",
            prior=AVERAGE_WIN,
            prior_runs=50,
        ),
        person.rate(
            f"{word}_win_rate_365d",
            "won",
            Days(365),
            f"Share of {runners} that won, 365 days.",
            prior=AVERAGE_WIN,
            prior_runs=50,
        ),
        person.rate(
            f"{word}_win_rate_45d",
            "won",
            Days(45),
            f"Share of {runners} that won, 45 days.",
            prior=AVERAGE_WIN,
            prior_runs=20,
        ),
        person.mean(
            f"{word}_finish_180d",
            "finish_fraction",
            Days(180),
            f"Mean share of the field ahead of {runners}, 180 days.",
        ),
        person.mean(f"{word}_strength_90d", "strength", Days(90), f"Mean market strength of {runners}, 90 days."),
        person.rate(
            f"{word}_surprise_365d",
            "surprise",
            Days(365),
            "Won more than the market expected, 365 days.",
            prior_runs=50,
        ),
        person.runs(f"{word}_runs_30d", Days(30), f"Runners of the {word} in 30 days."),
    ]


def _together() -> list[Step]:
    pair = JOCKEY + TRAINER
    return [
        pair.rate(
            "jockey_trainer_win_rate",
            "won",
            EVER,
            "Share won by this jockey for this trainer.",
            prior=AVERAGE_WIN,
            prior_runs=20,
        ),
        pair.runs("jockey_trainer_runs", EVER, "Rides of this jockey for this trainer."),
        pair.rate(
            "jockey_trainer_strength",
            "strength",
            Days(365),
            "Market strength of this jockey's rides for this trainer, 365 days.",
            prior_runs=10,
        ),
        (JOCKEY + COURSE).rate(
            "jockey_course_win_rate",
            "won",
            Days(730),
            "Share won by this jockey on this course, two years.",
            prior=AVERAGE_WIN,
            prior_runs=40,
        ),
    ]


def draw_steps() -> list[Step]:
    """What the stall is worth at this course, surface and distance."""
    here = "from this stall at this course, surface and distance"
    return [
        STALL.rate("draw_win_rate", "won", EVER, f"Share won {here}.", prior=AVERAGE_WIN, prior_runs=60),
        STALL.rate(
            "draw_finish",
            "finish_fraction",
            EVER,
            f"Share of the field ahead {here}.",
            prior=AVERAGE_FINISH,
            prior_runs=40,
        ),
        STALL.rate(
            "draw_surprise", "surprise", EVER, "Won more than the market expected from this stall.", prior_runs=60
        ),
    ]
