"""The gate: work on days whose facts are broken is refused, until they are mended or somebody accepts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.quality_history import read_history
from morningline.facts.quality_measures import PARTS
from morningline.kit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.facts.agreement import Watched

EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Need:
    """What must be sound before something is done.

    Args:
        purpose: What is to be done, as in "Predicting 2024-05-01".
        setting: The setting that holds the threshold.
        threshold: The least score.
        first: First local day that must be sound.
        last: Last local day.
        stages: Stages of the tables that must be.
        parts: Parts of their quality that matter.
    """

    purpose: str
    setting: str
    threshold: float
    first: date
    last: date
    stages: Sequence[str] = ("event", "pre", "post", "price")
    parts: Sequence[str] = PARTS


def require_quality(
    connection: psycopg.Connection[Any], watched: Watched, needs: Sequence[Need], *, now: datetime, accept: bool = False
) -> int:
    """Refuse to go on where a table's day falls short, or write down that it was accepted.

    A day that was accepted is accepted for good, unless it is found to be worse than it was.

    Args:
        connection: An open connection, of a history that is up to date; the caller commits.
        watched: The tables.
        needs: What must be sound.
        now: UTC instant of an acceptance.
        accept: Whether days that fall short are accepted as they are.

    Returns:
        How many days of tables were accepted by this.

    Raises:
        DataError: Some fall short and are not accepted.
    """
    short = pl.concat([short_days(connection, watched, need) for need in needs])
    if short.is_empty():
        return 0
    if not accept:
        raise DataError(_refusal(short, needs[0]), do=_what_to_do(watched, short))
    connection.cursor().executemany(
        "UPDATE quality_days SET accepted = %s, accepted_at = %s WHERE table_name = %s AND day = %s",
        [(row["#worst"], now, row["table"], row["day"]) for row in short.iter_rows(named=True)],
    )
    return short.height


def short_days(connection: psycopg.Connection[Any], watched: Watched, need: Need) -> pl.DataFrame:
    """Days of tables under the threshold that nobody accepted, the worst first.

    Returns:
        Rows in the shape of `quality_history.HISTORY`, with `#worst`, the smallest part that is needed.
    """
    needed = [table for table in watched.catalog.tables if table.stage in need.stages and not table.supplement]
    history = read_history(connection, watched, need.first, need.last).filter(
        pl.col("table").is_in([table.name for table in needed])
    )
    worst = history.with_columns(pl.min_horizontal(*need.parts).alias("#worst"))
    taken = pl.col("accepted").is_not_null() & (pl.col("#worst") >= pl.col("accepted"))
    short = worst.filter(pl.col("#worst") < need.threshold, ~taken)
    return short.sort("#worst", "day", "table")


def _refusal(short: pl.DataFrame, need: Need) -> str:
    lines = [f"{need.purpose} needs facts of a quality of {need.threshold:g} (setting `{need.setting}`)."]
    for row in short.head(EXAMPLES).iter_rows(named=True):
        part = next(name for name in PARTS if row[name] == row["#worst"])
        lines.append(f"{row['table']} of {row['day']} has {row['#worst']:.2f} in {part}: {row['why']}.")
    more = short.height - EXAMPLES
    if more > 0:
        lines.append(f"So have {more:,} more days of tables.")
    return "\n".join(lines)


def _what_to_do(watched: Watched, short: pl.DataFrame) -> str:
    first, last = short.select(pl.col("day").min(), pl.col("day").max().alias("last")).row(0)
    return (
        f"`morningline quality check --domain {watched.name} --from {first} --to {last}` shows all of it. Collect or "
        "import those days again; or give the same command with --accept-quality, which is written down."
    )
