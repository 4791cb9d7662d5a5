"""Acts of quality: bring its history up to date, check days, write the report, and guard what works on the facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.quality_gate import Need, require_quality, short_days
from morningline.facts.quality_history import bring_up_to_date, known_days, read_counts, read_history
from morningline.facts.quality_measures import PARTS
from morningline.kit.clock import utc_now
from morningline.kit.errors import NotFoundError
from morningline.monitoring.anomalies import CONTEXT_DAYS, find_anomalies
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from morningline.domains.contract import Domain
    from morningline.monitoring.quality_data import QualityData
    from morningline.wiring.program import Program

# What became known late is not used before it was known, so lateness spoils neither features nor training.
SOUND = tuple(part for part in PARTS if part != "freshness")
SHOWN_DAYS = 364
"""A report without days shows the year up to the newest day."""
LOOK_BACK = 7
"""Days before one that is predicted whose facts must be sound too: the latest form comes from them."""


@dataclass(frozen=True, kw_only=True)
class QualityCheck:
    """How good the facts of some days are.

    Attributes:
        threshold: The least score of a sound day.
        days: A row a table and day, in the shape of `quality_history.HISTORY`.
        short: Those under the threshold that nobody accepted, the worst first.
        anomalies: Days unlike those before, in the shape of `anomalies.ANOMALY`.
    """

    threshold: float
    days: pl.DataFrame
    short: pl.DataFrame
    anomalies: pl.DataFrame

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return self.short.is_empty() and self.anomalies.is_empty()


def check_quality(program: Program, domain_name: str, first: date | None, last: date | None) -> QualityCheck:
    """Judge the facts of local days; the newest day with facts where none is given.

    Raises:
        NotFoundError: There are no facts of these days.
    """
    domain = domain_named(domain_name)
    threshold = program.settings.quality_predict
    with program.database.connect() as connection:
        _, newest = _newest(connection, domain)
        first, last = first or last or newest, last or first or newest
        days, anomalies = _history(connection, domain, first, last)
        if days.is_empty():
            raise NotFoundError(
                f"There are no facts from {first} to {last}.", allowed=f"days up to {newest}", do="Name other days."
            )
        short = short_days(connection, domain, replace(_need(program, "predict", "", first, last), parts=PARTS))
    return QualityCheck(threshold=threshold, days=days, short=short, anomalies=anomalies)


def quality_data(program: Program, domain_name: str, first: date | None, last: date | None) -> QualityData:
    """The history of quality, ready to be shown; the year up to the newest day where no days are given.

    Raises:
        NotFoundError: There are no facts of these days.
    """
    domain, settings = domain_named(domain_name), program.settings
    with program.database.connect() as connection:
        oldest, newest = _newest(connection, domain)
        last = last or newest
        first = max(first or last - timedelta(days=SHOWN_DAYS), oldest)
        days, anomalies = _history(connection, domain, first, last)
    from morningline.monitoring.quality_data import QualityData

    thresholds = {name: getattr(settings, name) for name in ("quality_compute", "quality_train", "quality_predict")}
    return QualityData(
        domain=domain.name,
        generated_at=utc_now(),
        first=first,
        last=last,
        thresholds=thresholds,
        days=days,
        anomalies=anomalies,
    )


def write_quality_report(
    program: Program, domain_name: str, first: date | None, last: date | None, out: Path | None
) -> Path:
    """Write the history of quality as one HTML page; returns its path."""
    from morningline.monitoring.quality_report import render_quality

    data = quality_data(program, domain_name, first, last)
    path = out or program.workspace.reports / "quality.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_quality(data), encoding="utf-8")
    return path


def require_sound_facts(program: Program, domain: Domain, act: str, *, last: date | None, accept: bool = False) -> int:
    """Refuse to compute or train on days whose facts are broken, or write down that they were accepted.

    Args:
        program: The workspace.
        domain: Whose facts.
        act: `compute` or `train`.
        last: The last local day whose facts are worked on; None where the newest are.
        accept: Whether days that fall short are accepted as they are.

    Returns:
        How many days of tables were accepted by this.

    Raises:
        DataError: Some fall short and are not accepted.
    """
    doing = {"compute": "Computing features", "train": "Training"}[act]
    return _require(program, domain, [_need(program, act, doing, date.min, last or date.max)], accept=accept)


def require_sound_day(program: Program, domain: Domain, day: date, *, accept: bool = False) -> int:
    """Refuse to predict a local day whose cards are broken or late, or that follows on broken facts.

    Args:
        program: The workspace.
        domain: Whose facts.
        day: The local day.
        accept: Whether days that fall short are accepted as they are.

    Returns:
        How many days of tables were accepted by this.

    Raises:
        DataError: Some fall short and are not accepted.
    """
    doing = f"Predicting {day}"
    cards = replace(_need(program, "predict", doing, day, day), stages=("event", "pre"), parts=PARTS)
    before = _need(program, "predict", doing, day - timedelta(days=LOOK_BACK), day - timedelta(days=1))
    return _require(program, domain, [cards, before], accept=accept)


def _need(program: Program, act: str, doing: str, first: date, last: date) -> Need:
    setting = f"quality_{act}"
    threshold = getattr(program.settings, setting)
    return Need(purpose=doing, setting=setting, threshold=threshold, first=first, last=last, parts=SOUND)


def _require(program: Program, domain: Domain, needs: Sequence[Need], *, accept: bool) -> int:
    now = utc_now()
    with program.database.connect() as connection:
        bring_up_to_date(connection, domain, now=now)
        # What was counted is kept even where it is refused.
        connection.commit()
        return require_quality(connection, domain, needs, now=now, accept=accept)


def _history(
    connection: psycopg.Connection[Any], domain: Domain, first: date, last: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The quality of days, and which of them are unlike the days before them."""
    days = read_history(connection, domain, first, last)
    counts = read_counts(connection, domain, first - timedelta(days=CONTEXT_DAYS), last)
    return days, find_anomalies(counts).filter(pl.col("day").is_between(first, last))


def _newest(connection: psycopg.Connection[Any], domain: Domain) -> tuple[date, date]:
    """Bring the history up to date; its first day, and the newest that is not to come."""
    now = utc_now()
    bring_up_to_date(connection, domain, now=now)
    known = known_days(connection, domain)
    if known is None:
        raise NotFoundError(
            f"There are no facts of {domain.name}.", do="Import or collect some: see `morningline import --help`."
        )
    return known[0], min(known[1], now.date()) if known[0] <= now.date() else known[1]


def as_plain(found: QualityCheck | QualityData) -> dict[str, Any]:
    """A check or a history as plain values, ready for JSON."""
    plain: dict[str, Any] = {}
    for name in ("generated_at", "first", "last", "thresholds", "days", "short", "anomalies"):
        value = getattr(found, name, None)
        if value is not None:
            plain[name] = value.drop("#worst", strict=False).to_dicts() if isinstance(value, pl.DataFrame) else value
    return plain
