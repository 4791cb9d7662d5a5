"""What a horse did: finishes and margins, and what closing markets thought of it in past races."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.domains.racing.features.keys import AVERAGE_PLACE, EVER, HORSE
from morningline.features.windows import Days, Decay, Last

if TYPE_CHECKING:
    from morningline.features.definitions import Step


def form_steps() -> list[Step]:
    """Finishing positions, margins, wins."""
    ahead = "share of the field that finished ahead"
    return [
        HORSE.runs("horse_runs", EVER, "Runs so far."),
        HORSE.wins("horse_win_rate", EVER, "Share of runs won, drawn towards an average runner.", prior_runs=8),
        HORSE.rate(
            "horse_place_rate",
            "placed",
            EVER,
            "Share of runs in the first three, drawn towards an average runner.",
            prior=AVERAGE_PLACE,
            prior_runs=6,
        ),
        HORSE.newest("horse_won_last", "won", Last(1), "Whether it won last time."),
        HORSE.days_since("horse_days_since_win", "Days since its last win became known.", "win"),
        *(HORSE.mean(f"horse_finish_{n}", "finish_fraction", Last(n), f"Mean {ahead}, last {n} runs.") for n in (1, 6)),
        HORSE.scatter("horse_finish_std_6", "finish_fraction", Last(6), f"Scatter of the {ahead}, last 6 runs."),
        HORSE.mean(
            "horse_finish_decay",
            "class_finish",
            Decay(120),
            "Finish credited for class, a run 120 days older counting half.",
        ),
        HORSE.lowest("horse_finish_best_6", "finish_fraction", Last(6), "Best finish of the last 6 runs."),
        HORSE.mean("horse_beaten_1", "beaten_log", Last(1), "Lengths beaten last time, logarithm."),
        HORSE.lowest("horse_beaten_best_6", "beaten_log", Last(6), "Fewest lengths beaten of 6 runs, logarithm."),
        HORSE.mean("horse_beaten_decay", "beaten_log", Decay(90), "Lengths beaten, recent runs counting more."),
    ]


def market_steps() -> list[Step]:
    """What closing markets thought of it in past races. Its price today is not known and not used."""
    return [
        HORSE.mean("horse_implied_1", "implied", Last(1), "Closing market's probability last time."),
        HORSE.highest(
            "horse_implied_best_365d", "implied", Days(365), "Highest probability of a closing market, a year."
        ),
        HORSE.mean(
            "horse_strength_1", "strength", Last(1), "Market strength last time: log of probability times field."
        ),
        HORSE.mean("horse_strength_3", "strength", Last(3), "Mean market strength of the last 3 runs."),
        HORSE.trend("horse_strength_trend_5", "strength", Last(5), "Trend of the market strength, last 5 runs."),
        HORSE.mean("horse_strength_decay", "strength", Decay(60), "Market strength, recent runs counting more."),
        HORSE.highest("horse_strength_best_6", "strength", Last(6), "Highest market strength of the last 6 runs."),
        HORSE.mean(
            "horse_surprise_8",
            "surprise",
            Last(8),
            "Won less than or more than the market expected, last 8 runs.",
        ),
    ]


def movement_steps() -> list[Step]:
    """How the odds of past races moved from the first prices to the off; unknown where a source has only one price."""
    return [
        HORSE.newest("horse_move_1", "move", Last(1), "How it was backed last time: log of closing over first price."),
        HORSE.mean("horse_move_4", "move", Last(4), "How it was backed on average, last 4 runs."),
    ]
