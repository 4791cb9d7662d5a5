"""Where features are kept: a Delta table for each feature set and version, read back by exact version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.features.matrix import FeatureMatrix, table_of
from morningline.features.monthly_table import MonthlyTable
from morningline.features.state import ORDER as HISTORY_ORDER
from morningline.kit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from morningline.features.feature_set import FeatureSet
    from morningline.features.monthly_table import Commit

IDENTITY = ("event_id", "entrant_id", "day", "as_of")
ORDER = ("day", "event_id", "entrant_id")
"""The order in which features are kept and read."""


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """What the newest version of stored features was computed from.

    Attributes:
        version: The Delta version.
        computed_at: When it was written (UTC).
        months: The months it holds, as `YYYY-MM`.
        mark: The newest change of facts before they were read; what changed later makes it stale.
        as_of: UTC instant; entrants whose cut-off was later are not in it.
        until: The last local day it was computed for; None where it was for all days there were.
        pending: The first local day with entrants that were left out, and when the first of them is final (UTC).
        history: The version of the history rows it stands beside.
    """

    version: int
    computed_at: datetime
    months: Sequence[str]
    mark: int
    as_of: datetime
    until: date | None
    pending: tuple[date, datetime] | None
    history: int


class FeatureStore:
    """The features of one set and version, and the history rows they were made from, partitioned by month.

    Features and history rows are two tables. A commit of features names the version of the history rows that belongs
    to it, so both are one state, whatever happens between the two commits.

    Args:
        root: Folder of all feature tables, or an address in an object store.
        features: The set; its version is part of the tables' path, so versions stand beside each other.
    """

    def __init__(self, root: Path | str, features: FeatureSet) -> None:
        self.features = features
        self.path = f"{root}/{features.name}/{features.version}"
        noun = f"The features {features.name!r} of version {features.version}"
        self.table = MonthlyTable(f"{self.path}/features", noun)
        # A new day reads all of its months and needs few of their rows.
        self.history = MonthlyTable(f"{self.path}/history", f"The history rows of {noun.lower()}", "LZ4_RAW")

    def exists(self) -> bool:
        """Whether anything was computed yet."""
        return self.table.exists()

    def write(
        self,
        features: pl.DataFrame,
        history_rows: pl.DataFrame,
        months: tuple[Sequence[str] | None, Sequence[str] | None],
        said: dict[str, Any],
        base: int | None,
    ) -> int:
        """Replace months of both tables; the same content with the same to say makes no commit.

        Args:
            features: What a computation gave, the whole months.
            history_rows: The same of the history rows.
            months: Which months of features, and of history rows; None for all there are.
            said: `mark`, `as_of`, `until` and `pending`, as `StoreState` explains, and the id of the `computation`.
            base: The Delta version that was read before; None where there was none.

        Returns:
            The Delta version that holds this content.

        Raises:
            ConflictError: Somebody else wrote meanwhile; of the features nothing was changed.
        """
        rows, past, newest = features.sort(*ORDER), history_rows.sort(*HISTORY_ORDER), self.table.newest()
        contents = [content_hash(frame.drop("computation")) for frame in (rows, past)]
        told = {name: said[name] for name in ("mark", "as_of", "until", "pending")}
        told |= {"months": months[0] and list(months[0]), "contents": contents}
        self.table.require_same(newest, base)
        if newest and newest.state["told"] == told:
            return newest.version
        kept = self._history_to_build_on(newest, whole=months[1] is None)
        by = {"computation": said["computation"]}
        version = self.history.replace(past, months[1], by, kept)
        return self.table.replace(rows, months[0], {**said, "told": told, "history": version}, base)

    def _history_to_build_on(self, newest: Commit | None, *, whole: bool) -> int | None:
        """The version of the history rows whose other months stay: that of the newest features, and no other.

        What stands above it was written by who was killed or lost the race before its features were committed.
        """
        if newest is not None and not whole:
            return self.history.restore(int(newest.state["history"]))
        before = self.history.newest()
        return None if before is None else before.version

    def version(self) -> int:
        """The newest Delta version.

        Raises:
            DataError: Nothing was computed yet.
        """
        return self.state().version

    def state(self) -> StoreState:
        """What the newest Delta version was computed from.

        Raises:
            DataError: Nothing was computed yet.
        """
        newest = self.table.commit()
        said, pending = newest.state, newest.state["pending"]
        return StoreState(
            version=newest.version,
            computed_at=newest.written_at,
            months=self.table.months(newest.version),
            mark=int(said["mark"]),
            as_of=datetime.fromisoformat(said["as_of"]),
            until=date.fromisoformat(said["until"]) if said["until"] else None,
            pending=(date.fromisoformat(pending[0]), datetime.fromisoformat(pending[1])) if pending else None,
            history=int(said["history"]),
        )

    def read(
        self,
        version: int | None = None,
        names: Sequence[str] | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
        lineage: bool = False,
    ) -> pl.DataFrame:
        """Features as they were written, in the order of day, event and entrant.

        Args:
            version: Delta version; the newest where not given.
            names: Which features; all where not given.
            first: First local day; the first there is where not given.
            last: Last local day.
            lineage: Whether each row also names the `computation` that wrote it.

        Raises:
            DataError: Nothing was computed yet.
            NotFoundError: There is no such version, or it was removed.
        """
        chosen = [*IDENTITY, *(["computation"] if lineage else []), *(self.features.names if names is None else names)]
        with self._files_of(version):
            rows = self.table.scan(version, first, last).select(chosen).collect()
        return in_order(rows.with_columns(pl.col("as_of").dt.convert_time_zone("UTC")))

    def read_matrix(
        self,
        version: int | None = None,
        names: Sequence[str] | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
    ) -> FeatureMatrix:
        """The same as a model reads them, without a frame of all of them beside; arguments and errors as `read`."""
        chosen = tuple(self.features.names if names is None else names)
        with self._files_of(version):
            parts = self.table.scan_parts(version, first, last)
            heights = [int(part.item()) for part in pl.collect_all([part.select(pl.len()) for part in parts])]
            ends = np.cumsum(heights).tolist()
            values = np.empty((ends[-1], len(chosen)), dtype=np.float32)

            def fill(part: pl.LazyFrame, height: int, end: int) -> pl.DataFrame:
                rows = in_order(part.select(*ORDER, *chosen).collect())
                values[end - height : end] = table_of(rows, chosen)
                return rows.select(ORDER)

            # Two at a time: one is read while the other is put where it belongs.
            with ThreadPoolExecutor(2) as pool:
                return FeatureMatrix(pl.concat(pool.map(fill, parts, heights, ends)), chosen, values)

    @contextmanager
    def _files_of(self, version: int | None) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFoundError(
                f"{self.table.noun}: the files of Delta version {version} were removed.",
                do="Compute them again; versions that a model points to are never removed.",
            ) from error

    def past(self, version: int, first: date | None = None, last: date | None = None) -> pl.LazyFrame:
        """History rows of a version of them, of the local days `first` to `last`; None is open."""
        rows = self.history.scan(version, first, last)
        # An instant that is converted, be it to what it is, is not looked for in the statistics of the files.
        schema = rows.collect_schema()
        other = [name for name in ("usable_at", "until") if schema[name] != pl.Datetime("us", "UTC")]
        return rows.with_columns(pl.col(other).dt.convert_time_zone("UTC")) if other else rows

    def vacuum(self, keep: Sequence[int], keep_days: int, *, dry_run: bool) -> list[str]:
        """Remove files that only old versions need.

        Args:
            keep: Versions that stay whole, however old; the history rows beside them go, but for the newest.
            keep_days: Files that younger versions need stay too.
            dry_run: Only say which files.

        Returns:
            The files, relative to their table.
        """
        found = self.table.vacuum(keep, keep_days * 24, dry_run=dry_run)
        return [*found, *self.history.vacuum([self.state().history], keep_days * 24, dry_run=dry_run)]


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows sorted as features are kept; as they are written in that order, mostly they already are."""
    day, event, entrant = (pl.col(name) for name in ORDER)
    later = (day > day.shift()) | (event > event.shift()) | ((event == event.shift()) & (entrant >= entrant.shift()))
    never_earlier = (day >= day.shift()) & later
    return rows if rows.select(never_earlier.all(ignore_nulls=True)).item() else rows.sort(*ORDER)


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame's rows and columns, hexadecimal; what lies in memory under a null is no content.

    Args:
        frame: Columns of texts, numbers, days and instants; the order of rows and columns counts.
    """
    texts = pl.selectors.string()
    filled = frame.select(texts.fill_null(""), (~texts).to_physical().fill_null(0))
    lengths, nulls = frame.select(texts.fill_null("").str.len_bytes()), frame.select(pl.all().is_null())
    digest = sha256()
    for name, dtype in frame.schema.items():
        digest.update(f"{name}\x1f{dtype}\x1f{frame.height}\x1f".encode())
        digest.update(nulls[name].to_numpy().tobytes())
        if dtype == pl.String:
            digest.update(lengths[name].to_numpy().tobytes())
            digest.update(filled[name].str.join().item().encode())
        else:
            digest.update(filled[name].to_numpy().tobytes())
    return digest.hexdigest()
