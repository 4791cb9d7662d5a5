"""Train, validate and test on periods that follow each other, cut between whole local days."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Flags, Integers
from morningline.training.sample import Sample


class EventMasks(NamedTuple):
    """Which events belong to each part, each of shape (events,)."""

    train: Flags
    validation: Flags
    test: Flags


class SampleParts(NamedTuple):
    """The parts of a sample in the order of time."""

    train: Sample
    validation: Sample
    test: Sample


@dataclass(frozen=True)
class PeriodSplit:
    """train ≤ train_until < validation < test_from ≤ test ≤ test_to, by the event's local day.

    A random split would put one day on both sides, and the model would meet its own test in training. Events
    after `test_to` belong to no part.

    Args:
        train_until: Last day of training.
        test_from: First day of the test, at least two days after `train_until`.
        test_to: Last day of the test.

    Raises:
        InputError: If a value is not a day or the days are out of order.

    Example:
        >>> PeriodSplit.parse("2023-12-31", "2024-07-01", "2024-12-31").test_from
        datetime.date(2024, 7, 1)
    """

    train_until: date
    test_from: date
    test_to: date

    def __post_init__(self) -> None:
        for field in ("train_until", "test_from", "test_to"):
            value = getattr(self, field)
            # An instant is a `date` to Python, but which local day it lies on is the caller's knowledge.
            if not isinstance(value, date) or isinstance(value, datetime):
                raise InputError(
                    f"`{field}` is {value!r}.",
                    allowed="a day without time",
                    do="Give a `datetime.date`, or text to `PeriodSplit.parse`.",
                )
        if (self.test_from - self.train_until).days < 2 or self.test_to < self.test_from:
            raise InputError(
                f"Training until {self.train_until} and testing from {self.test_from} to {self.test_to} "
                "leaves a part without days.",
                allowed="train_until < at least one day of validation < test_from ≤ test_to",
                do="Move the days apart; some weeks of validation are usual.",
            )

    @classmethod
    def parse(cls, train_until: str, test_from: str, test_to: str) -> "PeriodSplit":
        """Read the three days from text.

        Args:
            train_until: Last day of training, YYYY-MM-DD.
            test_from: First day of the test, YYYY-MM-DD.
            test_to: Last day of the test, YYYY-MM-DD.

        Returns:
            The split.

        Raises:
            InputError: If a text is not a day of the calendar or the days are out of order.
        """
        return cls(_day("train_until", train_until), _day("test_from", test_from), _day("test_to", test_to))

    def masks(self, days: Integers) -> EventMasks:
        """Say which events belong to which part.

        Args:
            days: Shape (events,): `date.toordinal()` of each event's local day.

        Returns:
            Three masks; no event is in two.

        Raises:
            InputError: If a part has no events.
        """
        days = np.asarray(days)
        last, first, end = (day.toordinal() for day in (self.train_until, self.test_from, self.test_to))
        masks = EventMasks(
            train=days <= last,
            validation=(days > last) & (days < first),
            test=(days >= first) & (days <= end),
        )
        for name, mask in masks._asdict().items():
            if not mask.any():
                raise InputError(
                    f"The {name} period has no events; training is until {self.train_until}, the test from "
                    f"{self.test_from} to {self.test_to}, and the events lie {_range(days)}.",
                    allowed="at least one event in each of train, validation and test",
                    do="Move the days into the period that has events, or collect more of it.",
                )
        return masks

    def apply(self, sample: Sample) -> SampleParts:
        """Cut a sample.

        Args:
            sample: Events of all periods.

        Returns:
            Train, validation and test events.

        Raises:
            InputError: If a part has no events.
        """
        return SampleParts(*(sample.take_events(mask) for mask in self.masks(sample.days)))


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`{field}` is {text!r}: {error}.",
            allowed="a day of the calendar as YYYY-MM-DD",
            do="Check month and day; 2023-02-29, for example, never was.",
        ) from error


def _range(days: Integers) -> str:
    if days.size == 0:
        return "nowhere"
    return f"from {date.fromordinal(int(days.min()))} to {date.fromordinal(int(days.max()))}"
