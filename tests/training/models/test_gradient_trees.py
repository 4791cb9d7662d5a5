from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from morningline.kit.errors import DataError, InputError, IntegrityError
from morningline.training.models.binary_trees import logistic
from morningline.training.models.gradient_trees import (
    ABSOLUTE,
    LOGISTIC,
    SQUARED,
    GradientTrees,
    Growth,
    grow,
    grow_tuned,
    huber,
    pinball,
)
from morningline.training.models.growing import DEFAULT_PARAMETERS
from synthetic_rows import FITTING, draw_rows, probability_of_some, true_quantile

DAYS = 200
SMALL = {"learning_rate": 0.1, "min_data_in_leaf": 50, "num_leaves": 7, "lambda_l2": 1.0}
LOSSES = [SQUARED, ABSOLUTE, huber(1.345), pinball(0.05), pinball(0.95)]


def growth(rounds=150, **changes):
    given = {"booster": SMALL, "rounds": rounds, "early_stopping_rounds": 15, "seed": 3, "threads": 2, **changes}
    return Growth(**given)


def name_of(loss):
    return "-".join([loss.objective, *map(str, loss.settings.values())])


@pytest.fixture(scope="module")
def train():
    return draw_rows(1, DAYS, missing=0.02)


@pytest.fixture(scope="module")
def unseen():
    return draw_rows(2, DAYS, missing=0.02)


@pytest.fixture(scope="module")
def happened(train):
    target = np.random.default_rng(1).random(train.rows) < probability_of_some(np.nan_to_num(train.features), 0.4)
    return replace(train, target=target.astype(float))


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_two_fits_give_the_same_text_and_a_stored_one_the_same_bits(train, unseen, loss):
    grown = grow(train, loss, growth(20))
    assert grow(train, loss, growth(20)).text == grown.text
    assert grow(train, loss, growth(20, seed=4)).text != grown.text
    read = GradientTrees.from_text(grown.text, threads=1)
    np.testing.assert_array_equal(read.values(unseen), grown.values(unseen))


@pytest.mark.parametrize("loss", [SQUARED, ABSOLUTE, pinball(0.05)], ids=name_of)
def test_the_numbers_are_those_of_lightgbm_itself(train, unseen, loss):
    grown = grow(train, loss, growth(20))
    scaled = (train.target - grown.scale.centre) / grown.scale.spread
    settings = {**DEFAULT_PARAMETERS, **SMALL, "objective": loss.objective, **loss.settings, "seed": 3}
    settings |= {"deterministic": True, "force_col_wise": True, "num_threads": 2, "verbosity": -1}
    plain = lightgbm.train(settings, lightgbm.Dataset(train.features, scaled), num_boost_round=20)
    expected = grown.scale.centre + grown.scale.spread * plain.predict(unseen.features)
    np.testing.assert_allclose(grown.values(unseen), expected, rtol=1e-12)


def test_the_mean_the_median_and_quantiles_are_learnt(train, unseen):
    for loss, level, within in ((SQUARED, 0.5, 0.35), (ABSOLUTE, 0.5, 0.35), (huber(1.345), 0.5, 0.35)):
        error = np.abs(grow_tuned(train, loss, growth(), FITTING).values(unseen) - true_quantile(unseen, level, DAYS))
        assert np.nanmean(error) < within, loss
    for level in (0.05, 0.95):
        values = grow_tuned(train, pinball(level), growth(), FITTING).values(unseen)
        assert np.nanmean(np.abs(values - true_quantile(unseen, level, DAYS))) < 0.8
        assert (unseen.target <= values).mean() == pytest.approx(level, abs=0.03)


def test_a_probability_is_learnt(happened, unseen):
    p = logistic(grow_tuned(happened, LOGISTIC, growth(), FITTING).values(unseen))
    true = probability_of_some(unseen.features, 0.4)
    assert np.nanmean(np.abs(p - true)) < 0.06


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_the_unit_of_the_target_does_not_matter(train, unseen, loss):
    grown = grow(train, loss, growth(30))
    pounds = replace(train, target=train.target * 4096.0 - 2.0**20)
    expected = grown.values(unseen) * 4096.0 - 2.0**20
    np.testing.assert_allclose(grow(pounds, loss, growth(30)).values(unseen), expected, rtol=0, atol=1e-6 * 2**20)


def test_huber_lies_between_the_median_and_the_mean_where_outliers_are_on_one_side():
    rows = draw_rows(4, 100)
    skewed = replace(rows, target=np.exp(np.random.default_rng(1).normal(size=rows.rows)))
    mean, median, between = (grow(skewed, loss, growth(80)).values(skewed) for loss in (SQUARED, ABSOLUTE, huber(1)))
    assert median.mean() + 0.1 < between.mean() < mean.mean() - 0.1
    assert mean.mean() == pytest.approx(np.exp(0.5), abs=0.1)
    assert median.mean() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_rows_too_few_for_a_leaf_and_equal_targets_give_one_number(loss):
    few = draw_rows(5, 4, entities=5)
    assert np.ptp(grow_tuned(few, loss, growth(), FITTING).values(few)) == 0.0
    equal = replace(draw_rows(5, 30), target=np.full(600, 7.0))
    np.testing.assert_allclose(grow_tuned(equal, loss, growth(), FITTING).values(equal), 7.0)


def test_as_many_trees_are_grown_as_the_last_days_ask_for(train):
    told = []
    earlier, later = train.split_days(0.15)
    trees = grow(earlier, SQUARED, growth(), later).trees
    assert 1 < trees < 150
    assert (
        grow_tuned(train, SQUARED, growth(), replace(FITTING, progress=lambda _, share: told.append(share))).trees
        == trees
    )
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_features_in_single_precision_give_the_bits_of_the_same_numbers_in_double(train, unseen):
    single, again = (replace(rows, features=rows.features.astype(np.float32)) for rows in (train, unseen))
    double, other = (replace(rows, features=rows.features.astype(np.float64)) for rows in (single, again))
    assert (single.features.dtype, double.features.dtype) == (np.float32, np.float64)
    one, two = grow(single, SQUARED, growth(20)), grow(double, SQUARED, growth(20))
    assert one.text == two.text
    np.testing.assert_array_equal(one.values(again), two.values(other))


def test_a_fit_ends_where_its_progress_says_so(train):
    def cancel(_, share):
        if share > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grow_tuned(train, SQUARED, growth(), replace(FITTING, progress=cancel))


def test_what_cannot_be_learnt_is_refused(train, happened):
    unknown = replace(train, target=np.full(train.rows, np.nan))
    with pytest.raises(DataError, match="are unknown"):
        grow(unknown, SQUARED, growth())
    with pytest.raises(DataError, match="target of row"):
        grow(train, LOGISTIC, growth())
    with pytest.raises(InputError, match="win rate"):
        grow(replace(train, names=("win rate", "b", "c", "d")), SQUARED, growth())
    with pytest.raises(InputError, match="not the model's"):
        grow(train, SQUARED, growth(), replace(train, names=("x1", "x0", "x2", "x3")))
    assert grow(happened, LOGISTIC, growth(2)).trees == 2


@pytest.mark.parametrize("change", [{"rounds": 0}, {"threads": 0}, {"booster": {"objective": "l2"}}, {"seed": -1}])
def test_impossible_settings_are_refused(change):
    with pytest.raises(InputError, match="parameters that are not taken"):
        growth(**change)


def test_a_changed_or_foreign_text_is_refused_before_lightgbm_sees_it(train):
    text = grow(train, SQUARED, growth(3)).text
    place = text.index("leaf_value=") + 12
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        GradientTrees.from_text(text[:place] + "x" + text[place + 1 :], threads=1)
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        GradientTrees.from_text(text.replace('"centre":', '"centre":1'), threads=1)
    with pytest.raises(InputError, match="does not end with a seal"):
        GradientTrees.from_text(text[: len(text) // 2], threads=1)
    from morningline.training.models.sealed import seal

    with pytest.raises(InputError, match="does not begin with a scale"):
        GradientTrees.from_text(seal("tree\nversion=v4\n"), threads=1)
