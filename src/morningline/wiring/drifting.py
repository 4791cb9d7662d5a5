"""Feature drift by the words a user says: a domain and two periods of local days."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import DataError, InputError
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from morningline.features.store import FeatureStore
    from morningline.monitoring.drift import DriftReport
    from morningline.wiring.program import Program


@dataclass(frozen=True)
class Period:
    """Local days, the last included.

    Args:
        first: First day.
        last: Last day, not before the first.

    Raises:
        InputError: The days are out of order.

    Example:
        >>> from datetime import date
        >>> str(Period(date(2024, 1, 1), date(2024, 6, 30)))
        '2024-01-01 to 2024-06-30'
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InputError(
                f"The period {self} ends before it begins.",
                allowed="a first day on or before the last",
                do="Swap them.",
            )

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def feature_drift(program: Program, domain_name: str, reference: Period, current: Period) -> DriftReport:
    """Compare the stored features of two periods.

    Args:
        program: The workspace.
        domain_name: Whose features.
        reference: What is held to be usual.
        current: What is asked about.

    Raises:
        InputError: The periods share days.
        DataError: Nothing is stored, or nothing of one of the periods.
    """
    from morningline.monitoring.drift import drift

    if reference.first <= current.last and current.first <= reference.last:
        raise InputError(
            f"The periods {reference} and {current} share days.",
            allowed="two periods without a common day",
            do="End the reference before the current period begins.",
        )
    store = program.features(domain_named(domain_name))
    return drift(_rows(store, reference), _rows(store, current), store.features.names, threads=program.threads)


def _rows(store: FeatureStore, period: Period) -> pl.DataFrame:
    rows = store.read(first=period.first, last=period.last)
    if rows.is_empty():
        raise DataError(
            f"No features are stored of {period}.",
            allowed="days of the months that `morningline features status` names",
            do="Choose other days, or run `morningline features compute`.",
        )
    return rows


def plain_drift(report: DriftReport) -> dict[str, Any]:
    """A report as plain values, ready for JSON, with the verdict and the reason of each feature."""
    plain = asdict(report)
    plain["features"] = [
        {"name": feature.name, "verdict": feature.verdict, "reason": feature.reason, **asdict(feature)}
        for feature in report.features
    ]
    return plain
