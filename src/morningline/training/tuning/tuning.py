"""Tuning a learner: each set of parameters judged on folds that follow each other, all of them before the test."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.judging.groups import GROUPS
from morningline.training.models.learner import chosen_parameters
from morningline.training.models.steps import unrecorded
from morningline.training.task import USUAL
from morningline.training.tuning.side_by_side import SideBySide, judged
from morningline.training.tuning.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from morningline.kit.database import Database
    from morningline.training.judging.judging import Judging
    from morningline.training.models.learner import Fitting, Learner
    from morningline.training.tuning.side_by_side import Judges
    from morningline.training.tuning.study import Trial


class Tuning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a learner is tuned.

    Args:
        trials: How many sets of parameters are tried.
        seconds: No trial is begun later; None is never.
        folds: On how many periods each is judged, one after the other.
        workers: How many workers try side by side.
    """

    trials: int = 30
    seconds: float | None = None
    folds: int = 3
    workers: int = 1

    def __post_init__(self) -> None:
        if min(self.trials, self.folds, self.workers) < 1 or (self.seconds is not None and self.seconds <= 0):
            raise InputError(f"{self} tries nothing.", allowed="one and more, and seconds above zero")


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What tuning found.

    Attributes:
        parameters: The best ones, with what was given beside them: those of the default where none was better.
        default_loss: Mean loss of what was given alone, over all folds: of the task's deciding metric.
        best_loss: That of the best trial.
        trials: All that were tried.
        importance: Share of each parameter in what set good trials apart.
    """

    parameters: dict[str, Any]
    default_loss: float
    best_loss: float
    trials: Sequence[Trial]
    importance: dict[str, float]

    def plain(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is tuned, on what.

    Attributes:
        learner: The learner.
        name: Its name.
        given: Parameters that are not tuned.
        train: The events, or rows, of training; none of the validation or the test.
        dataset: Hash of the dataset they are of.
        tuning: How.
        fitting: How each fit is done.
        tried: Is told of every trial as it stands, those of other workers too, whenever there may be news.
        judging: What the kind of the task is judged by.
        metric: The task's deciding metric.
        judges: Who judges trials elsewhere; None judges them one after another in this process.
    """

    learner: Learner
    name: str
    given: Mapping[str, Any]
    train: Any
    dataset: str
    tuning: Tuning
    fitting: Fitting
    tried: Callable[[Sequence[Trial]], None] = lambda _trials: None
    judging: Judging = GROUPS
    metric: str = USUAL["group"].metrics[0]
    judges: Callable[[Question], Judges] | None = None

    @property
    def study(self) -> str:
        """The study's name: a hash of everything that its trials depend on, so that whoever asks the same shares it."""
        days = [int(self.train.days.min()), int(self.train.days.max()), len(self.train.days)]
        space = {name: msgspec.to_builtins(within) for name, within in self.space.items()}
        asked = [self.dataset, days, self.name, dict(self.given), space, self.tuning.folds, self.fitting.seed]
        if self.metric != USUAL["group"].metrics[0]:
            asked.append(self.metric)
        return f"{self.name}-{sha256(msgspec.json.encode(asked)).hexdigest()[:16]}"

    @property
    def space(self) -> dict[str, Any]:
        """Where parameters are looked for: the learner's space without what was given."""
        return {name: within for name, within in self.learner.space.items() if not _is_given(self.given, name)}


def tune(database: Database, question: Question) -> Tuned:
    """Try parameters until there are enough trials, beside other workers that are asked the same.

    Raises:
        InputError: There is nothing to tune, or too few days to judge it on.
    """
    if not question.space:
        raise InputError(
            f"The learner {question.name!r} has nothing to tune.", do="Leave out tuning, or fewer parameters."
        )
    steady, folds = _Steady(question.fitting), folds_of(question)
    judges = None if question.judges is None else question.judges(question)
    with Study(database, question.study, question.space, seed=question.fitting.seed) as study:
        if "default_loss" not in study.notes:
            steady.tell("Judging the default", 0.0)
            study.note("default_loss", _default_loss(question, folds, judges, steady))
        try:
            _search(study, question, judges, steady)
        except BaseException:
            # The trial that ended the search has failed; what it failed with is what matters, whatever this gives.
            with suppress(Exception):
                question.tried(study.tried())
            raise
        best, default_loss = study.best(), float(study.notes["default_loss"])
        better = best is not None and best.value is not None and best.value < default_loss
        return Tuned(
            parameters=applied(question.given, best.parameters if best and better else {}),
            default_loss=default_loss,
            best_loss=best.value if best and best.value is not None else default_loss,
            trials=study.trials(),
            importance=study.importance(),
        )


def _default_loss(
    question: Question, folds: Sequence[tuple[Any, Any]], judges: Judges | None, steady: _Steady
) -> float:
    if judges is not None:
        return judged(judges, {}, len(folds), steady.again)
    return list(_losses(question, folds, {}, steady.fitting))[-1]


def _search(study: Study, question: Question, judges: Judges | None, steady: _Steady) -> None:
    trials, folds = question.tuning.trials, folds_of(question)

    def told(ended: int) -> None:
        question.tried(study.tried())
        steady.tell(f"Trial {min(ended + 1, trials)} of {trials}", min(ended / trials, 1.0))

    def judge(chosen: dict[str, float]) -> Iterator[float]:
        question.tried(study.tried())
        for loss in _losses(question, folds, chosen, steady.fitting):
            yield loss
            question.tried(study.tried())

    if judges is not None:
        SideBySide(study, judges, len(folds)).search(trials=trials, seconds=question.tuning.seconds, told=told)
    else:
        study.search(judge, trials=trials, seconds=question.tuning.seconds, told=told)


def applied(given: Mapping[str, Any], chosen: Mapping[str, float]) -> dict[str, Any]:
    """Parameters with some chosen: `booster.num_leaves` goes into the mapping `booster`."""
    found: dict[str, Any] = {name: dict(value) if isinstance(value, dict) else value for name, value in given.items()}
    for name, value in chosen.items():
        inner, path = found, name.split(".")
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = value
    return found


def _is_given(given: Mapping[str, Any], name: str) -> bool:
    inner: Any = given
    for step in name.split("."):
        if not isinstance(inner, dict) or step not in inner:
            return False
        inner = inner[step]
    return True


def folds_of(question: Question) -> list[tuple[Any, Any]]:
    """Of the days the second half in blocks, each judged by what was fitted on all days before it."""
    train, take, count = question.train, question.judging.take, question.tuning.folds
    days = np.unique(train.days)
    if len(days) < 4 * count:
        raise InputError(
            f"{len(days)} days of training are too few for {count} folds.", allowed=f"{4 * count} days and more"
        )
    edges = [days[len(days) // 2 + len(days) * fold // (2 * count)] for fold in range(count)] + [days[-1] + 1]
    return [
        (take(train, train.days < first), take(train, (train.days >= first) & (train.days < last)))
        for first, last in pairwise(edges)
    ]


class _Steady:
    """Says which trial it is, whatever the fits in it would say of themselves; whoever is told may still end them."""

    def __init__(self, fitting: Fitting) -> None:
        self._told = fitting.progress
        self._said = ("", 0.0)
        self.fitting = replace(fitting, progress=lambda _doing, _done: self._told(*self._said), step=unrecorded)

    def again(self) -> None:
        """Say the same again."""
        self._told(*self._said)

    def tell(self, doing: str, done: float) -> None:
        self._said = doing, done
        self._told(doing, done)


def fold_loss(
    question: Question, parts: tuple[Any, Any], chosen: dict[str, float], fitting: Fitting
) -> tuple[float, int]:
    """Fit on the earlier part and sum the losses of the later one; with the number of its events, or rows."""
    parameters = chosen_parameters(question.learner, applied(question.given, chosen))
    losses = question.judging.trial(parts, (question.learner, parameters), question.metric, fitting)
    return float(losses.sum()), len(losses)


def _losses(
    question: Question, folds: Sequence[tuple[Any, Any]], chosen: dict[str, float], fitting: Fitting
) -> Iterator[float]:
    """Mean loss over the events, or rows, of all folds so far."""
    total, events = 0.0, 0
    for parts in folds:
        loss, count = fold_loss(question, parts, chosen, fitting)
        total, events = total + loss, events + count
        yield total / events
