"""What an import has gathered so far: accepted frames, counts, and everything that was turned away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from morningline.sources.quarantine import PROBLEM, problems

if TYPE_CHECKING:
    from typing import Literal


@dataclass
class Tally:
    """How many rows were meant for a table, and how many said the same as another."""

    read: int = 0
    merged: int = 0


@dataclass
class Assembly:
    """What an import will write: frames by table, and everything that was turned away.

    Attributes:
        frames: Table name to accepted rows in the order of their key; columns as the table's.
        tallies: Table name to its counts.
        problems: Rows in the shape of `PROBLEM`.
        left_out: Target to rows its conditions left out.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    problems: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PROBLEM))
    left_out: dict[str, int] = field(default_factory=dict)

    def turn_away(
        self,
        rows: pl.DataFrame,
        table: str,
        reason: pl.Expr | str,
        *,
        kind: pl.Expr | str | None = None,
        scope: Literal["row", "value"] = "row",
    ) -> None:
        """Note rows as turned away.

        Args:
            rows: Rows with `#file`, `#row`, `#source`.
            table: The table they were meant for.
            reason: Why, as words or an expression over the rows.
            kind: The reason without the values at fault, so that like is counted with like; the reason itself
                where not given.
            scope: `value` where the row is kept without a value.
        """
        if rows.height:
            found = problems(rows, table, scope, reason, reason if kind is None else kind)
            self.problems = self.problems.vstack(found)

    def rows_turned_away(self, table: str) -> int:
        """How many rows meant for a table were not kept."""
        return self.problems.filter((pl.col("target") == table) & (pl.col("scope") == "row")).height
