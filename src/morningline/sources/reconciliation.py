"""What the match of a second source says at its end: how much is the same, what differs, what only one has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MatchCount:
    """How many of one kind, events or entrants, the two sources have.

    Attributes:
        noun: What one of them is called.
        first: How many are stored, of the days and places that the second source has.
        second: How many the second source has.
        matched: How many are in both.
        first_rate: Share of the first's that are matched, null where there are none.
        second_rate: Share of the second's that are matched, null where there are none.
    """

    noun: str
    first: int
    second: int
    matched: int
    first_rate: float | None
    second_rate: float | None


@dataclass(frozen=True, kw_only=True)
class OnlyIn:
    """Events or entrants that one source has and the other has not, for one reason."""

    noun: str
    source: str
    reason: str
    count: int
    examples: list[str]


@dataclass(frozen=True, kw_only=True)
class Example:
    """One value of which the sources say different things."""

    event: str
    entrant: str | None
    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class ColumnCount:
    """How the values of one column agree; a value that one source alone has is no conflict."""

    table: str
    column: str
    agree: int
    differ: int
    only_first: int
    only_second: int
    examples: list[Example]


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The second source against the first.

    Attributes:
        id: That of the import.
        mapping: Its mapping.
        events: Events matched by their key.
        entrants: Entrants matched within matched events.
        repeated_rows: Rows that said exactly what another said, and were left out.
        repeated_events: Events they are about.
        only: What one source alone has, the most frequent first.
        columns: How the compared values agree.
        contradicted: Entrants that bear one number and are not the same by what confirms it.
        doubtful: Entrants that differ in more values than they share.
        suggestions: What to make of it, in words. Nothing of it is done by the program.
    """

    id: str
    mapping: str
    events: MatchCount
    entrants: MatchCount
    repeated_rows: int
    repeated_events: int
    only: list[OnlyIn]
    columns: list[ColumnCount]
    contradicted: int
    doubtful: int
    suggestions: list[str]

    @property
    def conflicts(self) -> int:
        """Values and identities of which the two sources say different things."""
        return self.contradicted + sum(column.differ for column in self.columns)
