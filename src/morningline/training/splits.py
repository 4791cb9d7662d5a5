"""Train, validate and test on periods that follow each other, cut between whole local days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Flags, Integers
from morningline.training.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    before `train_from`, of an embargo and after `test_to` belong to no part.

    Args:
        train_until: Last day of training.
        test_from: First day of the test, at least two days and two embargoes after `train_until`.
        test_to: Last day of the test.
        train_from: First day of training; None takes all there are.
        embargo_days: Days left out on either side of validation, so that what takes days to end is on one side only.

    Raises:
        InputError: If a value is not a day or the days are out of order.

    Example:
        >>> PeriodSplit.parse("2023-12-31", "2024-07-01", "2024-12-31").test_from
        datetime.date(2024, 7, 1)
    """

    train_until: date
    test_from: date
    test_to: date
    train_from: date | None = None
    embargo_days: int = 0

    def __post_init__(self) -> None:
        given = {"train_until": self.train_until, "test_from": self.test_from, "test_to": self.test_to}
        if self.train_from is not None:
            given["train_from"] = self.train_from
        for field, value in given.items():
            # An instant is a `date` to Python, but which local day it lies on is the caller's knowledge.
            if not isinstance(value, date) or isinstance(value, datetime):
                raise InputError(
                    f"`{field}` is {value!r}.",
                    allowed="a day without time",
                    do="Give a `datetime.date`, or text to `PeriodSplit.parse`.",
                )
        between = (self.test_from - self.train_until).days - 1 - 2 * self.embargo_days
        begin = self.train_from or self.train_until
        if self.embargo_days < 0 or between < 1 or self.test_to < self.test_from or self.train_until < begin:
            since = f" from {self.train_from}" if self.train_from else ""
            embargo = f", with an embargo of {self.embargo_days} days," if self.embargo_days else ""
            raise InputError(
                f"Training{since} until {self.train_until} and testing from {self.test_from} to {self.test_to}"
                f"{embargo} leaves a part without days.",
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
        begin = 0 if self.train_from is None else self.train_from.toordinal()
        masks = EventMasks(
            train=(days >= begin) & (days <= last),
            validation=(days > last + self.embargo_days) & (days < first - self.embargo_days),
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


def tests_of(sample: Sample, folds: "Sequence[PeriodSplit]") -> Sample:
    """The test events of all folds together, in the order of time."""
    return sample.take_events(np.logical_or.reduce([fold.masks(sample.days).test for fold in folds]))


def hold_out(days: Integers) -> PeriodSplit:
    """The usual split of a period: of its local days 70 in 100 to train, 15 to validate, the last 15 to test.

    Args:
        days: Shape (events,): `date.toordinal()` of each event's local day.

    Raises:
        InputError: There are fewer than seven days.
    """
    known = np.unique(np.asarray(days))
    if len(known) < 7:
        raise InputError(
            f"The events lie on {len(known)} days, {_range(known)}.",
            allowed="seven days or more",
            do="Collect more of the period, or say where training ends and the test begins.",
        )
    places = (int(len(known) * 0.7) - 1, int(len(known) * 0.85), -1)
    train_until, test_from, test_to = (date.fromordinal(int(known[place])) for place in places)
    return PeriodSplit(train_until, test_from, test_to)


@dataclass(frozen=True, kw_only=True)
class WalkForward:
    """Test period after test period, each by a model that was fitted on what lay before it.

    Args:
        test_from: First day of the first test.
        test_to: Last day of the last.
        test_days: Length of each test; a rest of less than half of it is joined to the last one.
        validation_days: Length of the validation before each test.
        train_days: Days of training before each validation (rolling); None takes all there are (expanding).
        embargo_days: Days left out on either side of each validation.

    Raises:
        InputError: A length is below one, or the test ends before it begins.

    Example:
        >>> plan = WalkForward(
        ...     test_from=date(2022, 1, 1), test_to=date(2022, 12, 31), test_days=183, validation_days=90
        ... )
        >>> [fold.train_until.isoformat() for fold in plan.folds()]
        ['2021-10-02', '2022-04-03']
    """

    test_from: date
    test_to: date
    test_days: int
    validation_days: int
    train_days: int | None = None
    embargo_days: int = 0

    def __post_init__(self) -> None:
        lengths = (self.test_days, self.validation_days, 1 if self.train_days is None else self.train_days)
        if min(lengths) < 1 or self.embargo_days < 0 or self.test_to < self.test_from:
            raise InputError(f"{self} has no folds.", allowed="lengths of one day and more, and test_from ≤ test_to")

    def folds(self) -> list[PeriodSplit]:
        """The splits, in the order of time."""
        found, first = [], self.test_from
        while first <= self.test_to:
            train_until = first - timedelta(days=self.validation_days + 2 * self.embargo_days + 1)
            last = first + timedelta(days=self.test_days - 1)
            # A rest too short to say anything belongs to the test before it.
            if (self.test_to - last).days < self.test_days / 2:
                last = self.test_to
            found.append(
                PeriodSplit(
                    train_until=train_until,
                    test_from=first,
                    test_to=last,
                    train_from=None if self.train_days is None else train_until - timedelta(days=self.train_days - 1),
                    embargo_days=self.embargo_days,
                )
            )
            first = last + timedelta(days=1)
        return found


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
