"""What a page about a training is made of: how its parameters were found, and how it learnt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from morningline.monitoring.report_data import DeltaR2


@dataclass(frozen=True, kw_only=True)
class TriedPoint:
    """One trial of a study.

    Attributes:
        number: From 0.
        status: succeeded, pruned, failed, cancelled or running.
        loss: Over the folds it was judged on; None where there is none.
        parameters: What was tried, as text.
    """

    number: int
    status: str
    loss: float | None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StudyData:
    """What a tuning tried and what that was worth.

    Attributes:
        tried: Its trials, by number.
        default_loss: Loss of what was given alone; None where it is not known yet.
        importance: Share of each parameter in what set good trials apart; empty where there were too few.
        over_default: Over the default on days that no trial has seen; None where it is not known.
        gain: What that is, in words.
    """

    tried: Sequence[TriedPoint]
    default_loss: float | None
    importance: Mapping[str, float]
    over_default: DeltaR2 | None
    gain: str = "ΔR²"

    @property
    def best(self) -> TriedPoint | None:
        """The trial of the smallest loss over all folds, the earliest of equal ones."""
        whole = [one for one in self.tried if one.status == "succeeded" and one.loss is not None]
        return min(whole, key=lambda one: (one.loss, one.number), default=None)


@dataclass(frozen=True, kw_only=True)
class CurvePart:
    """How one part of a fit went.

    Attributes:
        name: Which part, in words.
        curves: `training_loss`, `validation_loss` or another to its steps and values, in the order of steps.
    """

    name: str
    curves: Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True, kw_only=True)
class TrainingPage:
    """Everything the page of a training shows.

    Attributes:
        title: What it is: a training, or a trial of one.
        headline: How it stands, in a sentence.
        tone: `better`, `worse` or nothing, for the colour of the head.
        facts: Words and what they are, in the order they are shown.
        results: Name, last value and number of steps.
        parameters: Name to value, as text.
        files: Path, bytes and SHA-256.
        study: Its tuning; None where it has none.
        curves: How each part of it learnt.
        left_out: How many parts there are besides these.
        generated_at: When the page was made (UTC).
    """

    title: str
    headline: str
    tone: str
    facts: Sequence[tuple[str, str]]
    results: Sequence[tuple[str, float, int]]
    parameters: Mapping[str, str]
    files: Sequence[tuple[str, int, str]]
    study: StudyData | None
    curves: Sequence[CurvePart]
    left_out: int
    generated_at: datetime
