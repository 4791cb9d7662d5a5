"""Boosted trees whose scores compete within the event: LightGBM with a within-event softmax objective."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Floats, Integers, Singles, group_log_softmax, group_softmax
from morningline.training.models.growing import (
    DEFAULT_PARAMETERS,
    check_growth,
    check_names,
    fixed,
    gain_shares,
    library,
    read_sealed,
    telling,
)
from morningline.training.models.machines import Machines, Plan
from morningline.training.models.sealed import seal
from morningline.training.models.steps import Step, unrecorded
from morningline.training.sample import Sample

if TYPE_CHECKING:
    import lightgbm


ROWS_AT_ONCE = 1 << 17
"""So many rows are differentiated at once by one thread."""

# A winner's probability below this counts as this, so that its logarithm is a number.
_LEAST = 1e-16


class SoftmaxBooster:
    """Trees fitted to -ln p_winner with p the softmax of the trees' sums within the event.

    The gradient of a row is p - y and its curvature p (1 - p), the diagonal of the softmax Hessian (Friedman,
    Hastie & Tibshirani 2000, "Additive logistic regression", Annals of Statistics 28).

    Args:
        parameters: LightGBM parameters over `DEFAULT_PARAMETERS`, by their main names; objective, metric,
            seed, threads and determinism are set here.
        rounds: Most trees, at least 1.
        early_stopping_rounds: Stop when the validation events' winner log loss has not improved for so many
            rounds and keep the best; None fits exactly `rounds` trees.
        seed: Seed of bagging and feature sampling.
        threads: Threads, at least 1. The same number gives the same bits.
        machines: Where else the trees grow; None grows them in this process.

    Raises:
        InputError: If a number is not positive or a parameter is unknown or set here.

    Example:
        >>> SoftmaxBooster({"num_leaves": 7}, rounds=50, early_stopping_rounds=None).parameters["num_leaves"]
        7
    """

    def __init__(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        rounds: int = 600,
        early_stopping_rounds: int | None = 50,
        seed: int = 1,
        threads: int = 2,
        machines: Machines | None = None,
    ) -> None:
        check_growth(
            parameters or {},
            rounds=rounds,
            early_stopping_rounds=early_stopping_rounds,
            seed=seed,
            threads=threads,
        )
        self.parameters = {**DEFAULT_PARAMETERS, **(parameters or {})}
        self.rounds = rounds
        self.early_stopping_rounds = early_stopping_rounds
        self.seed = seed
        self.threads = threads
        self.machines = machines
        self.validation_losses: tuple[float, ...] = ()
        self._text: str | None = None
        self._booster: lightgbm.Booster | None = None
        self._heard: _Heard | None = None

    def bins(self, whole: Sample) -> "Bins":
        """Where values are cut, found once for fits on events and on parts of them; it takes as long as forty trees."""
        return Bins(whole, self.dataset(whole, self.settings(whole)))

    def fit(
        self,
        train: Sample,
        validation: Sample | None = None,
        told: Callable[[int], None] = lambda _trees: None,
        bins: "Bins | None" = None,
        step: Step = unrecorded,
    ) -> "SoftmaxBooster":
        """Grow the trees; the same samples, bins, seed and threads give the same text.

        Args:
            train: Events to learn from.
            validation: Later events that decide when to stop; needed for early stopping.
            told: Is told after each round how many trees there are; what it raises ends the fit.
            bins: Of a sample that both are parts of, as trees of these parameters gave them; those of `train` if not
                given.
            step: Is told the winner log loss of both after each round, as far as it is known.

        Returns:
            This model, with the validation events' winner log loss after each round in `validation_losses`.

        Raises:
            InputError: If early stopping has no validation events, or a feature's name is not possible.
        """
        lightgbm = library()
        check_names(train.names)
        if self.machines is not None:
            return self._fit_on(self.machines, train, validation, told, step, bins or self.bins(train))
        callbacks, valid_sets = [telling(told, step)], []
        settings = self.settings(train if bins is None else bins.whole)
        matrix = self.dataset(train, settings) if bins is None else bins.of(train)
        losses: dict[str, dict[str, list[float]]] = {}
        self._heard = None
        if validation is not None:
            validation.require_names(train.names)
            self._heard = _Heard(validation, self.stopping_loss(validation))
            valid_sets.append(
                self.dataset(validation, settings, reference=matrix) if bins is None else bins.of(validation)
            )
            callbacks.append(lightgbm.record_evaluation(losses))
        if self.early_stopping_rounds is not None:
            self._require_validation(validation)
            callbacks.append(lightgbm.early_stopping(self.early_stopping_rounds, verbose=False))
        booster = lightgbm.train(
            {**settings, **self.goal(train, step)},
            matrix,
            num_boost_round=self.rounds,
            valid_sets=valid_sets,
            valid_names=["validation"] * len(valid_sets),
            feval=self._heard,
            callbacks=callbacks,
        )
        self.validation_losses = tuple(losses.get("validation", {}).get("winner_log_loss", ()))
        # Predictions come from the text that is stored, so that a saved model cannot differ from a fresh one.
        self._load(seal(booster.model_to_string(num_iteration=booster.best_iteration)))
        return self

    def _fit_on(
        self,
        machines: Machines,
        train: Sample,
        validation: Sample | None,
        told: Callable[[int], None],
        step: Step,
        bins: "Bins",
    ) -> "SoftmaxBooster":
        recipe = copy(self)
        recipe.machines = None
        if validation is not None:
            validation.require_names(train.names)
        if self.early_stopping_rounds is not None:
            self._require_validation(validation)
        plan = Plan(recipe, self.settings(bins.whole), bins.boundaries())
        grown = machines.grow(plan, train, validation, told, step)
        self.validation_losses = grown.losses
        self._load(seal(grown.trees))
        return self

    @property
    def trees(self) -> int:
        """How many trees were kept; raises `InputError` before the fit."""
        return int(self._require_fit().num_trees())

    def log_scores(self, sample: Sample) -> Floats:
        """Predict: ln p of each row, normalised within its event.

        Args:
            sample: Events with the features of the fit, in their order.

        Returns:
            Shape (rows,).

        Raises:
            InputError: If the model is not fitted or the features are not those of the fit.
        """
        booster = self._require_fit()
        sample.require_names(tuple(booster.feature_name()))
        heard = None if self._heard is None else self._heard.scores(sample, self.trees)
        if heard is None:
            scores = booster.predict(sample.features, raw_score=True, num_threads=self.threads)
            heard = np.asarray(scores, dtype=np.float64)
        return group_log_softmax(heard, sample.starts)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain, largest first; needs a fitted model."""
        return gain_shares(self._require_fit())

    def to_text(self) -> str:
        """Return the model in LightGBM's text format with a seal, which LightGBM ignores, as last line.

        Raises:
            InputError: If the model is not fitted.
        """
        self._require_fit()
        return str(self._text)

    @classmethod
    def from_text(cls, text: str, *, threads: int = 2) -> "SoftmaxBooster":
        """Read what `to_text` wrote.

        Args:
            text: A model in LightGBM's text format with its seal.
            threads: Threads for predicting, at least 1.

        Returns:
            A fitted model that predicts the same bits.

        Raises:
            InputError: If the text has no seal.
            IntegrityError: If the text is not what was saved.
        """
        model = cls(threads=threads)
        model._load(text)
        return model

    def _load(self, text: str) -> None:
        self._booster = read_sealed(text)
        self._text = text

    def settings(self, train: Sample) -> dict[str, Any]:
        """LightGBM's parameters, without the goal."""
        settings = fixed(self.parameters, seed=self.seed, threads=self.threads)
        # Where no leaf can be large enough, LightGBM drops every feature and then fails; kept, they give one leaf.
        few = train.rows < 4 * settings["min_data_in_leaf"]
        return {**settings, "feature_pre_filter": False} if few else settings

    def dataset(
        self, sample: Sample, settings: dict[str, Any], reference: "lightgbm.Dataset | None" = None
    ) -> "lightgbm.Dataset":
        """Events as LightGBM holds them; with the bins of a reference, or bins of their own."""
        dataset: lightgbm.Dataset = library().Dataset(
            sample.features,
            label=sample.won,
            group=sample.sizes,
            feature_name=list(sample.names),
            reference=reference,
            params=settings,
        )
        return dataset

    def goal(self, train: Sample, step: Step) -> dict[str, Any]:
        """What the trees are fitted to, in LightGBM's parameters."""
        return {"objective": _objective(train, step, self.threads)}

    def stopping_loss(self, validation: Sample) -> Any:  # noqa: ANN401 - LightGBM's callback types are its own
        """What decides when to stop: a callback that gives `winner_log_loss`."""
        return _winner_log_loss(validation)

    def _require_validation(self, validation: Sample | None) -> None:
        if validation is None:
            raise InputError(
                f"early_stopping_rounds is {self.early_stopping_rounds} without validation events.",
                allowed="validation events, or early_stopping_rounds=None",
                do="Split by day with `PeriodSplit` and give the middle part.",
            )

    def _require_fit(self) -> "lightgbm.Booster":
        if self._booster is None:
            raise InputError(
                "This booster has no trees yet.",
                allowed="a fitted model",
                do="Call `fit` with training events, or `from_text` with a stored model.",
            )
        return self._booster


class _Heard:
    """LightGBM's callback that judges what growing trees say of events, and keeps what they said when they were best.

    Args:
        sample: The events.
        loss: LightGBM's callback that judges.
    """

    def __init__(self, sample: Sample, loss: Callable[[Floats, object], tuple[str, float, bool]]) -> None:
        self._sample, self._loss = sample, loss
        self._rounds, self._best, self._least = 0, 0, np.inf
        self._scores: Floats | None = None

    def __call__(self, scores: Floats, dataset: object) -> tuple[str, float, bool]:
        told = self._loss(scores, dataset)
        self._rounds += 1
        if told[1] < self._least:
            self._best, self._least, self._scores = self._rounds, told[1], scores.copy()
        return told

    def scores(self, sample: Sample, trees: int) -> Floats | None:
        """What so many trees say of these events, the bits of a prediction; None where it was not kept."""
        return self._scores if sample is self._sample and trees == self._best else None


class Bins:
    """A sample as LightGBM holds it: each value as the number of its bin.

    Args:
        whole: The sample.
        dataset: The same as LightGBM's own.
    """

    def __init__(self, whole: Sample, dataset: "lightgbm.Dataset") -> None:
        self.whole = whole
        self._dataset = dataset

    def of(self, part: Sample) -> "lightgbm.Dataset":
        """The sample, or events of it that stand together.

        Raises:
            InputError: They are not a part of it.
        """
        if part is self.whole:
            return self._dataset
        ids = self.whole.event_ids
        first = ids.index(part.event_ids[0]) if part.event_ids[0] in ids else 0
        if ids[first : first + part.events] != part.event_ids:
            raise InputError(
                f"{part.events} events are not a part of the {self.whole.events} whose bins are known.",
                allowed="events that stand together in the sample of the bins",
                do="Fit without bins.",
            )
        row = int(self.whole.starts[first])
        return self._dataset.subset(list(range(row, row + part.rows)))

    def boundaries(self) -> bytes:
        """Where values are cut, for machines that hold other rows: LightGBM's own file of one row."""
        with TemporaryDirectory(prefix="bins-") as folder:
            path = Path(folder) / "bins"
            self._dataset.construct().subset([0]).construct().save_binary(path)
            return path.read_bytes()


def softmax_derivatives(scores: Floats, starts: Integers, won: Floats) -> tuple[Floats, Floats]:
    """Differentiate Σ -ln p_winner by each row's score.

    Args:
        scores: Shape (rows,).
        starts: Offsets of the events, shape (events + 1,).
        won: Shape (rows,): 1.0 for the winner of each event, else 0.0.

    Returns:
        Gradient p - y and curvature p (1 - p), each of shape (rows,). The curvature is at least 1e-6, so that
        an event that is already decided cannot make a leaf explode.
    """
    p = group_softmax(scores, starts)
    return p - won, np.maximum(p * (1.0 - p), 1e-6)


def _objective(sample: Sample, step: Step, threads: int) -> Any:  # noqa: ANN401 - LightGBM's callback types are its own
    winners, trees, pool = sample.winner_rows(), count(), ThreadPoolExecutor(threads)
    # LightGBM reads single precision, and has read it when it asks again.
    gradient, curvature = np.empty(sample.rows, dtype=np.float32), np.empty(sample.rows, dtype=np.float32)
    losses = np.empty(sample.events)
    # An event's derivatives are its own, so parts side by side have the bits of one look at all.
    cuts = np.unique(np.searchsorted(sample.starts, [*range(0, sample.rows, ROWS_AT_ONCE), sample.rows]))

    def objective(scores: Floats, _: object) -> tuple[Singles, Singles]:
        def differentiate(first: int, end: int) -> None:
            begin, starts = sample.starts[first], sample.starts[first : end + 1]
            rows = slice(begin, starts[-1])
            slopes, curvature[rows] = softmax_derivatives(scores[rows], starts - begin, sample.won[rows])
            # The slope of a winner is p - 1, so the loss costs no second look at the rows.
            losses[first:end] = -np.log(np.maximum(1.0 + slopes[winners[first:end] - begin], _LEAST))
            gradient[rows] = slopes

        list(pool.map(differentiate, cuts[:-1], cuts[1:]))
        step("training_loss", next(trees), float(losses.mean()))
        return gradient, curvature

    return objective


def _winner_log_loss(sample: Sample) -> Any:  # noqa: ANN401 - LightGBM's callback types are its own
    winners = sample.winner_rows()

    def metric(scores: Floats, _: object) -> tuple[str, float, bool]:
        log_p = group_log_softmax(scores, sample.starts)
        return "winner_log_loss", float(-log_p[winners].mean()), False

    return metric
