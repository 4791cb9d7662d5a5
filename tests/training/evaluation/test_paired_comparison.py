import dataclasses

import numpy as np
import pytest

from morningline.kit.errors import DataError, InputError
from morningline.training import (
    clustered_interval,
    compare_r2,
    decide,
    group_log_softmax,
    group_softmax,
    score,
    uniform,
    winner_losses,
)
from synthetic_events import draw_sample, true_probabilities


def blurred(sample, noise, seed):
    """The true probabilities seen through noise of a given size."""
    scores = -np.log(sample.odds) + noise * np.random.default_rng(seed).normal(size=sample.rows)
    return group_softmax(scores, sample.starts)


def test_the_estimate_is_the_difference_of_the_two_r2():
    sample = draw_sample(1, 500, [0.8])
    new, reference = blurred(sample, 0.2, 1), blurred(sample, 0.6, 2)
    found = compare_r2(new, reference, sample)
    assert found.r2_new == pytest.approx(score(new, sample).r2)
    assert found.r2_reference == pytest.approx(score(reference, sample).r2)
    assert found.estimate == pytest.approx(found.r2_new - found.r2_reference)
    assert found.mde == pytest.approx(2.801585 * found.standard_error)
    assert (found.events, found.days) == (500, 50)


def test_the_interval_equals_a_bootstrap_that_really_redraws_days():
    sample = draw_sample(2, 400, [0.8])
    new, reference = true_probabilities(sample), uniform(sample)
    found = compare_r2(new, reference, sample, replicates=4000)
    random = np.random.default_rng(9)
    gain, chance = winner_losses(reference, sample) - winner_losses(new, sample), np.log(sample.sizes)
    days = np.unique(sample.days)
    drawn = []
    for _ in range(4000):
        events = np.concatenate([np.flatnonzero(sample.days == day) for day in random.choice(days, len(days))])
        drawn.append(gain[events].sum() / chance[events].sum())
    low, high = np.percentile(drawn, [2.5, 97.5])
    width = high - low
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * width)
    assert found.standard_error == pytest.approx(np.std(drawn), rel=0.06)


def test_a_planted_improvement_is_adopted_and_its_mirror_image_rejected():
    sample = draw_sample(3, 3000, [0.8])
    better, worse = true_probabilities(sample), blurred(sample, 0.5, 3)
    adopted, rejected = compare_r2(better, worse, sample), compare_r2(worse, better, sample)
    assert adopted.verdict == "adopt"
    assert rejected.verdict == "reject"
    assert (rejected.low, rejected.high) == pytest.approx((-adopted.high, -adopted.low), abs=1e-12)


def test_a_model_without_edge_is_seldom_adopted_or_rejected():
    verdicts = []
    for seed in range(300):
        sample = draw_sample(1000 + seed, 300, [0.8], events_per_day=5)
        # Equally blurred copies of the truth are equally good, so every verdict but one is an error.
        new, reference = blurred(sample, 0.3, 2 * seed), blurred(sample, 0.3, 2 * seed + 1)
        verdicts.append(compare_r2(new, reference, sample, replicates=400, seed=seed).verdict)
    assert verdicts.count("not_decided") >= 0.91 * 300
    assert verdicts.count("adopt") <= 0.055 * 300


def test_the_interval_covers_the_truth_when_events_of_a_day_go_together():
    days = np.repeat(np.arange(60), 8)
    covered = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        values = random.normal(size=60)[days] + random.normal(size=480) + 3.0
        found = clustered_interval(values, days, replicates=400, seed=seed)
        covered += found.low <= 3.0 <= found.high
    assert 0.90 <= covered / 400 <= 0.985


def test_a_true_effect_of_the_minimum_detectable_size_is_found_four_times_in_five():
    days = np.repeat(np.arange(100), 4)
    error = np.sqrt((1 + 1 / 4) / 100)
    adopted = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        values = random.normal(size=100)[days] + random.normal(size=400) + 2.801585 * error
        adopted += decide(clustered_interval(values, days, replicates=400, seed=seed)) == "adopt"
    assert 0.72 <= adopted / 300 <= 0.88


def test_copies_of_events_within_a_day_bring_no_certainty():
    random = np.random.default_rng(4)
    values, days = random.normal(size=300), np.arange(300) // 3
    once = clustered_interval(values, days)
    fourfold = clustered_interval(np.repeat(values, 4), np.repeat(days, 4))
    as_if_other_days = clustered_interval(np.repeat(values, 4), np.arange(1200))
    assert (fourfold.low, fourfold.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert fourfold.high - fourfold.low > 1.7 * (as_if_other_days.high - as_if_other_days.low)


def test_the_interval_of_a_mean_agrees_with_theory_when_each_day_has_one_event():
    values = np.random.default_rng(5).normal(2.0, 1.0, 2000)
    found = clustered_interval(values, np.arange(2000))
    error = values.std() / np.sqrt(2000)
    assert found.estimate == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(error, rel=0.06)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.2 * error
    )


def test_busy_and_quiet_days_weigh_as_many_events_as_they_have():
    random = np.random.default_rng(6)
    days = np.repeat(np.arange(200), random.integers(1, 40, 200))
    values = random.normal(5.0, 1.0, len(days))
    found = clustered_interval(values, days)
    # A drawn day brings its events to the sum and to the count, so unequal days add hardly any width.
    assert found.standard_error == pytest.approx(1.0 / np.sqrt(len(days)), rel=0.15)


def test_the_same_seed_gives_the_same_bits_and_many_days_are_drawn_in_blocks(monkeypatch):
    sample = draw_sample(6, 300, [0.8])
    new, reference = blurred(sample, 0.2, 1), uniform(sample)
    first = compare_r2(new, reference, sample, seed=7)
    assert compare_r2(new, reference, sample, seed=7) == first
    monkeypatch.setattr("morningline.training.evaluation.comparison._BLOCK", 1000)
    assert compare_r2(new, reference, sample, seed=7) == first
    assert compare_r2(new, reference, sample, seed=8).low != first.low


def test_few_days_decide_nothing():
    sample = draw_sample(7, 290, [1.5], events_per_day=10)
    found = compare_r2(true_probabilities(sample), uniform(sample), sample)
    assert found.days == 29
    assert found.low > 0
    assert found.verdict == "not_decided"
    longer = draw_sample(7, 300, [1.5], events_per_day=10)
    assert compare_r2(true_probabilities(longer), uniform(longer), longer).verdict == "adopt"


def test_a_model_compared_with_itself_is_not_decided():
    sample = draw_sample(8, 400, [0.8])
    p = np.exp(group_log_softmax(-np.log(sample.odds), sample.starts))
    found = compare_r2(p, p, sample)
    assert (found.estimate, found.low, found.high, found.mde) == (0.0, 0.0, 0.0, 0.0)
    assert found.verdict == "not_decided"


def test_what_cannot_be_compared_is_refused():
    sample = draw_sample(9, 40, [0.8])
    p = uniform(sample)
    with pytest.raises(DataError, match="lie on one day"):
        compare_r2(p, p, dataclasses.replace(sample, days=np.full(40, 738000)))
    with pytest.raises(InputError, match="99 replicates"):
        compare_r2(p, p, sample, replicates=99)
    with pytest.raises(InputError, match="Values have shape"):
        clustered_interval(np.ones(3), np.arange(4))
    with pytest.raises(InputError, match="Values have shape"):
        clustered_interval(np.array([1.0, np.nan]), np.arange(2))
