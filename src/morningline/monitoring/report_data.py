"""What a model report is made of: scores, verdict, calibration, data quality and provenance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

Verdict: TypeAlias = Literal["adopt", "reject", "not_decided"]
"""The three answers a comparison with the market can have."""

MODEL_WORDS: Mapping[str, tuple[str, str]] = {
    "uniform": ("Uniform", "the same chance for every {entrant}"),
    "market": ("Market", "the prices, margin removed"),
    "market_power": ("Market, corrected", "the market with one fitted exponent"),
    "market_free": ("Model alone", "features only, never sees a price"),
    "combined": ("Model + market", "model and market weighed together"),
    "uncalibrated": ("Model alone, before calibration", "as it came out of training"),
}
"""Label and one-line description of each model name, in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class DateRange:
    """A stretch of days, both ends included.

    Raises:
        InputError: The first day is after the last.
    """

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.first_day > self.last_day:
            raise InputError(
                f"The range starts on {self.first_day} and ends on {self.last_day}.",
                allowed="a first day that is not after the last day",
            )

    @property
    def days(self) -> int:
        """Number of days in the range."""
        return (self.last_day - self.first_day).days + 1


@dataclass(frozen=True, kw_only=True)
class Periods:
    """The days a model was fitted on, tuned on and judged on."""

    train: DateRange
    validation: DateRange | None
    test: DateRange


@dataclass(frozen=True, kw_only=True)
class ModelScores:
    """Scores of one model on the test events; None or NaN where a score could not be computed.

    Attributes:
        winner_log_loss: Mean of -ln(probability given to the winner), in nats per event.
        r2: McFadden R² against the uniform model.
        brier: Mean squared error of the probabilities, per entrant.
        top1: Share of events whose favourite by this model won, in [0, 1].
        ece: Expected calibration error, in probability.
        log_loss_low: Lower end of the 95 % interval of the winner log loss.
        log_loss_high: Upper end of it.
        ece_chance: Mean calibration error on as many events if every probability were right; None if not measured.
        ece_chance_low: What that exceeds in 95 of 100 such periods.
        ece_chance_high: What it exceeds in 5 of 100.
    """

    winner_log_loss: float | None
    r2: float | None
    brier: float | None
    top1: float | None
    ece: float | None
    log_loss_low: float | None
    log_loss_high: float | None
    ece_chance: float | None = None
    ece_chance_low: float | None = None
    ece_chance_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class DeltaR2:
    """How much R² the combined model adds to the market on the same events.

    Attributes:
        estimate: R² of the combined model less R² of the market.
        low: Lower end of the paired 95 % interval.
        high: Upper end of it.
        mde: Smallest effect the test could have detected; None when it was not computed.
        verdict: adopt, reject or not_decided, as the comparison in training says it.

    Raises:
        InputError: A number is not finite, the ends are swapped, or the interval denies the verdict.
    """

    estimate: float
    low: float
    high: float
    mde: float | None
    verdict: Verdict

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.estimate, self.low, self.high))) or self.low > self.high:
            raise InputError(
                f"ΔR² {self.estimate} with the interval {self.low} to {self.high} cannot be reported.",
                allowed="finite numbers, low end first",
            )
        if self.verdict not in get_args(Verdict):
            raise InputError(f"The verdict {self.verdict!r} is unknown.", allowed=", ".join(get_args(Verdict)))
        if self.verdict == "adopt" and self.low <= 0:
            raise InputError(
                f"The verdict is 'adopt', but the interval starts at {self.low}.",
                allowed="'adopt' only when the whole interval is above zero",
            )


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Predictions of like size and how often they came true.

    Attributes:
        mean_predicted: Mean predicted probability in the bin.
        observed: Share of them that came true.
        low: Lower end of the 95 % interval of the observed share.
        high: Upper end of it.
        rows: Number of predictions in the bin.
    """

    mean_predicted: float | None
    observed: float | None
    low: float | None
    high: float | None
    rows: int


@dataclass(frozen=True, kw_only=True)
class SeasonScores:
    """Winner log loss of each model in one season.

    Attributes:
        label: Name of the season, as it should be read.
        events: Events scored in it.
        losses: Model name to (value, low, high) of its winner log loss, nats per event.
        unseen: Whether nothing was fitted or tuned on it; only such seasons are compared in words.
    """

    label: str
    events: int
    losses: Mapping[str, tuple[float | None, float | None, float | None]]
    unseen: bool = True


@dataclass(frozen=True, kw_only=True)
class FeatureShare:
    """How much of the model's total importance one feature holds.

    Attributes:
        feature: Name of the feature.
        share: Its part of the total, in [0, 1].
        description: One line that says what it measures.
    """

    feature: str
    share: float | None
    description: str


@dataclass(frozen=True, kw_only=True)
class TableQuality:
    """Quality of one table of facts; every score is in [0, 1], None where it was not measured."""

    table: str
    rows: int
    first_day: date | None
    last_day: date | None
    completeness: float | None
    validity: float | None
    uniqueness: float | None
    consistency: float | None
    score: float | None
    notes: str


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything one report shows; it names no domain, the caller brings the nouns.

    Attributes:
        title: Name of the report.
        subtitle: One line under it.
        generated_at: Instant of writing, UTC.
        event_noun: Singular word for an event, such as "race".
        entrant_noun: Singular word for one that takes part, such as "runner".
        periods: Days of training, validation and test.
        provenance: (label, value) pairs that let anyone find the same model, data and code again.
        models: Model name (see `MODEL_WORDS`) to its scores on the test events; "market" is always there.
        delta_r2: Combined model against the market.
        excluded: Reason to number of rows or events left out.
        events: Events scored in the test period.
        entrants: Entrants scored in the test period.
        reliability: Model name to its bins, in any order.
        seasons: Scores by season, oldest first.
        importance: Feature shares, in any order.
        quality: Tables of facts the model was built on.

    Raises:
        InputError: The market is missing from the models, or `generated_at` is not UTC.
    """

    title: str
    subtitle: str
    generated_at: datetime
    event_noun: str
    entrant_noun: str
    periods: Periods
    provenance: Sequence[tuple[str, str]]
    models: Mapping[str, ModelScores]
    delta_r2: DeltaR2
    excluded: Mapping[str, int]
    events: int
    entrants: int
    reliability: Mapping[str, Sequence[ReliabilityBin]]
    seasons: Sequence[SeasonScores]
    importance: Sequence[FeatureShare]
    quality: Sequence[TableQuality]

    def __post_init__(self) -> None:
        if "market" not in self.models:
            raise InputError(
                f"The report has scores for {', '.join(self.models) or 'no model'}, none for the market.",
                allowed="scores of 'market' beside those of every model",
                do="Score the market on the same events and pass it under the name 'market'.",
            )
        if self.generated_at.utcoffset() != timedelta(0):
            raise InputError(f"generated_at is {self.generated_at.isoformat()}.", allowed="an aware datetime in UTC")


def model_label(name: str) -> str:
    """Name of a model as a reader should see it.

    Args:
        name: Name of the model, known to `MODEL_WORDS` or not.

    Returns:
        Its label; for an unknown model its own name with spaces.
    """
    return MODEL_WORDS[name][0] if name in MODEL_WORDS else name.replace("_", " ")


def in_order(names: Mapping[str, object] | Sequence[str]) -> list[str]:
    """Put model names in the order in which they are shown: known ones first, then the others by name.

    Args:
        names: Names of models.

    Returns:
        The same names, ordered.
    """
    known = list(MODEL_WORDS)
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))
