"""Awkward small histories for property tests, and the comparison of feature frames to the bit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

from morningline.features.engine import Events
from morningline.kit.clock import start_of_local_day

# Over a leap day and the changes of the clocks of two zones, a month apart from each other.
FIRST_DAY = date(2024, 2, 20)
ZONES = ("Europe/London", "America/New_York")
LATE = (timedelta(0), timedelta(hours=1), timedelta(hours=12), timedelta(days=7))

number = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 0.1, 1e9 + 0.5, float("nan"), float("inf"), float("-inf")]),
    st.floats(-100, 100, width=32),
)

ENTRANTS = {
    "event_id": pl.String,
    "entrant_id": pl.String,
    "day": pl.Date,
    "cutoff": pl.Datetime("us", "UTC"),
    "who": pl.String,
    "where": pl.String,
    "stall": pl.Float64,
    "said": pl.Float64,
}
OUTCOMES = {
    "event_id": pl.String,
    "entrant_id": pl.String,
    "usable_at": pl.Datetime("us", "UTC"),
    "score": pl.Float64,
    "time": pl.Float64,
}


@st.composite
def chance_events(draw: st.DrawFn, *, plain: bool = False) -> Events:
    """Up to ten events of up to five entrants; `plain` histories hold ordinary numbers only."""
    value = st.one_of(st.none(), st.floats(-100, 100, width=32)) if plain else number
    entrants: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []
    for event in range(draw(st.integers(1, 10))):
        day = FIRST_DAY + timedelta(days=draw(st.integers(0, 60)))
        zone = draw(st.sampled_from(ZONES))
        cutoff, over = start_of_local_day(day, zone), start_of_local_day(day + timedelta(days=1), zone)
        where = draw(st.sampled_from(["north", "south", None]))
        late_card = draw(st.integers(0, 9)) == 0
        for entrant in range(draw(st.integers(1, 5))):
            identity = {"event_id": f"e{event}", "entrant_id": f"{entrant}"}
            entrants.append(
                {
                    **identity,
                    "day": day,
                    "cutoff": None if late_card else cutoff,
                    # The same one may be entered twice in a day, or twice in an event.
                    "who": draw(st.sampled_from(["ann", "bob", "cy", None])),
                    "where": where,
                    "stall": draw(st.sampled_from([0.0, -0.0, 1.0, None])),
                    "said": draw(value),
                }
            )
            if draw(st.integers(0, 5)):
                # A correction is known when it is made: only then does the row exist.
                known = over + draw(st.sampled_from(LATE)) if draw(st.integers(0, 19)) else None
                outcomes.append({**identity, "usable_at": known, "score": draw(value), "time": draw(value)})
    return Events(pl.DataFrame(entrants, ENTRANTS), pl.DataFrame(outcomes, OUTCOMES))


def as_known_at(events: Events, instant: Any) -> Events:
    """The events with the future deleted: outcomes that were not usable yet, cards of later days."""
    return Events(
        events.entrants.filter(pl.col("cutoff").is_null() | (pl.col("cutoff") <= instant)),
        events.outcomes.filter(pl.col("usable_at") <= instant),
    )


def bits(values: pl.Series) -> tuple[bytes, bytes]:
    """Null mask and bytes of a column; what lies under a null is no value."""
    filled = values.fill_null(0).to_numpy() if values.dtype.is_numeric() else np.array(values.to_list(), dtype=str)
    return values.is_null().to_numpy().tobytes(), filled.tobytes()


def differing(one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    """Columns whose bits are not the same; `rows` where the rows themselves are others."""
    identity = ["event_id", "entrant_id", "day", "as_of"]
    if one.columns != other.columns or not one.select(identity).equals(other.select(identity)):
        return ["rows"]
    return [name for name in one.columns if bits(one[name]) != bits(other[name])]
