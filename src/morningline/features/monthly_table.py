"""A Delta table in months: months are replaced together in one commit, and every commit can be read again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import polars as pl

from morningline.kit.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from deltalake import DeltaTable, WriterProperties

STATE = "morningline.state"
"""Key of what a commit says of itself, among its own words."""

Compression: TypeAlias = Literal["ZSTD", "LZ4_RAW"]

PART_BYTES = 32 << 20
"""So large, as files, is what is read at once where a table is read in parts."""

CONFIGURATION = {
    # A model pins a version for as long as it is kept, so the log is never cut; files go by `vacuum` alone.
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}


class ConflictError(DataError):
    """Somebody else committed to the table since it was read; nothing was written."""

    transient = True


@dataclass(frozen=True)
class Commit:
    """A version of a table.

    Attributes:
        version: Its number.
        written_at: When it was written (UTC).
        state: What it says of itself.
    """

    version: int
    written_at: datetime
    state: dict[str, Any]


class MonthlyTable:
    """Rows with a `day`, partitioned by month.

    Args:
        path: Folder, or address in an object store such as `s3://bucket/features`, whose credentials are where the
            store's own tools look for them.
        noun: What it holds, for messages.
        compression: Of its files: `ZSTD` is small, `LZ4_RAW` is read faster.
    """

    def __init__(self, path: str, noun: str, compression: Compression = "ZSTD") -> None:
        self.path = path
        self.compression: Compression = compression
        self.noun = noun
        self._kept: DeltaTable | None = None

    def exists(self) -> bool:
        """Whether anything was ever committed."""
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(self.path))

    def newest(self) -> Commit | None:
        """The newest commit, None where there is none."""
        return self.commit() if self.exists() else None

    def commit(self, version: int | None = None) -> Commit:
        """The commit of a version; of the newest where not given.

        Raises:
            DataError: Nothing was ever committed.
            NotFoundError: There is no such version.
        """
        return _as_commit(self._opened(version).history(1)[0])

    def months(self, version: int | None = None) -> list[str]:
        """The months of a version, as `YYYY-MM`, in order."""
        return sorted({str(partition["month"]) for partition in self._opened(version).partitions()})

    def replace(
        self, frame: pl.DataFrame, months: Sequence[str] | None, state: dict[str, Any], base: int | None
    ) -> int:
        """Replace months in one commit.

        Args:
            frame: Their rows, in the order in which they are to be read; rows of no other month.
            months: Which; all of the table where not given.
            state: What the commit says of itself.
            base: The version that was read before; None where there was no table.

        Returns:
            The new version.

        Raises:
            ConflictError: The table is not what it was when it was read.
        """
        from deltalake import CommitProperties, DeltaTable, write_deltalake
        from deltalake.exceptions import DeltaError

        told = msgspec.json.encode(state).decode()
        rows = frame.with_columns(pl.col("day").dt.strftime("%Y-%m").alias("month"))
        words = CommitProperties(custom_metadata={STATE: told}, max_commit_retries=0)
        try:
            if base is None:
                write_deltalake(
                    self.path,
                    rows,
                    partition_by=["month"],
                    configuration=CONFIGURATION,
                    writer_properties=_written(rows.schema, self.compression),
                    commit_properties=words,
                )
            else:
                write_deltalake(
                    # Opened at the version that was read: whoever committed since has taken the next number.
                    DeltaTable(self.path, version=base),
                    rows,
                    mode="overwrite",
                    partition_by=["month"],
                    predicate=None if months is None else f"month IN ({', '.join(map(repr, months))})",
                    writer_properties=_written(rows.schema, self.compression),
                    commit_properties=words,
                )
        except DeltaError as error:
            self.require_newest(base, error)
            raise
        return 0 if base is None else base + 1

    def restore(self, version: int) -> int:
        """Make a version the newest again: what was committed after it counts for nothing.

        Returns:
            Its new number, or the old one where it is the newest.

        Raises:
            ConflictError: Somebody else committed to the table meanwhile.
        """
        from deltalake import CommitProperties
        from deltalake.exceptions import DeltaError

        table = self._table()
        newest = table.version()
        if newest == version:
            return version
        try:
            table.restore(version, commit_properties=CommitProperties(max_commit_retries=0))
        except DeltaError as error:
            self.require_newest(newest, error)
            raise
        return newest + 1

    def require_newest(self, version: int | None, cause: Exception | None = None) -> None:
        """Refuse to go on from a version that is the newest no more; None is that of a table that is not there yet.

        Raises:
            ConflictError: Somebody else committed meanwhile.
        """
        self.require_same(self.newest(), version, cause)

    def require_same(self, newest: Commit | None, version: int | None, cause: Exception | None = None) -> None:
        """The same, where the newest commit is known."""
        if (None if newest is None else newest.version) != version:
            raise ConflictError(
                f"{self.noun} were changed by somebody else meanwhile.", do="Run this again."
            ) from cause

    def scan(self, version: int | None = None, first: date | None = None, last: date | None = None) -> pl.LazyFrame:
        """Rows of a version, month after month.

        Args:
            version: The newest where not given.
            first: First day; all before it where not given.
            last: Last day.
        """
        table = self._opened(version)
        return _rows(table, _files(table, first, last), first, last)

    def scan_parts(
        self, version: int | None = None, first: date | None = None, last: date | None = None
    ) -> list[pl.LazyFrame]:
        """The same in parts that follow each other, each of whole months; at least one."""
        table = self._opened(version)
        files = _files(table, first, last)
        sizes = files.group_by("month", maintain_order=True).agg(pl.col("size").sum())
        numbered = sizes.select("month", part=(pl.col("size").cum_sum() - 1) // PART_BYTES)
        parts = files.join(numbered, on="month", maintain_order="left").partition_by("part", maintain_order=True)
        return [_rows(table, part, first, last) for part in parts or [files]]

    def vacuum(self, keep: Sequence[int], retention_hours: int, *, dry_run: bool) -> list[str]:
        """Remove files that no version of those to keep, and none younger than the retention, needs.

        Returns:
            The files, relative to the table.

        Raises:
            ConflictError: Somebody else committed to the table meanwhile.
        """
        from deltalake import CommitProperties
        from deltalake.exceptions import DeltaError

        table = self._table()
        newest = table.version()
        # A vacuum is two commits of its own on top of the newest, which say of themselves what that says.
        told = str(table.history(1)[0].get(STATE, "{}"))
        try:
            return list(
                table.vacuum(
                    retention_hours,
                    dry_run=dry_run,
                    enforce_retention_duration=False,
                    commit_properties=CommitProperties(custom_metadata={STATE: told}, max_commit_retries=0),
                    keep_versions=sorted(keep),
                    full=True,
                )
            )
        except DeltaError as error:
            self.require_newest(newest, error)
            raise

    def _opened(self, version: int | None) -> DeltaTable:
        """A version to be read and not written to: it never changes, so the last one is kept open."""
        kept = self._kept
        if kept is None or kept.version() != version:
            kept = self._kept = self._table(version)
        return kept

    def _table(self, version: int | None = None) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if not self.exists():
            raise DataError(f"{self.noun} were not computed yet.", do="Run `morningline features compute`.")
        try:
            return DeltaTable(self.path, version=version)
        except DeltaError as error:
            raise NotFoundError(
                f"{self.noun} have no Delta version {version}.", allowed=f"0 to {DeltaTable(self.path).version()}"
            ) from error


def _written(schema: pl.Schema, compression: Compression) -> WriterProperties:
    """Numbers without dictionaries, which are larger than numbers and are held for each month until all are written."""
    from deltalake import ColumnProperties, WriterProperties

    texts = [name for name, dtype in schema.items() if dtype == pl.String]
    return WriterProperties(
        compression=compression,
        default_column_properties=ColumnProperties(dictionary_enabled=False),
        column_properties=dict.fromkeys(texts, ColumnProperties(dictionary_enabled=True)),
    )


def _files(table: DeltaTable, first: date | None, last: date | None) -> pl.DataFrame:
    """The files that can hold rows of a period, by month: `month`, `path` and `size` in bytes."""
    added = pl.DataFrame(table.get_add_actions(flatten=True))
    files = added.select(month="partition.month", path="path", size="size_bytes")
    period = pl.lit(f"{first or ''}"[:7]), pl.lit(f"{last or '9999-12'}"[:7])
    return files.filter(pl.col("month").is_between(*period)).sort("month", "path")


def _rows(table: DeltaTable, files: pl.DataFrame, first: date | None, last: date | None) -> pl.LazyFrame:
    """The rows of a period in some files."""
    if files.is_empty():
        return pl.scan_delta(table).drop("month").clear()
    rows = pl.scan_parquet([f"{table.table_uri.rstrip('/')}/{path}" for path in files["path"]])
    return rows.filter(pl.lit(value=True) if first is None else pl.col("day") >= first).filter(
        pl.lit(value=True) if last is None else pl.col("day") <= last
    )


def _as_commit(entry: dict[str, Any]) -> Commit:
    state = msgspec.json.decode(entry.get(STATE) or "{}")
    return Commit(int(entry["version"]), datetime.fromtimestamp(entry["timestamp"] / 1000, UTC), state)
