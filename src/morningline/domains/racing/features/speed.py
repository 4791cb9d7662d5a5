"""How fast a horse was, against par, and how it spent its races: early, late and section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.domains.racing.features.keys import EVER, HORSE, SHARE, SPEED, among, said
from morningline.features.windows import Days, Decay, Last

if TYPE_CHECKING:
    from morningline.features.definitions import Step


def speed_steps() -> list[Step]:
    """How fast, against par."""
    return [
        HORSE.mean("horse_speed_1", "speed", Last(1), "Speed figure last time."),
        HORSE.median("horse_speed_median_6", "speed", Last(6), "Median speed figure of the last 6 runs."),
        HORSE.highest("horse_speed_best_5", "speed", Last(5), "Best speed figure of the last 5 runs."),
        HORSE.highest("horse_speed_best", "speed", EVER, "Best speed figure so far."),
        HORSE.highest("horse_speed_best_365d", "speed", Days(365), "Best speed figure of a year."),
        HORSE.mean("horse_speed_decay", "speed", Decay(120), "Speed figure, recent runs counting more."),
        HORSE.trend("horse_speed_trend_5", "speed", Last(5), "Trend of the speed figures of the last 5 runs."),
        HORSE.mean(
            "horse_class_speed_decay",
            "class_speed",
            Decay(180),
            "Speed figure credited for class, recent runs counting more.",
        ),
    ]


def pace_steps() -> list[Step]:
    """Where in the field it runs, and who else goes forward today."""
    early = "Position at the first call, as a share of the field"
    return [
        HORSE.mean("horse_early_1", "early_fraction", Last(1), f"{early}, last time."),
        HORSE.mean("horse_early_5", "early_fraction", Last(5), f"{early}, last 5 runs."),
        HORSE.lowest(
            "horse_early_least_5", "early_fraction", Last(5), f"{early}, furthest forward of the last 5 runs."
        ),
        HORSE.mean("horse_turn_5", "turn_fraction", Last(5), "Position at the last call before the line, last 5 runs."),
        HORSE.mean("horse_gain_5", "gain", Last(5), "Share of the field passed after the first call, last 5 runs."),
        HORSE.mean("horse_late_gain_5", "late_gain", Last(5), "Share of the field passed after the last call, 5 runs."),
        HORSE.highest("horse_late_gain_best_5", "late_gain", Last(5), "Most of the field passed after the last call."),
        among("field_early", "horse_early_5", "others_mean", f"{early}, mean of its rivals.", SHARE),
        said("lead_tendency", "1 - horse_early_5", SHARE, "How far forward it races.", step=True),
        among("field_lead", "lead_tendency", "others_best", "How far forward the boldest of its rivals races.", SHARE),
    ]


def sectional_steps() -> list[Step]:
    """How fast it finishes, and how it saves itself; unknown where a source has no sectional times."""
    last, saved = "Last section against the field's", "What it saved early, against the field"
    return [
        HORSE.mean("horse_section_1", "last_section", Last(1), f"{last}, last time."),
        HORSE.mean("horse_section_4", "last_section", Last(4), f"{last}, mean of the last 4 runs."),
        HORSE.highest("horse_section_best_6", "last_section", Last(6), f"{last}, best of the last 6 runs."),
        HORSE.mean("horse_late_share_4", "late_share", Last(4), f"{saved}, mean of the last 4 runs."),
        among("field_section", "horse_section_4", "others_mean", f"{last}, mean of its rivals.", SPEED),
    ]
