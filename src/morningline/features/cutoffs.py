"""When the features of an event are final: as its local day begins, or some minutes before it is off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from morningline.kit.clock import local_day_bounds
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from morningline.facts.table import Table


@dataclass(frozen=True)
class Morning:
    """The first instant of the event's local day."""

    def __str__(self) -> str:
        """As users say it."""
        return "morning"


@dataclass(frozen=True)
class BeforeOff:
    """Some minutes before the event's scheduled off. An event without an off time has no such cut-off.

    Args:
        minutes: How many; none is the off itself.

    Raises:
        InputError: It would be after the off.

    Example:
        >>> str(BeforeOff(10))
        'off - 10 minutes'
    """

    minutes: int

    def __post_init__(self) -> None:
        if self.minutes < 0:
            raise InputError(f"A cut-off of {self.minutes} minutes before the off.", allowed="0 minutes and more")

    def __str__(self) -> str:
        """As users say it."""
        return f"off - {self.minutes} minutes"


Cutoff = Morning | BeforeOff

MORNING = Morning()


def with_cutoffs(events: pl.DataFrame, table: Table, cutoff: Cutoff) -> pl.DataFrame:
    """Events with `cutoff` (UTC), null where there is none.

    Args:
        events: Rows of the event table.
        table: The event table, which says where its local day, its off and its time zone are.
        cutoff: The policy.
    """
    if isinstance(cutoff, BeforeOff):
        return events.with_columns((pl.col(str(table.off)) - timedelta(minutes=cutoff.minutes)).alias("cutoff"))
    day, zone = str(table.day), str(table.zone)
    bounds = [
        local_day_bounds(part[day], name).select(
            pl.lit(name).alias(zone), pl.col("day").alias(day), pl.col("starts_at").alias("cutoff")
        )
        for (name,), part in events.group_by(zone)
    ]
    if not bounds:
        return events.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("cutoff"))
    return events.join(pl.concat(bounds), on=[zone, day], how="left", maintain_order="left")


def at_cutoff(versions: pl.DataFrame, *key: str) -> pl.DataFrame:
    """Of the versions of a row, the one that held when its cut-off came; without a cut-off the first, where none did.

    A version holds from its `known_at` until the next one's. Where versions say different cut-offs, as of a race that
    was put off, the first cut-off to come while its version holds is the event's.

    Args:
        versions: Rows with `known_at` and `cutoff`.
        key: Columns that say which row it is.
    """
    ordered = versions.with_row_index("#place").sort(*key, "known_at", "#place")
    until = pl.col("known_at").shift(-1).over(key)
    came = (pl.col("cutoff") >= pl.col("known_at")) & (until.is_null() | (pl.col("cutoff") < until))
    timely = ordered.with_columns(pl.when(came).then("cutoff").alias("cutoff"))
    # A stable sort: among versions whose cut-off came, and among the others, the earlier one stands first.
    first = timely.sort(pl.col("cutoff").is_null(), maintain_order=True)
    return first.unique(key, keep="first", maintain_order=True).sort("#place").drop("#place")
