"""What tables must agree on: a domain's own rules of consistency and uniqueness, counted day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.facts.table import Catalog


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Something that holds of the rows of a day, as a query of the domain's own making.

    Args:
        name: What holds, as a clause: `races have runners`.
        table: The table whose quality it is part of.
        part: Which part of that quality.
        kind: `all` must hold of every source, `share` is compared with what the source usually gives, `size` too, but
            is no share: how many of one thing there are to one of another. `watched` is a size, too, but what is less
            than usual may be sound: it is told as an anomaly and spoils no score.
        sql: Gives a row a day: the day, how many hold, and how many were looked at. `%(days)s` is the array of the
            days that are asked for; it should be compared with every partitioned table's day.
    """

    name: str
    table: str
    part: Literal["completeness", "uniqueness", "consistency"] = "consistency"
    kind: Literal["all", "share", "size", "watched"] = "share"
    sql: str


class Watched(Protocol):
    """Tables whose quality is watched: what a domain brings."""

    @property
    def name(self) -> str:
        """The word users say, as in `--domain`."""

    @property
    def catalog(self) -> Catalog:
        """Its tables."""

    @property
    def agreements(self) -> Sequence[Agreement]:
        """What they must agree on."""
