"""What an import says at its end: what was read, what was kept, what was turned away and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from morningline.sources.reconciliation import Reconciliation  # noqa: TC001 - msgspec reads the annotations

EXAMPLES = 5
"""How many examples of each reason and finding a report shows; the quarantine table has them all."""


@dataclass(frozen=True, kw_only=True)
class FileCount:
    """Rows of one file."""

    file: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TableCount:
    """What became of the rows meant for one table: read = accepted + merged + quarantined."""

    table: str
    read: int
    accepted: int
    merged: int
    quarantined: int
    inserted: int
    changed: int
    unchanged: int
    fill: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Turned:
    """Rows, or values of rows, turned away for one reason."""

    table: str
    scope: Literal["row", "value"]
    reason: str
    count: int
    examples: list[str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about the accepted facts that a modeller should know."""

    name: str
    meaning: str
    count: int
    of: int
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """The end of an import."""

    id: str
    mapping: str
    folder: str
    files: list[FileCount]
    tables: list[TableCount]
    left_out: dict[str, int]
    quarantined: list[Turned]
    findings: list[Finding]
    accepted_losses: dict[str, int]
    seconds: float
    reconciliation: Reconciliation | None = None

    @property
    def rows_quarantined(self) -> int:
        """Rows that were not stored at all."""
        return sum(t.count for t in self.quarantined if t.scope == "row")

    @property
    def values_quarantined(self) -> int:
        """Values without which their rows were stored."""
        return sum(t.count for t in self.quarantined if t.scope == "value")

    @property
    def complete(self) -> bool:
        """Whether nothing was lost beyond what the mapping accepts."""
        return (
            self.rows_quarantined <= self.accepted_losses["quarantined_rows"]
            and self.values_quarantined <= self.accepted_losses["quarantined_values"]
        )
