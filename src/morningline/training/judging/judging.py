"""What a kind of task has to bring, so that one job trains, judges, registers and promotes models of all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec
    import polars as pl

    from morningline.features.matrix import FeatureMatrix
    from morningline.training.dataset import Dataset, Source
    from morningline.training.evaluation.comparison import Comparison
    from morningline.training.evaluation.row_comparison import LossComparison
    from morningline.training.grouped import Flags, Floats
    from morningline.training.judging.scored import ScoredBy
    from morningline.training.models.learner import Fitting
    from morningline.training.models.reading import TrainedModel
    from morningline.training.row_dataset import RowDataset
    from morningline.training.splits import PeriodSplit
    from morningline.training.task import Task


class Result(Protocol):
    """A fitted model and its honest scores."""

    @property
    def model(self) -> TrainedModel:
        """Of the last fold."""

    @property
    def outcomes(self) -> pl.DataFrame:
        """One row an entrant with its `part`, what came, and what each model said."""

    @property
    def periods(self) -> Sequence[PeriodSplit]:
        """The periods of each fold; the last are the model's own."""

    def summary(self, events_word: str) -> dict[str, Any]:
        """As plain values, ready for JSON."""


class Judging(Protocol):
    """What is special to a kind of task.

    Attributes:
        predicted: Whose numbers are predicted, and so what a champion is chosen by: a column of the outcomes.
        against: What a test is compared with, in words.
    """

    @property
    def predicted(self) -> str: ...  # noqa: D102 - said above

    @property
    def against(self) -> str: ...  # noqa: D102 - said above

    def gather(
        self, task: Task, features: FeatureMatrix, answers: pl.DataFrame, source: Source
    ) -> Dataset | RowDataset:
        """Join stored features and answers.

        Raises:
            DataError: Nothing is left.
        """

    def backtest(
        self,
        task: Task,
        dataset: Any,  # noqa: ANN401 - what `gather` gave
        splits: Sequence[PeriodSplit],
        chosen: tuple[str, msgspec.Struct],
        fitting: Fitting,
    ) -> Result:
        """Fit on the past and judge on the test, fold after fold; `chosen` is a learner and its parameters.

        Raises:
            InputError: A period is empty.
            DataError: A feature tells what came.
        """

    def tell(self, model: Any, dataset: Any) -> pl.DataFrame:  # noqa: ANN401 - of its kind
        """What a model makes of later days that are over, as rows of outcomes without `part`."""

    def scores(self, test: pl.DataFrame, metrics: Sequence[str]) -> list[ScoredBy]:
        """The scores of a model and of what stands beside it, from the test's outcomes."""

    def marked(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Outcomes of two models side by side with `left_out`: why a row does not count, null where it does."""

    def counted(self, marked: pl.DataFrame) -> dict[str, int]:
        """Reason to number of events, or rows, that do not count."""

    def compare(self, rows: pl.DataFrame, metric: str, *, seed: int = 1) -> Comparison | LossComparison:
        """Hold `p` against `p_other`, by rows in the order of day, event and entrant."""

    def trained_on(self, dataset: Any, split: PeriodSplit) -> Any:  # noqa: ANN401 - of its kind
        """The training part of a fold, which tuning may see."""

    def take(self, part: Any, mask: Flags) -> Any:  # noqa: ANN401 - of its kind
        """Some events, or rows, of a part; its `days` say which."""

    def trial(
        self,
        parts: tuple[Any, Any],
        chosen: tuple[Any, msgspec.Struct],
        metric: str,
        fitting: Fitting,
    ) -> Floats:
        """The losses on later days of what a learner makes of earlier ones, before any repair; one an event or row."""
