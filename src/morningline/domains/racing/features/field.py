"""What the card says today, and how each runner stands among its rivals."""

from __future__ import annotations

from morningline.features.definitions import Expression, Step, Within, WithinEvent

CARD = {
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

SCORED = (
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

RANKED = ("card_rating", "horse_strength_decay", "horse_speed_decay", "horse_finish_decay", "jockey_strength_90d")


def card_steps() -> list[Step]:
    """What the card says."""
    return [
        Expression(name=f"card_{name}", sql=name, unit=unit, description=text) for name, (unit, text) in CARD.items()
    ]


def rival_steps() -> list[Step]:
    """The same figures against the rivals of today."""
    return [
        *(_among(f"{of}_z", of, "z", "sd", f"{of}, in standard deviations from the race's mean.") for of in SCORED),
        *(_among(f"{of}_rank", of, "rank", "rank", f"Rank of {of} in the race, 1 is the highest.") for of in RANKED),
        _among(
            "horse_strength_gap",
            "horse_strength_decay",
            "gap_to_best",
            "log",
            "Market strength, less the race's highest.",
        ),
        _among(
            "horse_speed_gap",
            "horse_speed_decay",
            "gap_to_best",
            "thousandths",
            "Speed figure, less the race's highest.",
        ),
        _among(
            "horse_early_rank",
            "horse_early_5",
            "rank",
            "rank",
            "Rank of the usual early position: the lowest shows the leader.",
        ),
    ]


def _among(name: str, of: str, how: Within, unit: str, description: str) -> WithinEvent:
    return WithinEvent(name=name, of=of, how=how, unit=unit, description=description)
