"""When an imported fact happened and when it could first have been known: the provider's publication rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

import polars as pl

from morningline.kit.clock import local_day_bounds
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from morningline.facts.table import Table

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Rule:
    """A moment of an event's day, and an offset from it."""

    base: Literal["day_start", "day_end", "off"]
    offset: timedelta

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule such as `day_start`, `off - 60m` or `day_end + 2h`.

        Raises:
            InputError: The text is not a rule.
        """
        match = re.fullmatch(r"\s*(day_start|day_end|off)\s*(?:([+-])\s*(\d+)\s*([mhd]))?\s*", text)
        if match is None:
            raise InputError(
                f"The publication rule {text!r} is not one.",
                allowed="day_start, day_end or off, then perhaps + or - and a number of m, h or d: `off - 60m`",
                do="Correct it in [clocks] or in `known_at` of the table.",
            )
        base, sign, number, unit = match.groups()
        offset = timedelta(**{UNITS[unit]: int(number)}) if number else timedelta()
        return cls(cast("Literal['day_start', 'day_end', 'off']", base), -offset if sign == "-" else offset)

    def instant(self) -> pl.Expr:
        """The instant, from the columns `#day_start`, `#day_end`, `#off`; the day's end where the off is unknown."""
        base = pl.coalesce("#off", "#day_end") if self.base == "off" else pl.col(f"#{self.base}")
        return base + self.offset


def event_clock(events: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The day, zone and instants of each event, by its key.

    Args:
        events: Rows of the event table: its key, day, off and zone.
        table: The event table.

    Returns:
        The key, the day, `#day_start` and `#day_end` (UTC, half-open), `#off` (UTC or null) and `#event_at`: the
        off, or the last instant of the local day, which is never earlier than the truth.
    """
    day, off, zone = str(table.day), str(table.off), str(table.zone)
    parts = [
        part.join(
            local_day_bounds(part[day], part[zone][0]).rename(
                {"day": day, "starts_at": "#day_start", "ends_at": "#day_end"}
            ),
            on=day,
        )
        for part in events.filter(pl.col(day).is_not_null()).partition_by(zone)
    ]
    if not parts:
        return (
            events.clear()
            .select(*table.key, day)
            .with_columns(
                pl.lit(None, pl.Datetime("us", "UTC")).alias(n) for n in ("#day_start", "#day_end", "#off", "#event_at")
            )
        )
    clock = pl.concat(parts).rename({off: "#off"})
    event_at = pl.coalesce("#off", pl.col("#day_end") - timedelta(microseconds=1)).alias("#event_at")
    return clock.select(*table.key, day, "#day_start", "#day_end", "#off", event_at)
