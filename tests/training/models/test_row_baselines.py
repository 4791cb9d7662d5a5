from dataclasses import replace

import numpy as np
import pytest

from morningline.kit.errors import DataError, InputError
from morningline.training.models.binary_trees import base_rate, learner, logistic
from morningline.training.models.learner import chosen_parameters, regression_learner
from morningline.training.observations import Observations
from synthetic_rows import FIRST_DAY, FITTING, draw_rows, probability_of_some


def fit(name, rows, **changes):
    found = regression_learner(name)
    return found.fit(rows, chosen_parameters(found, changes), FITTING)


def seen_before(rows):
    """Rows of every second day, so that an entity's last value may be some days old."""
    random = np.random.default_rng(1)
    return rows.take_rows((rows.days < FIRST_DAY + 80) & (random.random(rows.rows) < 0.5))


@pytest.fixture(scope="module")
def rows():
    return draw_rows(1, 100, missing=0.05)


def by_hand(train, rows, season_days):
    """The last value of the entity that lies whole seasons before the row."""
    said = []
    for entity, day in zip(rows.entities, rows.days, strict=True):
        earlier = [
            (train.days[row], train.target[row])
            for row in range(train.rows)
            if train.entities[row] == entity and (day - train.days[row]) % season_days == 0
        ]
        said.append(max(earlier)[1] if earlier else train.target.mean())
    return np.array(said)


@pytest.mark.parametrize(("name", "season_days"), [("last_value", 1), ("seasonal_naive", 7), ("seasonal_naive", 30)])
def test_the_last_value_and_that_of_a_season_ago_are_those_found_by_hand(rows, name, season_days):
    train, later = seen_before(rows), rows.take_rows(rows.days >= FIRST_DAY + 80)
    changes = {} if name == "last_value" else {"season_days": season_days}
    model = fit(name, train, **changes)
    np.testing.assert_allclose(model.predict(later).point, by_hand(train, later, season_days), rtol=1e-12)


def test_an_entity_never_seen_gets_the_mean_of_all(rows):
    train = seen_before(rows)
    stranger = replace(rows.take_rows(np.arange(rows.rows) == 0), entities=("nobody",))
    for name in ("last_value", "seasonal_naive", "mean"):
        assert fit(name, train).predict(stranger).point[0] == pytest.approx(train.target.mean())
    assert fit("zero", train).predict(stranger).point[0] == 0.0


def test_the_last_value_is_read_from_a_feature_that_holds_it(rows):
    train, later = seen_before(rows), rows.take_rows(rows.days >= FIRST_DAY + 80)
    said = fit("last_value", train, feature="x1").predict(later).point
    missing = np.isnan(later.features[:, 1])
    np.testing.assert_array_equal(said[~missing], later.features[~missing, 1])
    np.testing.assert_allclose(said[missing], by_hand(train, later.take_rows(missing), 1), rtol=1e-12)
    with pytest.raises(InputError, match="no feature 'x9'"):
        fit("last_value", train, feature="x9")


def test_several_rows_of_a_day_count_with_their_mean():
    rows = Observations(
        features=np.zeros((24, 1)),
        names=("x",),
        target=[*range(20), 1.0, 2.0, 3.0, 4.0],
        days=[*range(738_000, 738_020), *[738_020] * 4],
        entities=("a",) * 24,
        row_ids=tuple(map(str, range(24))),
    )
    assert fit("last_value", rows, level=0.5).predict(rows).point[0] == 2.5


@pytest.mark.parametrize("name", ["zero", "mean", "last_value", "seasonal_naive"])
def test_a_baselines_interval_holds(name):
    rows = draw_rows(3, 200)
    train, later = rows.take_rows(rows.days < FIRST_DAY + 150), rows.take_rows(rows.days >= FIRST_DAY + 150)
    # One last value is far off for many days, so its errors are fewer than its rows.
    assert 0.85 <= fit(name, train).predict(later).covers(later.target).mean() <= 0.97


def test_a_season_must_be_some_days():
    with pytest.raises(InputError, match="parameters are not right"):
        chosen_parameters(regression_learner("seasonal_naive"), {"season_days": 0})
    with pytest.raises(InputError, match="not a stored baseline"):
        regression_learner("zero").read({"baseline.json": "{}"}, threads=1)


# --- binary --------------------------------------------------------------------------------------------------


def happened(rows, seed=1):
    draws = np.random.default_rng(seed).random(rows.rows)
    return replace(rows, target=(draws < probability_of_some(np.nan_to_num(rows.features), 0.4)).astype(float))


def test_the_share_of_the_past_is_the_probability_of_every_row(rows):
    train = happened(rows)
    model = base_rate.fit(train, chosen_parameters(base_rate, {}), FITTING)
    assert set(model.probability(train)) == {train.target.mean()}


def test_trees_say_how_likely_it_is():
    booster = {"learning_rate": 0.15, "min_data_in_leaf": 50, "num_leaves": 7}
    train, later = happened(draw_rows(4, 200)), draw_rows(5, 200)
    model = learner.fit(train, chosen_parameters(learner, {"booster": booster, "rounds": 80}), FITTING)
    assert np.abs(model.probability(later) - probability_of_some(later.features, 0.4)).mean() < 0.06
    assert next(iter(model.importance())) == "x2"


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("binary", [learner, base_rate])
def test_what_always_or_never_happens_cannot_be_learnt(rows, binary, target):
    with pytest.raises(DataError, match="target of all 2000 rows"):
        binary.fit(replace(rows, target=np.full(rows.rows, target)), chosen_parameters(binary, {}), FITTING)
    with pytest.raises(DataError, match="target of row"):
        binary.fit(rows, chosen_parameters(binary, {}), FITTING)


def test_a_logit_of_any_size_is_a_probability():
    p = logistic(np.array([-1e6, -2.0, 0.0, 2.0, 1e6]))
    assert p.tolist() == pytest.approx([0.0, 0.11920292202211755, 0.5, 0.8807970779778825, 1.0])
