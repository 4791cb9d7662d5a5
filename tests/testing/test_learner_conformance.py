"""The promises of a learner, run on every one that is installed; a learner that breaks one is found out."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from morningline.kit.errors import InputError
from morningline.kit.plugins import load_plugin, plugin_names
from morningline.testing import LearnerConformance
from morningline.testing.learner_conformance import fitted
from morningline.testing.learner_trials import NAMES, trial_of
from morningline.training.forecast import Forecast
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import LEARNERS, Range, binary_learner, group_learner, regression_learner
from morningline.training.models.point_trees import squared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.models.learner import Fitting
    from morningline.training.observations import Observations

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-model.md"
QUICK = {"rounds": 20, "early_stopping_rounds": 5, "booster": {"min_data_in_leaf": 50}}
OF_ITS_OWN = {"ensemble": {"learner": "softmax_trees", "members": 2, "parameters": QUICK}}


def quick(learner: Any) -> dict[str, Any]:
    """As far as it has such parameters."""
    return {name: value for name, value in QUICK.items() if name in learner.parameters.__struct_fields__}


def suite(name: str) -> type[LearnerConformance]:
    class Suite(LearnerConformance):
        @pytest.fixture
        def learner(self) -> Any:
            return load_plugin(LEARNERS, name)

        @pytest.fixture
        def parameters(self, learner: Any) -> dict[str, Any]:
            return OF_ITS_OWN.get(name) or quick(learner)

    return Suite


for each in plugin_names(LEARNERS):
    globals()[f"TestTheLearner_{each}"] = suite(each)


@cache
def example() -> Any:
    """The learner of the page."""
    found = re.search(r"^```python linear\.py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found
    module = ModuleType("linear_of_the_page")
    # msgspec looks up the annotations of a class in its module.
    sys.modules[module.__name__] = module
    exec(compile(found[1], "linear.py", "exec"), vars(module))  # noqa: S102 - our own page
    return module.learner


class TestTheExampleOfThePage(LearnerConformance):
    @pytest.fixture
    def learner(self) -> Any:
        return example()


def test_the_page_is_short() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) < 60


class Line:
    """A learner of amounts that keeps every promise but the one a test takes from it."""

    kind = "regression"
    parameters = squared.parameters
    space = squared.space

    def fit(self, train: Observations, parameters: Any, fitting: Fitting) -> Any:
        return self.changed(squared.fit(train, parameters, fitting))

    def read(self, files: Mapping[str, str], *, threads: int) -> Any:
        return self.changed(squared.read(files, threads=threads))

    def changed(self, model: Any) -> Any:
        return model


class Changed:
    """A model that is another's but for what a subclass says."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


class Forgetful(Line):
    """Its files depend on the moment."""

    def changed(self, model: Any) -> Any:
        class Model(Changed):
            def files(self) -> dict[str, str]:
                return {**model.files(), "when.txt": str(time.perf_counter_ns())}

        return Model(model)


class Sociable(Line):
    """A row's number depends on the rows beside it."""

    def changed(self, model: Any) -> Any:
        class Model(Changed):
            def predict(self, rows: Observations) -> Forecast:
                forecast = model.predict(rows)
                shift = forecast.point.mean() * 1e-9
                return Forecast(forecast.point + shift, forecast.low + shift, forecast.high + shift, forecast.level)

        return Model(model)


class Peeking(Line):
    """It looks at what came."""

    def changed(self, model: Any) -> Any:
        class Model(Changed):
            def predict(self, rows: Observations) -> Forecast:
                forecast = model.predict(rows)
                return forecast.widened(1.0 if rows.known else 0.0)

        return Model(model)


class Careless(Line):
    """It takes any columns for its own."""

    def changed(self, model: Any) -> Any:
        class Model(Changed):
            def predict(self, rows: Observations) -> Forecast:
                return model.predict(replace(rows, names=NAMES) if len(rows.names) == len(NAMES) else rows)

        return Model(model)


class Pickling(Line):
    """Its file is a pickle in disguise."""

    def read(self, files: Mapping[str, str], *, threads: int) -> Any:
        pickle.loads(pickle.dumps(SplitConformal(0.9, 0.0, 0)))  # noqa: S301 - what is to be found out
        return super().read(files, threads=threads)


class Fragile(Line):
    """It gives nothing where a value is missing."""

    def changed(self, model: Any) -> Any:
        class Model(Changed):
            def predict(self, rows: Observations) -> Any:
                forecast = model.predict(rows)
                holes = np.isnan(rows.features[:, 0])
                return SimpleNamespace(
                    point=np.where(holes, np.nan, forecast.point), low=forecast.low, high=forecast.high
                )

        return Model(model)


class Hopeful(Line):
    """It asks tuning to try a parameter that it does not have."""

    space = MappingProxyType({"depth": Range(low=1, high=3, whole=True)})


@pytest.mark.parametrize(
    ("learner", "promise"),
    [
        (Forgetful(), "test_two_fits_give_the_same_files"),
        (Sociable(), "test_company_and_order_change_no_prediction"),
        (Peeking(), "test_a_prediction_does_not_look_at_what_came_of_it"),
        (Careless(), "test_other_features_are_refused"),
        (Pickling(), "test_reading_unpickles_nothing"),
        (Fragile(), "test_missing_values_give_predictions_all_the_same"),
        (Hopeful(), "test_what_tuning_may_try_can_be_fitted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Line) else "",
)
def test_a_learner_that_breaks_a_promise_is_found_out(learner: Line, promise: str) -> None:
    trial = trial_of("regression")
    sound = call(promise, Line(), trial)
    assert sound is None
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        call(promise, learner, trial)


def call(promise: str, learner: Line, trial: Any) -> None:
    """One test of the suite with the fixtures it asks for."""
    parameters = quick(learner)
    given = {
        "learner": learner,
        "parameters": parameters,
        "trial": trial,
        "model": fitted(learner, parameters, trial.train),
        "end": "low",
    }
    test = getattr(LearnerConformance(), promise)
    test(**{name: given[name] for name in inspect.signature(test).parameters})


def test_a_learner_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="of kind 'regression'") as caught:
        group_learner("quantile_trees")
    assert "logit_and_trees" in str(caught.value.allowed)
    assert "quantile_trees" not in str(caught.value.allowed)
    assert regression_learner("quantile_trees").kind == "regression"
    assert binary_learner("binary_trees").kind == "binary"


def test_naming_the_learners_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom morningline.training.models.learner import learner_names\n"
        "print(learner_names('regression'), sorted({'lightgbm', 'scipy', 'catboost', 'sklearn'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip().endswith(" []")
    assert "two_part" in answer.stdout
