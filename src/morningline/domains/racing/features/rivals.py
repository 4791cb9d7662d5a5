"""Whom a horse has beaten: ratings of horses and people, earlier meetings with its rivals, and how strong they are."""

from __future__ import annotations

from morningline.domains.racing.features.keys import AHEAD, APART, EVER, HORSE, LOG, POINTS, SPEED, among, said
from morningline.features.definitions import Derived, Rating, Step
from morningline.features.rating import Elo, PlackettLuce
from morningline.features.windows import Days, Last

# Of the constants tried on 2011 to 2021 these foretold the order of finish best.
HORSE_ELO = Elo(k=300, half_life_days=365)
TRAINER_ELO = Elo(k=16, half_life_days=365)
JOCKEY_SKILL = PlackettLuce(growth_a_day=0.02)


def rating_steps() -> list[Step]:
    """How strong horse, jockey and trainer are, judged by whom they have beaten."""
    return [
        Rating(
            name="horse_elo",
            key=("horse_id",),
            result="position",
            system=HORSE_ELO,
            unit="points",
            description="Elo rating of the horse, on its way back to 1500 while it rests.",
        ),
        Rating(
            name="jockey_skill",
            key=("jockey_id",),
            result="position",
            system=JOCKEY_SKILL,
            unit="points",
            description="Plackett-Luce rating of the jockey.",
        ),
        Rating(
            name="trainer_elo",
            key=("trainer_id",),
            result="position",
            system=TRAINER_ELO,
            unit="points",
            kept=False,
            description="Elo rating of the trainer.",
        ),
        among("horse_elo_z", "horse_elo", "z", "Elo rating, in standard deviations from the race's mean."),
        among("horse_elo_rank", "horse_elo", "rank", "Rank of the Elo rating in the race, 1 is the highest."),
        among(
            "horse_elo_gap", "horse_elo", "gap_to_best", "Elo rating, less the race's highest.", POINTS._replace(high=0)
        ),
        among("trainer_elo_z", "trainer_elo", "z", "Trainer's rating, in standard deviations from the race's mean."),
    ]


def meeting_steps() -> list[Step]:
    """Head to head: earlier races in which it met those whom it meets today."""
    return [
        AHEAD.runs("rivals_met", EVER, "Earlier meetings with rivals of today."),
        AHEAD.runs("rivals_met_180d", Days(180), "Meetings with rivals of today in 180 days."),
        AHEAD.rate(
            "rivals_beaten",
            "finish_fraction",
            EVER,
            "Share of these meetings in which it finished ahead, drawn towards one half.",
            prior=0.5,
            prior_runs=3,
        ),
        AHEAD.rate(
            "rivals_beaten_180d",
            "finish_fraction",
            Days(180),
            "The same of the last 180 days.",
            prior=0.5,
            prior_runs=3,
        ),
        AHEAD.total("rivals_wins", "finish_fraction", EVER, "Meetings in which it finished ahead.", unit="meetings"),
        APART.mean("rivals_margin", "beaten_log", EVER, "Margin to these rivals, log lengths; negative is ahead."),
        APART.mean("rivals_margin_365d", "beaten_log", Days(365), "The same of the last 365 days."),
        APART.mean("rivals_speed", "speed", EVER, "Speed figure less the rival's, mean of these meetings."),
        APART.mean("rivals_strength", "strength", EVER, "Market strength less the rival's, mean of these meetings."),
        AHEAD.days_since("rivals_days_since", "Days since it last met one of them."),
    ]


def field_strength_steps() -> list[Step]:
    """How strong the rivals of today are, and those of its last races were."""
    return [
        among("field_elo", "horse_elo", "others_mean", "Mean Elo rating of its rivals.", POINTS),
        among("field_strength", "horse_strength_decay", "others_mean", "Mean market strength of its rivals.", LOG),
        among("field_strength_best", "horse_strength_decay", "others_best", "Highest market strength of a rival.", LOG),
        among("field_speed", "horse_speed_decay", "others_mean", "Mean speed figure of its rivals.", SPEED),
        Derived(
            name="past_opposition",
            sql="field_elo",
            description="Mean Elo rating of its rivals that day, as it was then.",
        ),
        HORSE.mean("horse_opposition_4", "past_opposition", Last(4), "Mean Elo rating of its rivals, last 4 runs."),
        said(
            "opposition_change",
            "field_elo - horse_opposition_4",
            POINTS,
            "Elo rating of its rivals, less that of the last 4 runs.",
        ),
        said("horse_elo_edge", "horse_elo - field_elo", POINTS, "Elo rating, less the mean of its rivals."),
    ]
