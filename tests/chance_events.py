"""Awkward small histories for property tests, and the comparison of feature frames to the bit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

from morningline.features.engine import Events
from morningline.kit.clock import start_of_local_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Over a leap day and the changes of the clocks of two zones, a month apart from each other.
FIRST_DAY = date(2024, 2, 20)
ZONES = ("Europe/London", "America/New_York")
LATE = (timedelta(0), timedelta(hours=1), timedelta(hours=12), timedelta(days=7))
# Cut-offs in the morning, and before two races of a day.
OFF = (timedelta(0), timedelta(0), timedelta(hours=13), timedelta(hours=15))

# The leap day, the days of the changes, and some between them: many events share a day.
days = st.one_of(st.sampled_from([9, 10, 18, 19, 40]), st.integers(0, 60))

number = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 0.1, 1e5 + 0.5, float("nan"), float("inf"), float("-inf")]),
    st.floats(-100, 100, width=32),
)
# Some of them are equal, and some within a tenth of each other.
ordinary = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 50.0, 52.5, 55.0, float("nan"), float("inf")]),
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
    "until": pl.Datetime("us", "UTC"),
    "score": pl.Float64,
    "time": pl.Float64,
}


@st.composite
def chance_events(draw: st.DrawFn, *, plain: bool = False) -> Events:
    """Up to ten events of up to five entrants, some of them corrected later; `plain` ones hold no huge number."""
    value = ordinary if plain else number
    entrants: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []
    for event in range(draw(st.integers(1, 10))):
        day = FIRST_DAY + timedelta(days=draw(days))
        zone = draw(st.sampled_from(ZONES))
        start, over = start_of_local_day(day, zone), start_of_local_day(day + timedelta(days=1), zone)
        cutoff = start + draw(st.sampled_from(OFF))
        where = draw(st.sampled_from(["north", "south", None]))
        late_card = draw(st.integers(0, 9)) == 0
        # Mostly a result is known when the day is over, at times before the next race.
        known = over if draw(st.integers(0, 2)) else cutoff + timedelta(hours=1)
        late = draw(st.sampled_from(LATE))
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
                for usable_at, until in versions(
                    draw, known, late if draw(st.integers(0, 3)) else draw(st.sampled_from(LATE))
                ):
                    values = {"score": draw(value), "time": draw(value)}
                    outcomes.append({**identity, "usable_at": usable_at, "until": until, **values})
    return Events(pl.DataFrame(entrants, ENTRANTS), pl.DataFrame(outcomes, OUTCOMES))


def versions(draw: st.DrawFn, known: datetime, late: timedelta) -> Iterator[tuple[datetime | None, datetime | None]]:
    """When an outcome and its corrections were usable, from and until; one is never usable, and some are withdrawn."""
    fate = draw(st.integers(0, 19))
    if fate == 0:
        yield None, None
        return
    known += late
    corrections = (0, 0, 0, 1, 1, 2)[fate % 6]
    for _ in range(corrections):
        corrected = known + draw(st.sampled_from([timedelta(hours=1), timedelta(days=2), timedelta(days=15)]))
        yield known, corrected
        known = corrected
    if not (corrections and fate > 15):
        yield known, None


def as_known_at(events: Events, instant: Any) -> Events:
    """The events with the future deleted: outcomes that were not usable yet, corrections, cards of later days."""
    corrected = pl.when(pl.col("until") <= instant).then("until")
    return Events(
        events.entrants.filter(pl.col("cutoff").is_null() | (pl.col("cutoff") <= instant)),
        events.outcomes.filter(pl.col("usable_at") <= instant).with_columns(
            [corrected] if "until" in events.outcomes.columns else []
        ),
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
