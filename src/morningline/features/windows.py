"""Which earlier rows a feature looks at: how far back, and which of them resemble the event that is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morningline.kit.errors import InputError


@dataclass(frozen=True)
class Expanding:
    """Everything known so far."""


@dataclass(frozen=True)
class Last:
    """The last `rows` history rows of the key, whether or not they have the value; at least one."""

    rows: int


@dataclass(frozen=True)
class Days:
    """The history rows that became usable in the last `days` days (of 24 hours) before the cut-off; at least one."""

    days: int


@dataclass(frozen=True)
class Decay:
    """Everything known so far, a row `half_life_days` older than another counting half as much.

    The mean does not depend on the cut-off; a count, a sum and the rows behind a rate fade up to it.
    """

    half_life_days: int


Window = Expanding | Last | Days | Decay


@dataclass(frozen=True)
class Same:
    """Rows that agree with the entrant in a column of the card: the same course, the same going."""

    column: str


@dataclass(frozen=True)
class Near:
    """Rows whose number in a column of the card lies about the entrant's own.

    Args:
        column: A number on the card.
        share: How far at most, as a share of the entrant's own number: 0.1 is within ten per cent.
        within: How far at most, in the unit of the column, where that is more.

    Raises:
        InputError: Neither says how far.
    """

    column: str
    share: float = 0.0
    within: float = 0.0

    def __post_init__(self) -> None:
        if self.share < 0 or self.within < 0 or self.share + self.within <= 0:
            raise InputError(f"{self} admits no other row.", allowed="a positive share or distance")


@dataclass(frozen=True)
class AtLeast:
    """Rows whose number in a column of the card is the entrant's own or larger."""

    column: str


@dataclass(frozen=True)
class AtMost:
    """Rows whose number in a column of the card is the entrant's own or smaller."""

    column: str


Condition = Same | Near | AtLeast | AtMost


@dataclass(frozen=True)
class Rivals:
    """A key: the earlier events in which an entity met those whom it meets again in this one.

    Each meeting of each rival is a row, whose value compares both sides: the own value less the rival's, or which of
    them came out ahead. It is usable from when both sides are known. Who is entered twice is two rivals of the others
    and none of itself.

    Args:
        entity: Columns of the card that say who met.
        compare: `difference` is the own value less the rival's; `ahead` is 1 where the own value is the smaller, 0
            where it is the larger, and a half where they are equal. Null where either side has no value.
    """

    entity: tuple[str, ...]
    compare: Literal["difference", "ahead"] = "difference"


Key = tuple[str, ...] | Rivals
