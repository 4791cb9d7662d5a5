"""What a model card is made of: who the model is, what it is to its task, and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from morningline.monitoring.learning_data import CurvePart, StudyData
    from morningline.monitoring.report_data import DeltaR2, ReportData


@dataclass(frozen=True, kw_only=True)
class ScoreLine:
    """One score of one set of probabilities with its 95 % interval, which some have not."""

    model: str
    metric: str
    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Rivalry:
    """The model against another one, on events that neither has seen.

    Attributes:
        other: What the other is to the task, and its id.
        delta: ΔR² of this model over the other.
        events: Number of events that were compared.
        days: On how many local days.
        compared: Which probabilities.
    """

    other: str
    delta: DeltaR2
    events: int
    days: int
    compared: str


@dataclass(frozen=True, kw_only=True)
class DecisionLine:
    """One decision about who is champion that concerned the model."""

    decided_at: datetime
    decided_by: str
    outcome: str
    from_model: str | None
    to_model: str
    verdict: str | None
    delta: DeltaR2 | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class CardData:
    """Everything a model card shows.

    Attributes:
        report: Its backtest, as the report shows it.
        model_id: Its id.
        version: Its name and number.
        task: What it predicts.
        aliases: What it is to its task now.
        registered_by: Who had it trained first.
        predictions: How many predictions are locked that it made.
        trainings: Ids of the trainings that gave it.
        scores: Each score with its interval.
        rivalry: It against the champion, or the champion against the one before; None where nothing is to compare.
        no_rivalry: Why not, where that is so.
        decisions: What was decided, newest first.
        study: The tuning that found its parameters; None where there was none.
        curves: How each part of it learnt, as far as a training recorded it.
        curves_left_out: How many parts there are besides these.
    """

    report: ReportData
    model_id: str
    version: str
    task: str
    aliases: Sequence[str]
    registered_by: str
    predictions: int
    trainings: Sequence[str]
    scores: Sequence[ScoreLine]
    rivalry: Rivalry | None
    no_rivalry: str
    decisions: Sequence[DecisionLine]
    study: StudyData | None = None
    curves: Sequence[CurvePart] = ()
    curves_left_out: int = 0
