"""Trees of another build: CatBoost grows them level by level, alike on both sides, from pairs of winner and loser."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import group_log_softmax
from morningline.training.models.learner import Range, file_of
from morningline.training.models.pool import LogPool
from morningline.training.models.scaled_trees import SCALE, TREES, ScaledTrees, grow
from morningline.training.models.sealed import seal, unseal
from morningline.training.models.steps import Step, unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Fitting
    from morningline.training.sample import Sample

Loss: TypeAlias = Literal["PairLogit", "QuerySoftMax"]

# What CatBoost writes beside these names the moment of the fit and a random id.
_KEPT = ("features_info", "oblivious_trees", "scale_and_bias")


class CatBoostParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be chosen of CatBoost's trees; stored with them.

    Args:
        loss: `PairLogit` compares the winner with each loser, `QuerySoftMax` with all of them at once.
        rounds: Most trees.
        early_stopping_rounds: Rounds without gain after which no more trees are grown.
        depth: Levels of a tree.
        learning_rate: Share of each tree that is added.
        l2: Penalty on leaves.
        rsm: Share of the features that a level may choose from.
        borders: Most values at which a feature is cut.
    """

    loss: Loss = "PairLogit"
    rounds: int = 600
    early_stopping_rounds: int = 50
    depth: int = 5
    learning_rate: float = 0.05
    l2: float = 10.0
    rsm: float = 0.5
    borders: int = 127

    def __post_init__(self) -> None:
        whole = self.rounds >= 1 <= self.early_stopping_rounds and 1 <= self.depth <= 16 and 1 <= self.borders <= 254
        if not (whole and 0 < self.learning_rate <= 1 and 0 <= self.l2 < np.inf and 0 < self.rsm <= 1):
            raise ValueError(
                f"{self} cannot be grown; rounds are at least 1, depth is 1 to 16, borders 1 to 254, "
                "learning_rate and rsm lie within (0, 1], l2 is not negative"
            )


@dataclass
class CatBoostTrees:
    """CatBoost's trees, as `SoftmaxBooster` has LightGBM's.

    Prokhorenkova et al. (2018), "CatBoost: unbiased boosting with categorical features", NeurIPS 31.

    Attributes:
        parameters: What was chosen.
        rounds: Most trees.
        patience: Rounds without gain after which growing stops; None grows all.
        seed: Seed of everything random.
        threads: CPU threads; their number changes no bit.
    """

    parameters: CatBoostParameters
    rounds: int
    patience: int | None
    seed: int
    threads: int
    _text: str = field(default="", repr=False)
    _model: Any = field(default=None, repr=False)

    @property
    def trees(self) -> int:
        """How many trees were kept."""
        return int(self._fitted().tree_count_)

    def bins(self, whole: Sample) -> None:
        """Nothing: CatBoost finds its borders in each fit."""

    def fit(
        self,
        train: Sample,
        validation: Sample | None = None,
        told: Callable[[int], None] = lambda _trees: None,
        bins: None = None,  # noqa: ARG002 - there are none
        step: Step = unrecorded,
    ) -> Self:
        """Grow the trees; the same samples and seed give the same text.

        Args:
            train: Events to learn from.
            validation: Later events that decide when to stop.
            told: Is told after each round how many trees there are; what it raises ends the fit.
            bins: There are none.
            step: Is told the loss of both after each round.

        Raises:
            InputError: CatBoost is not installed.
        """
        model = _catboost().CatBoost(self._settings(stops=validation is not None))
        teller = _Teller(told, step)
        model.fit(_pool(train), eval_set=None if validation is None else _pool(validation), callbacks=[teller])
        if teller.raised is not None:
            raise teller.raised
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / TREES
            model.save_model(str(path), format="json")
            written = msgspec.json.decode(path.read_bytes())
        # What CatBoost writes is rounded in the last digit, so predictions come from the text.
        self._load(seal(msgspec.json.encode({key: written[key] for key in _KEPT}, order="sorted").decode()))
        return self

    def log_scores(self, sample: Sample) -> Floats:
        """Ln p of each row, shape (rows,), normalised within its event."""
        model = self._fitted()
        sample.require_names(tuple(model.feature_names_))
        scores = model.predict(sample.features, prediction_type="RawFormulaVal", thread_count=self.threads)
        return group_log_softmax(np.asarray(scores, dtype=np.float64), sample.starts)

    def importance(self) -> dict[str, float]:
        """Each feature's share of how much the trees' sum changes with it, largest first."""
        model = self._fitted()
        changes = np.asarray(model.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64)
        shares = (changes / max(float(changes.sum()), 1e-300)).tolist()
        return dict(sorted(zip(model.feature_names_, shares, strict=True), key=lambda pair: -pair[1]))

    def to_text(self) -> str:
        """The trees as CatBoost's JSON, sealed."""
        self._fitted()
        return self._text

    @classmethod
    def from_text(cls, text: str, *, threads: int) -> CatBoostTrees:
        """Read what `to_text` wrote.

        Raises:
            InputError: The text has no seal, or CatBoost is not installed.
            IntegrityError: It is not what was saved.
        """
        trees = cls(CatBoostParameters(), rounds=1, patience=None, seed=0, threads=threads)
        trees._load(text)
        return trees

    def _load(self, text: str) -> None:
        model = _catboost().CatBoost()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / TREES
            path.write_text(unseal(text), encoding="utf-8")
            model.load_model(str(path), format="json")
        self._model, self._text = model, text

    def _settings(self, *, stops: bool) -> dict[str, Any]:
        chosen = self.parameters
        stopping = {"od_type": "Iter", "od_wait": self.patience, "use_best_model": True}
        return {
            "loss_function": chosen.loss,
            "iterations": self.rounds,
            "depth": chosen.depth,
            "learning_rate": chosen.learning_rate,
            "l2_leaf_reg": chosen.l2,
            "rsm": chosen.rsm,
            "border_count": chosen.borders,
            "random_seed": self.seed,
            "thread_count": self.threads,
            "allow_writing_files": False,
            "logging_level": "Silent",
            **(stopping if stops and self.patience is not None else {}),
        }

    def _fitted(self) -> Any:  # noqa: ANN401 - the library has no types
        if self._model is None:
            raise InputError("These trees are not grown yet.", do="Call `fit`, or `from_text` with a stored model.")
        return self._model


class _Teller:
    """CatBoost's callback. What is raised in it would come out as an error of CatBoost, so it is kept until the end."""

    def __init__(self, told: Callable[[int], None], step: Step) -> None:
        self.told, self.step = told, step
        self.raised: BaseException | None = None

    def after_iteration(self, info: Any) -> bool:  # noqa: ANN401 - the library has no types
        """Whether to go on."""
        try:
            for part, losses in info.metrics.items():
                name = "training_loss" if part == "learn" else "validation_loss"
                # There is one loss, with its value after each round so far.
                (values,) = losses.values()
                self.step(name, info.iteration, values[-1])
            self.told(info.iteration)
        except BaseException as error:  # noqa: BLE001 - raised again when CatBoost has returned
            self.raised = error
        return self.raised is None


class CatBoostLearner:
    """Fits CatBoost's trees; their number and the scale that makes them probabilities come from the last days."""

    kind: Literal["group"] = "group"
    parameters = CatBoostParameters
    space: Mapping[str, Range] = {
        "depth": Range(low=3, high=8, whole=True),
        "learning_rate": Range(low=0.01, high=0.2, log=True),
        "l2": Range(low=1.0, high=100.0, log=True),
        "rsm": Range(low=0.2, high=1.0),
    }

    def fit(self, train: Sample, parameters: CatBoostParameters, fitting: Fitting) -> ScaledTrees:
        """Grow the trees."""

        def make(rounds: int, patience: int | None) -> CatBoostTrees:
            return CatBoostTrees(parameters, rounds, patience, fitting.seed, fitting.threads)

        return grow(make, parameters.rounds, parameters.early_stopping_rounds, train, fitting)

    def read(self, files: Mapping[str, str], *, threads: int) -> ScaledTrees:
        """Read what `files` wrote."""
        return ScaledTrees(
            CatBoostTrees.from_text(file_of(files, TREES), threads=threads), LogPool.from_json(file_of(files, SCALE))
        )


learner = CatBoostLearner()


def _catboost() -> Any:  # noqa: ANN401 - the library has no types
    try:
        import catboost
    except ImportError as error:
        raise InputError(
            "The model `catboost` needs CatBoost, which is not installed.",
            allowed="`softmax_trees` or `ranking_trees`, which need nothing",
            do='Install it with `pip install "morningline[catboost]"`.',
        ) from error
    return catboost


def _pool(sample: Sample) -> Any:  # noqa: ANN401 - the library has no types
    return _catboost().Pool(
        sample.features, label=sample.won, group_id=sample.group_of_rows(), feature_names=list(sample.names)
    )
