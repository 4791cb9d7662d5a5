import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from morningline.kit.errors import DataError, InputError
from morningline.training.evaluation.regression_metrics import pinball_losses
from morningline.training.forecast import levels_of
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.learner import chosen_parameters
from morningline.training.models.point_trees import robust, squared
from morningline.training.models.quantile_trees import learner
from morningline.training.models.quantiles import QuantileTrees, grow_quantiles, rearranged
from morningline.training.models.tree_parameters import IntervalTreeParameters
from synthetic_rows import FITTING, draw_rows, true_quantile

DAYS = 300
BOOSTER = {"learning_rate": 0.15, "min_data_in_leaf": 50, "num_leaves": 15}


def parameters(**changes):
    return chosen_parameters(learner, {"booster": BOOSTER, "rounds": 200, "early_stopping_rounds": 15, **changes})


@pytest.fixture(scope="module")
def train():
    return draw_rows(1, DAYS, missing=0.02)


@pytest.fixture(scope="module")
def unseen():
    return draw_rows(2, DAYS, missing=0.02)


@pytest.fixture(scope="module")
def model(train):
    return learner.fit(train, parameters(), FITTING)


@given(
    arrays(np.float64, (7, 5), elements=st.floats(-100, 100)),
    arrays(np.float64, 7, elements=st.floats(-100, 100)),
    st.lists(st.floats(0.01, 0.99), min_size=5, max_size=5, unique=True),
)
def test_sorting_crossed_quantiles_never_makes_them_worse(values, target, levels):
    def loss(quantiles):
        return sum(
            pinball_losses(quantile, target, level).sum()
            for quantile, level in zip(quantiles.T, sorted(levels), strict=True)
        )

    better = rearranged(values)
    assert (np.diff(better, axis=1) >= 0).all()
    assert loss(better) <= loss(values) + 1e-9


def test_quantiles_do_not_cross_although_each_is_grown_by_itself(train, unseen):
    close = (0.45, 0.5, 0.55)
    quantiles = grow_quantiles(train, close, parameters().growth(FITTING), FITTING)
    alone = np.column_stack([member.values(unseen) for member in quantiles.members])
    assert (np.diff(alone, axis=1) < 0).any(), "nothing crossed, so this shows nothing"
    assert (np.diff(quantiles.values(unseen), axis=1) >= 0).all()


def test_the_range_is_that_of_the_truth(model, unseen):
    forecast = model.predict(unseen)
    for said, level, within in ((forecast.low, 0.05, 0.8), (forecast.point, 0.5, 0.35), (forecast.high, 0.95, 0.8)):
        assert np.nanmean(np.abs(said - true_quantile(unseen, level, DAYS))) < within
    assert 0.88 <= forecast.covers(unseen.target).mean() <= 0.92
    # Narrow where little varies, wide where much does: a single width would be wrong at both ends.
    calm, wild = np.abs(unseen.features[:, 1]) < 0.3, np.abs(unseen.features[:, 1]) > 1.5
    width = forecast.high - forecast.low
    assert width[wild].mean() > 1.8 * width[calm].mean()
    assert next(iter(model.importance())) == "x0"


def test_the_interval_is_fitted_on_days_the_trees_never_saw(train, model):
    seen, held_back = train.split_days(0.2)
    quantiles = grow_quantiles(seen, levels_of(0.9), parameters().growth(FITTING), FITTING)
    assert quantiles.files().items() <= model.files().items()
    assert model.conformal.rows == held_back.rows
    low, _, high = quantiles.values(held_back).T
    scores = np.sort(np.maximum(low - held_back.target, held_back.target - high))
    assert model.conformal.margin == scores[int(np.ceil(0.9 * (held_back.rows + 1))) - 1]


def test_another_level_gives_other_quantiles(train, unseen):
    half = learner.fit(train, parameters(level=0.5), FITTING)
    assert set(half.files()) == {"quantile_0.25.txt", "quantile_0.5.txt", "quantile_0.75.txt", "conformal.json"}
    assert half.predict(unseen).covers(unseen.target).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("point", [squared, robust])
def test_one_number_gets_an_interval_of_one_width_that_holds(point, train, unseen):
    chosen = chosen_parameters(point, {"booster": BOOSTER, "rounds": 100, "early_stopping_rounds": 15})
    fitted = point.fit(train, chosen, FITTING)
    forecast = fitted.predict(unseen)
    assert 0.88 <= forecast.covers(unseen.target).mean() <= 0.92
    np.testing.assert_allclose(forecast.high - forecast.low, 2 * fitted.conformal.margin)


@pytest.mark.parametrize("change", [{"level": 0.0}, {"level": 1.0}, {"held_back_share": 1.0}, {"rounds": 0}, {"x": 1}])
def test_impossible_parameters_are_refused(change):
    with pytest.raises(InputError, match="parameters are not right"):
        chosen_parameters(learner, change)
    with pytest.raises(InputError, match="parameters are not right"):
        chosen_parameters(robust, {"threshold": 0.0})


def test_too_few_held_back_rows_are_told():
    with pytest.raises(DataError, match="held-back rows cannot say") as caught:
        learner.fit(draw_rows(1, 20, entities=1), IntervalTreeParameters(), FITTING)
    assert "at least 9 rows" in str(caught.value.allowed)


def test_files_of_another_model_are_refused(model):
    files = model.files()
    with pytest.raises(InputError, match="not a stored margin"):
        learner.read({**files, "conformal.json": "{}"}, threads=1)
    other = SplitConformal(0.5, 0.0, 1).to_json()
    with pytest.raises(InputError, match=r"no file 'quantile_0\.25\.txt'"):
        learner.read({**files, "conformal.json": other}, threads=1)
    assert QuantileTrees.read(files, levels_of(0.9), threads=1).levels == (0.05, 0.5, 0.95)
