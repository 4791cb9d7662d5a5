"""Where features are kept: a Delta table for each feature set and version, read back by exact version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from morningline.kit.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from morningline.features.feature_set import FeatureSet

CONTENT = "morningline.content"
"""Key of the content hash among a Delta commit's own words."""
FACTS = "morningline.facts"
"""The same of how the facts of each day stood before they were read."""

IDENTITY = ("event_id", "entrant_id", "day", "as_of")


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """A version of stored features.

    Args:
        version: The Delta version.
        computed_at: When it was written (UTC).
        months: The months it holds, as `YYYY-MM`.
        facts: How the facts of each day stood when it was computed.
    """

    version: int
    computed_at: datetime
    months: Sequence[str]
    facts: dict[str, str]


class FeatureStore:
    """The features of one set and version, as a Delta table partitioned by month.

    Args:
        root: Folder of all feature tables.
        features: The set; its version is part of the table's path, so versions stand beside each other.
    """

    def __init__(self, root: Path, features: FeatureSet) -> None:
        self.features = features
        self.path = root / features.name / features.version

    def exists(self) -> bool:
        """Whether anything was computed yet."""
        return (self.path / "_delta_log").is_dir()

    def write(self, frame: pl.DataFrame, facts: Mapping[str, str] | None = None) -> int:
        """Replace the table's content in one commit; the same content of the same facts makes no commit.

        Args:
            frame: What `compute` gave.
            facts: How the facts of each day stood before they were read, of `facts.states`.

        Returns:
            The Delta version that holds this content.
        """
        from deltalake import CommitProperties, DeltaTable, write_deltalake

        told = {CONTENT: content_hash(frame), FACTS: msgspec.json.encode(facts or {}).decode()}
        if self.exists():
            table = DeltaTable(self.path)
            last = table.history(1)[0]
            if all(last.get(key) == value for key, value in told.items()):
                return int(table.version())
        self.path.mkdir(parents=True, exist_ok=True)
        months = frame.with_columns(pl.col("day").dt.strftime("%Y-%m").alias("month"))
        write_deltalake(
            self.path,
            months,
            mode="overwrite",
            partition_by=["month"],
            commit_properties=CommitProperties(custom_metadata=told),
        )
        return int(DeltaTable(self.path).version())

    def version(self) -> int:
        """The newest Delta version.

        Raises:
            DataError: Nothing was computed yet.
        """
        from deltalake import DeltaTable

        self._require()
        return int(DeltaTable(self.path).version())

    def state(self) -> StoreState:
        """What the newest Delta version was computed from.

        Raises:
            DataError: Nothing was computed yet.
        """
        from deltalake import DeltaTable

        self._require()
        table = DeltaTable(self.path)
        last = table.history(1)[0]
        months = sorted(str(partition["month"]) for partition in table.partitions())
        return StoreState(
            version=int(table.version()),
            computed_at=datetime.fromtimestamp(last["timestamp"] / 1000, UTC),
            months=months,
            facts=msgspec.json.decode(last.get(FACTS, "{}"), type=dict[str, str]),
        )

    def read(self, version: int | None = None, names: Sequence[str] | None = None) -> pl.DataFrame:
        """Features as they were written, in the order of event and entrant.

        Args:
            version: Delta version; the newest where not given.
            names: Which features; all where not given.

        Raises:
            DataError: Nothing was computed yet.
            NotFoundError: There is no such version.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        self._require()
        try:
            table = DeltaTable(self.path, version=version)
        except DeltaError as error:
            raise NotFoundError(
                f"The features {self.features.name!r} have no Delta version {version}.",
                allowed=f"0 to {self.version()}",
            ) from error
        chosen = [*IDENTITY, *(names or self.features.names)]
        frame = pl.scan_delta(table).select(chosen).collect()
        return frame.with_columns(pl.col("as_of").dt.convert_time_zone("UTC")).sort("event_id", "entrant_id")

    def _require(self) -> None:
        if not self.exists():
            raise DataError(
                f"The features {self.features.name!r} of version {self.features.version} were not computed yet.",
                do="Run `morningline features compute`.",
            )


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame's rows and columns, hexadecimal; what lies in memory under a null is no content.

    Args:
        frame: Columns of texts, numbers, days and instants; the order of rows and columns counts.
    """
    digest = sha256()
    for column in frame.get_columns():
        digest.update(f"{column.name}\x1f{column.dtype}\x1f{len(column)}\x1f".encode())
        digest.update(column.is_null().to_numpy().tobytes())
        if column.dtype == pl.String:
            texts = column.fill_null("")
            digest.update(texts.str.len_bytes().to_numpy().tobytes())
            digest.update("".join(texts).encode())
        else:
            digest.update(column.to_physical().fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()
