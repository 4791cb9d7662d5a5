"""What the card says today, and how each runner stands among its rivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.domains.racing.features.keys import (
    DRAW_SHARE,
    FLAG,
    LOG,
    METRES,
    POUNDS,
    RATING,
    SPEED,
    Scale,
    among,
    said,
)

if TYPE_CHECKING:
    from morningline.features.definitions import Step

CARD = {
    "rating": (RATING, "Official rating."),
    "weight_lbs": (POUNDS, "Weight to be carried."),
    "claim_lbs": (POUNDS, "Jockey's allowance."),
    "body_weight_lbs": (POUNDS, "Declared weight of the horse."),
    "draw": (Scale("stall", 1), "Stall."),
    "field_size": (Scale("runners", 1), "Declared runners."),
    "race_number": (Scale("race", 1), "Number of the race at its meeting."),
    "distance_m": (METRES, "Distance."),
    "class_level": (Scale("class"), "Class; smaller is better, group races below zero."),
    "rating_high": (RATING, "Highest rating admitted."),
    "age": (Scale("years", 1), "Age."),
    "wears_headgear": (FLAG, "Whether headgear is declared."),
}

SCORED = (
    "card_rating",
    "card_weight_lbs",
    "horse_strength_3",
    "horse_strength_decay",
    "horse_strength_best_6",
    "horse_finish_decay",
    "horse_beaten_decay",
    "horse_speed_best_5",
    "horse_speed_decay",
    "horse_class_speed_decay",
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
    "rider_gain",
)


def card_steps() -> list[Step]:
    """What the card says."""
    stated = [said(f"card_{name}", name, scale, text) for name, (scale, text) in CARD.items()]
    return [
        *stated,
        said(
            "draw_share",
            DRAW_SHARE,
            Scale("share", 0),
            "Draw as a share of the field.",
        ),
        said("rating_room", "rating_high - rating", RATING, "Highest rating admitted, less its own."),
        said(
            "weight_of_body",
            "weight_lbs / body_weight_lbs",
            Scale("share", 0, 1),
            "Weight carried, as a share of its own.",
        ),
    ]


def standing_steps() -> list[Step]:
    """The same figures against the rivals of today."""
    return [
        *(among(f"{of}_z", of, "z", f"{of}, in standard deviations from the race's mean.") for of in SCORED),
        among("horse_speed_decay_rank", "horse_speed_decay", "rank", "Rank of the speed figure, 1 is the highest."),
        among(
            "horse_strength_gap",
            "horse_strength_decay",
            "gap_to_best",
            "Market strength, less the race's highest.",
            LOG._replace(high=0),
        ),
        among(
            "horse_speed_gap",
            "horse_speed_decay",
            "gap_to_best",
            "Speed figure, less the race's highest.",
            SPEED._replace(high=0),
        ),
    ]
