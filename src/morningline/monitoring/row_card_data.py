"""What the card of a model of single rows is made of: whether something happens, or how much it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from morningline.monitoring.card_data import ScoreLine
    from morningline.monitoring.learning_data import CurvePart, StudyData
    from morningline.monitoring.report_data import FeatureShare, Periods, ReliabilityBin


@dataclass(frozen=True, kw_only=True)
class SavedLoss:
    """How much smaller the model's loss is than another's on the same rows.

    Attributes:
        name: The baseline, reference or model it is held against.
        estimate: Mean loss of the other less that of the model.
        low: Lower end of its day-clustered 95 % interval.
        high: Upper end.
        mde: Smallest effect the test could have detected.
        verdict: adopt, reject or not_decided.
    """

    name: str
    estimate: float
    low: float
    high: float
    mde: float
    verdict: str


@dataclass(frozen=True, kw_only=True)
class MonthCoverage:
    """How the interval held in one month.

    Attributes:
        month: Its first day.
        coverage: Share of its rows whose interval holds what came.
        width: Mean width of the interval, in the unit of the target.
        rows: How many rows it has.
    """

    month: date
    coverage: float
    width: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class RowDecision:
    """One decision about who is champion that concerned the model; `saved` where something was compared."""

    decided_at: datetime
    decided_by: str
    outcome: str
    from_model: str | None
    to_model: str
    saved: SavedLoss | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class RowCardData:
    """Everything the card of a model of rows shows; it names no domain, the caller brings the nouns.

    Attributes:
        generated_at: Instant of writing, UTC.
        model_id: Its id.
        version: Its name and number.
        task: What it predicts.
        target: Column of what came.
        unit: Unit of the target; empty of a probability.
        metric: The task's deciding metric.
        entrant_noun: Singular word for what a row is about.
        aliases: What it is to its task now.
        registered_by: Who had it trained first.
        trainings: Ids of the trainings that gave it.
        periods: Days of training, validation and test.
        provenance: (label, value) pairs that find the same model, data and code again.
        rows: Rows of the test.
        days: Days of the test.
        scores: Each score with its interval.
        over: The model against each baseline and reference, on the same rows.
        repair: (label, value) pairs: what the validation changed.
        reliability: Name to its bins, of a binary task.
        months: Coverage by month, of a regression.
        level: How often the interval should hold, of a regression.
        excluded: Reason to number of rows left out.
        importance: Feature shares, in any order.
        rival: The model against another on rows neither has seen; None where nothing is to compare.
        no_rival: Why not, where that is so.
        decisions: What was decided, newest first.
        study: How its parameters were found; None where none were looked for.
        curves: How each part of it learnt.
        curves_left_out: How many parts there are besides these.
    """

    generated_at: datetime
    model_id: str
    version: str
    task: str
    target: str
    unit: str
    metric: str
    entrant_noun: str
    aliases: Sequence[str]
    registered_by: str
    trainings: Sequence[str]
    periods: Periods
    provenance: Sequence[tuple[str, str]]
    rows: int
    days: int
    scores: Sequence[ScoreLine]
    over: Sequence[SavedLoss]
    repair: Sequence[tuple[str, str]]
    reliability: Mapping[str, Sequence[ReliabilityBin]]
    months: Sequence[MonthCoverage]
    level: float | None
    excluded: Mapping[str, int]
    importance: Sequence[FeatureShare]
    rival: SavedLoss | None
    no_rival: str
    decisions: Sequence[RowDecision]
    study: StudyData | None
    curves: Sequence[CurvePart]
    curves_left_out: int
