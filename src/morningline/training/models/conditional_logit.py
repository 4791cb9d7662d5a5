"""The conditional logit: each feature has one weight, and the weighted sums compete within the event."""

from typing import NoReturn

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Floats, group_log_softmax
from morningline.training.models.likelihood import Likelihood
from morningline.training.models.standardiser import Standardiser
from morningline.training.models.steps import Step, unrecorded
from morningline.training.sample import Sample


class _Fitted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a prediction needs, as it is stored."""

    l2: float
    indicator_from: float
    indicator_to: float
    names: tuple[str, ...]
    standardiser: Standardiser
    weights: tuple[float, ...]
    iterations: int


class ConditionalLogit:
    """McFadden's (1974) choice model with a Gaussian prior on the weights; sources stand in `likelihood.py`.

    Args:
        l2: Penalty on the standardised weights: the fit minimises Σ -ln p_winner + l2 / 2 · ‖w‖². It is the
            precision of the prior, so it need not change with the number of events.
        indicator_from: Least missing share of a feature in training for a missing indicator.
        indicator_to: Greatest missing share for one.

    Raises:
        InputError: If the penalty is negative or the shares are not 0 ≤ from ≤ to ≤ 1.

    Example:
        >>> ConditionalLogit(l2=10.0).is_fitted
        False
    """

    def __init__(self, l2: float, *, indicator_from: float = 0.01, indicator_to: float = 0.99) -> None:
        if not (0 <= l2 < np.inf and 0 <= indicator_from <= indicator_to <= 1):
            raise InputError(
                f"l2 is {l2} and missing shares of {indicator_from} to {indicator_to} get an indicator.",
                allowed="l2 of 0 or more; shares with 0 ≤ from ≤ to ≤ 1",
                do="Start with l2=10 and the default shares.",
            )
        self.l2 = float(l2)
        self.indicator_from = float(indicator_from)
        self.indicator_to = float(indicator_to)
        self._fitted: _Fitted | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether the model can predict."""
        return self._fitted is not None

    @property
    def iterations(self) -> int:
        """How many Newton steps the fit took; raises `InputError` before the fit."""
        return self._require_fit().iterations

    def fit(self, sample: Sample, step: Step = unrecorded) -> "ConditionalLogit":
        """Learn means, scales and weights from training events; the same sample gives the same bits.

        Args:
            sample: The training events.
            step: Is told the winner log loss before each Newton step.

        Returns:
            This model.

        Raises:
            DataError: If l2 is 0 and the features tell every winner.
        """
        standardiser = Standardiser.fit(sample.features, self.indicator_from, self.indicator_to)
        design = standardiser.transform(sample.features)
        best = Likelihood(design, sample.starts, sample.won, self.l2).maximise(step)
        self._fitted = _Fitted(
            l2=self.l2,
            indicator_from=self.indicator_from,
            indicator_to=self.indicator_to,
            names=sample.names,
            standardiser=standardiser,
            weights=tuple(best.weights.tolist()),
            iterations=best.iterations,
        )
        return self

    def log_scores(self, sample: Sample) -> Floats:
        """Predict: ln p of each row, normalised within its event.

        Args:
            sample: Events with the features of the fit, in their order.

        Returns:
            Shape (rows,). An event's numbers are the same bits whatever other events are beside it.

        Raises:
            InputError: If the model is not fitted or the features are not those of the fit.
        """
        fitted = self._require_fit()
        sample.require_names(fitted.names)
        scores = fitted.standardiser.weighted(sample.features, np.array(fitted.weights))
        return group_log_softmax(scores, sample.starts)

    def coefficients(self) -> dict[str, float]:
        """Return the weight of each standardised feature and "(missing)" indicator, largest effect first.

        Raises:
            InputError: If the model is not fitted.
        """
        fitted = self._require_fit()
        pairs = zip(fitted.standardiser.columns(fitted.names), fitted.weights, strict=True)
        return dict(sorted(pairs, key=lambda pair: -abs(pair[1])))

    def shares(self) -> dict[str, float]:
        """Return each feature's share of the weights' sizes, its indicator's included, largest first.

        Raises:
            InputError: If the model is not fitted.
        """
        fitted = self._require_fit()
        sizes = [abs(weight) for weight in fitted.weights]
        features = len(fitted.names)
        for column, size in zip(fitted.standardiser.indicated, sizes[features:], strict=True):
            sizes[column] += size
        total = max(sum(sizes[:features]), 1e-300)
        pairs = zip(fitted.names, sizes[:features], strict=True)
        return {name: size / total for name, size in sorted(pairs, key=lambda pair: -pair[1])}

    def to_json(self) -> str:
        """Return the model as JSON that reads back to the same bits; raises `InputError` before the fit."""
        return msgspec.json.encode(self._require_fit()).decode()

    @classmethod
    def from_json(cls, text: str) -> "ConditionalLogit":
        """Read what `to_json` wrote.

        Args:
            text: A stored model.

        Returns:
            A fitted model that predicts the same bits.

        Raises:
            InputError: If the text is not a model or its parts contradict each other.
        """
        try:
            fitted = msgspec.json.decode(text, type=_Fitted)
        except msgspec.MsgspecError as error:
            _refuse(str(error))
        parts = fitted.standardiser
        lengths = {len(fitted.names), len(parts.means), len(parts.scales)}
        columns = len(fitted.names) + len(parts.indicated)
        if len(lengths) != 1 or len(parts.indicated) != len(parts.shares) or len(fitted.weights) != columns:
            _refuse("names, means, scales, indicators and weights differ in number")
        model = cls(fitted.l2, indicator_from=fitted.indicator_from, indicator_to=fitted.indicator_to)
        model._fitted = fitted
        return model

    def _require_fit(self) -> _Fitted:
        if self._fitted is None:
            raise InputError(
                "This conditional logit has no weights yet.",
                allowed="a fitted model",
                do="Call `fit` with training events, or `from_json` with a stored model.",
            )
        return self._fitted


def _refuse(reason: str) -> NoReturn:
    raise InputError(
        f"The text is not a stored conditional logit: {reason}.",
        allowed="the JSON that `to_json` wrote",
        do="Read the model's file again from where it was saved.",
    )
