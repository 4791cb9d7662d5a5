"""A dataset: stored features joined with the answers, as a sample, with everything left out counted."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl

from morningline.features.matrix import table_of
from morningline.features.store import content_hash
from morningline.kit.errors import DataError
from morningline.training.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from morningline.features.matrix import FeatureMatrix
    from morningline.training.grouped import Floats, Integers, Singles

IDENTITY = ["event_id", "entrant_id"]
PLACE = "#place"
"""Where a row of answers has its features."""
EPOCH = date(1970, 1, 1).toordinal()
"""The first day of a stored date, ordinal."""
ROWS_AT_ONCE = 8192
"""So many rows are moved at once."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the rows of a dataset are from.

    Attributes:
        task: What is predicted.
        feature_version: Version of the feature set.
        delta_version: Version of the stored features.
        first: First local day; None is open.
        last: Last local day.
        gate: The least quality that was asked of facts and features; None where they were taken as they are.
    """

    task: str
    feature_version: str
    delta_version: int
    first: date | None
    last: date | None
    gate: float | None


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Where the rows of a dataset are from, and what was left out of it.

    Attributes:
        excluded: Event, or row, to the reason it is left out.
        excluded_days: Local day (ordinal) of each.
        fingerprint: SHA-256 of the rows, hexadecimal: the bits a model was trained and judged on.
        source: Where the rows are from.
        labels: SHA-256 of all answers that were looked at, of what is left out too, hexadecimal.
    """

    excluded: dict[str, str]
    excluded_days: dict[str, int]
    fingerprint: str
    source: Source
    labels: str

    @property
    def hash(self) -> str:
        """SHA-256 of source, labels and bits, hexadecimal: equal hashes, equal datasets."""
        return sha256(msgspec.json.encode([self.source, self.labels, self.fingerprint])).hexdigest()

    def excluded_between(self, first: int, last: int) -> dict[str, int]:
        """Reason to number of events, or rows, left out in a period of local days, both ends included."""
        reasons = (r for name, r in self.excluded.items() if first <= self.excluded_days[name] <= last)
        return dict(sorted(Counter(reasons).items()))


@dataclass(frozen=True, kw_only=True)
class Dataset(Gathered):
    """Events that can be scored, and why the others cannot.

    Attributes:
        sample: The events in the order of day and id; rows in the order of entrant.
        entrants: Entrant of each row of the sample, as texts.
    """

    sample: Sample
    entrants: pl.Series

    @property
    def days(self) -> Integers:
        """Local day (ordinal) of each event."""
        return self.sample.days

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.sample.rows


def ordinals(days: pl.Series) -> Integers:
    """Local days as `date.toordinal()` has them."""
    return days.to_physical().to_numpy().astype(np.int64) + EPOCH


def local_days(ordinals: Integers) -> pl.Series:
    """The local days of ordinals."""
    return pl.Series(ordinals - EPOCH, dtype=pl.Int32).cast(pl.Date)


def within(answers: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The answers of the local days of a source."""
    first, last = source.first or date.min, source.last or date.max
    return answers.filter((pl.col("day") >= first) & (pl.col("day") <= last))


def make_dataset(features: FeatureMatrix, answers: pl.DataFrame, source: Source) -> Dataset:
    """Join features and answers.

    Args:
        features: What a model sees; given away, for its values are put in order where they stand.
        answers: What a task's `answers` gave; those outside the source's days are left out.
        source: Where the rows are from.

    Returns:
        Only entrants that took part; an event is left out where the answers say so, or where an entrant that took
        part has no features (`no_features`).

    Raises:
        DataError: No event is left.
    """
    answers = within(answers, source)
    labels = labels_of(answers)
    joined = with_places(answers, features.rows)
    lacking = pl.col("event_id").is_in(joined.filter(pl.col(PLACE).is_null())["event_id"].unique().implode())
    reason = pl.coalesce("excluded", pl.when(lacking).then(pl.lit("no_features")))
    marked = joined.with_columns(reason.alias("excluded"))
    left_out = marked.filter(pl.col("excluded").is_not_null()).unique("event_id", keep="first", maintain_order=True)
    rows = marked.filter(pl.col("excluded").is_null()).sort("day", "event_id", "entrant_id")
    if rows.is_empty():
        raise DataError(
            "No event has features, a result and a complete market.",
            do="Run `morningline features compute` after importing results and prices.",
        )
    sample = sample_of(rows, features.names, table_at_places(features, rows))
    entrants = rows["entrant_id"]
    return Dataset(
        sample=sample,
        entrants=entrants,
        excluded=dict(left_out.select("event_id", "excluded").iter_rows()),
        excluded_days={event: day.toordinal() for event, day in left_out.select("event_id", "day").iter_rows()},
        fingerprint=fingerprint(sample, entrants),
        source=source,
        labels=labels(),
    )


def labels_of(answers: pl.DataFrame) -> Callable[[], str]:
    """Begin to hash the answers of a dataset while others join them; what is returned waits for the hash."""
    beside = ThreadPoolExecutor(1)
    hashed = beside.submit(lambda: content_hash(answers.sort(IDENTITY)))
    beside.shutdown(wait=False)
    return hashed.result


def with_places(answers: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The answers and, as `PLACE`, which of the rows of features each has; null where it has none."""
    places = rows.select(*IDENTITY).with_row_index(PLACE)
    return answers.join(places, on=IDENTITY, how="left", maintain_order="left")


def table_at_places(features: FeatureMatrix, rows: pl.DataFrame) -> Floats | Singles:
    """The features of rows that have a `PLACE`."""
    return in_order(features.values, rows[PLACE].cast(pl.Int64).to_numpy())


def unplayed_sample(features: pl.DataFrame, names: Sequence[str]) -> Sample:
    """Entrants of events that are still to come, as a sample without winners and prices.

    Args:
        features: `event_id`, `entrant_id`, `day` and the features, in the order of event and entrant.
        names: The features a model sees, in their order.
    """
    unknown = pl.lit(None, pl.Float64)
    rows = features.select("event_id", "day", unknown.alias("won"), unknown.alias("odds"))
    return sample_of(rows, names, table_of(features, names))


def fingerprint(sample: Sample, entrants: pl.Series) -> str:
    """SHA-256 over every bit of a sample, hexadecimal."""
    digest = sha256("\x1f".join((*sample.names, *sample.event_ids, entrants.str.join("\x1f").item())).encode())
    for part in (sample.features, sample.starts, sample.won, sample.odds, sample.days):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def sample_of(rows: pl.DataFrame, names: Sequence[str] = (), table: Floats | Singles | None = None) -> Sample:
    """Rows as a sample.

    Args:
        rows: `event_id`, `day`, `won` and `odds`; the rows of one event stand together.
        names: The features a model sees, in their order; none where only outcomes are scored.
        table: Their values, shape (rows, n_features).
    """
    events = rows.group_by("event_id", maintain_order=True).agg(pl.len().alias("n"), pl.col("day").first())
    starts = np.zeros(events.height + 1, dtype=np.int64)
    np.cumsum(events["n"].to_numpy(), out=starts[1:])
    return Sample(
        features=np.zeros((rows.height, 0)) if table is None else table,
        names=tuple(names),
        starts=starts,
        won=rows["won"].fill_null(float("nan")).to_numpy(),
        odds=rows["odds"].fill_null(float("nan")).to_numpy(),
        days=ordinals(events["day"]),
        event_ids=tuple(events["event_id"]),
    )


def in_order(table: Floats | Singles, places: Integers) -> Floats | Singles:
    """The rows at those places. Rows that only move up do so in place: a second table would take as much memory."""
    if not table.flags.writeable or (np.diff(places) <= 0).any():
        return table[places]
    for first in range(0, len(places), ROWS_AT_ONCE):
        moving = places[first : first + ROWS_AT_ONCE]
        table[first : first + len(moving)] = table[moving]
    return table[: len(places)]
