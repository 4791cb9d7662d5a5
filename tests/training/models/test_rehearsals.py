import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningline.training import ConditionalLogit, LogPool, SoftmaxBooster, group_log_softmax, score
from morningline.training.models import win_model
from morningline.training.models.calibration import Temperature
from morningline.training.models.learner import Fitting, Rehearsed
from morningline.training.models.logit_and_trees import Parameters, learner
from morningline.training.models.rehearsing import rehearsal_parts
from synthetic_events import draw_sample

FITTING = Fitting(seed=1, threads=1, progress=lambda _doing, _done: None)
QUICK = Parameters(rounds=12, early_stopping_rounds=3, booster={"min_data_in_leaf": 40})


def two_periods(seed, events):
    sample = draw_sample(seed, events, [0.8])
    middle = np.median(sample.days)
    return sample.take_events(sample.days < middle), sample.take_events(sample.days >= middle)


@given(st.integers(2, 60), st.integers(1, 4))
def test_rehearsals_follow_each_other_to_the_last_day_and_no_day_is_on_both_sides(days, events_per_day):
    train = draw_sample(days, days * events_per_day, [0.5], events_per_day=events_per_day)
    parts = list(rehearsal_parts(train))
    assert 1 <= len(parts) <= 3
    for earlier, later in parts:
        assert earlier.days.max() < later.days.min()
        assert earlier.events == (train.days < later.days.min()).sum()
    for (_, one), (_, following) in itertools.pairwise(parts):
        assert one.days.max() < following.days.min()
    assert sum(later.events for _, later in parts) == (train.days >= parts[0][1].days.min()).sum()
    assert parts[-1][1].days.max() == train.days.max()


def test_a_rehearsal_says_what_members_fitted_to_the_days_before_say():
    train = draw_sample(1, 600, [0.9, 0.3], twist=lambda x: np.sin(2 * x[:, 0]))
    model = learner.fit(train, QUICK, FITTING)
    assert isinstance(model, Rehearsed)
    said, row, event = model.rehearsed, 0, 0
    for earlier, later in rehearsal_parts(train):
        booster = SoftmaxBooster(QUICK.booster, rounds=12, early_stopping_rounds=3, threads=1).fit(earlier, later)
        members = [ConditionalLogit(10.0).fit(earlier).log_scores(later), booster.log_scores(later)]
        expected = model.pool.log_scores(members, later.starts)
        np.testing.assert_array_equal(said.log_p[row : row + later.rows], expected)
        np.testing.assert_array_equal(said.won[row : row + later.rows], later.won)
        np.testing.assert_array_equal(said.days[event : event + later.events], later.days)
        row, event = row + later.rows, event + later.events
    assert (row, event) == (len(said.log_p), len(said.days))


def test_the_pool_is_fitted_to_all_rehearsals_together():
    train = draw_sample(2, 500, [0.9])
    model = learner.fit(train, QUICK, FITTING)
    alone = LogPool.fit([model.rehearsed.log_p], model.rehearsed.starts, model.rehearsed.won)
    assert alone.exponents[0] == pytest.approx(1.0, abs=1e-6)


class Shouting:
    """A model that is right about who is better and says it much too loudly; and its learner."""

    parameters, space = Parameters, {}

    def fit(self, train, parameters, fitting):  # noqa: ARG002 - a learner's arguments
        return self

    def read(self, files, *, threads):  # noqa: ARG002 - a learner's arguments
        return self

    def log_scores(self, sample):
        return group_log_softmax(-2.0 * np.log(sample.odds), sample.starts)

    def importance(self):
        return {}

    def files(self):
        return {}


@pytest.fixture
def shouted(monkeypatch):
    monkeypatch.setattr(win_model, "group_learner", lambda _name: Shouting())
    return win_model.fit(*two_periods(3, 1600), "shouting", Parameters(), FITTING)


def test_what_no_rehearsal_showed_is_calibrated_on_the_validation(shouted):
    later = draw_sample(5, 800, [0.8])
    assert isinstance(shouted.calibration, Temperature)
    assert shouted.calibration.exponent == pytest.approx(0.5, abs=0.06)
    said = shouted.probabilities(later)
    assert score(said["market_free"], later).ece < 0.5 * score(np.exp(shouted.uncalibrated(later)), later).ece
    np.testing.assert_allclose(np.exp(shouted.market_free(later)), said["market_free"])


def test_a_calibrated_model_reads_back_to_the_same_bits(shouted, tmp_path):
    later = draw_sample(6, 50, [0.8])
    digest = win_model.save(shouted, tmp_path)
    again = win_model.load(tmp_path, digest, threads=1)
    assert again.calibration == shouted.calibration
    for name, p in shouted.probabilities(later).items():
        assert again.probabilities(later)[name].tobytes() == p.tobytes()


def test_a_model_that_is_right_is_hardly_changed():
    later = draw_sample(9, 1500, [0.8])
    model = win_model.fit(*two_periods(7, 1600), "logit_and_trees", QUICK, FITTING)
    before, after = (score(np.exp(said(later)), later) for said in (model.uncalibrated, model.market_free))
    assert after.winner_log_loss - before.winner_log_loss < 2e-3
