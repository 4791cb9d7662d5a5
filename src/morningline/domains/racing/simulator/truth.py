"""The true probabilities of the simulated world, against which a model can be held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.domains.racing.simulator import words
from morningline.domains.racing.simulator.race_words import race_id
from morningline.domains.racing.simulator.week import monday_of, race_week

if TYPE_CHECKING:
    from datetime import date


def true_probabilities(day: date, seed: int = 20) -> pl.DataFrame:
    """Tell the true probability of winning of each starter of a day.

    Args:
        day: London's day.
        seed: The world.

    Returns:
        race_id, horse_id and true_probability; the probabilities of a race sum to one. Non-runners and abandoned
        races are left out.
    """
    ordinal = day.toordinal()
    week = race_week(seed, monday_of(ordinal))
    fields = week.fields
    rows = np.flatnonzero(week.starts & (fields.day[fields.race] == ordinal))
    numbers = fields.number[fields.race[rows]].tolist()
    return pl.DataFrame(
        {
            "race_id": [race_id(ordinal, number) for number in numbers],
            "horse_id": [words.horse_id(horse) for horse in fields.horse[rows].tolist()],
            "true_probability": week.chance[rows],
        },
        schema={"race_id": pl.String, "horse_id": pl.String, "true_probability": pl.Float64},
    )
