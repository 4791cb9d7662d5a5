import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from morningline.kit.errors import DataError, InputError
from morningline.training import Sample, reliability, score, uniform, winner_losses
from synthetic_events import draw_sample, true_probabilities


def brute_scores(p, sample):
    loss = chance = top = 0.0
    for event in range(sample.events):
        rows = range(sample.starts[event], sample.starts[event + 1])
        winner = next(row for row in rows if sample.won[row] == 1)
        best = [row for row in rows if p[row] == max(p[row] for row in rows)]
        loss -= np.log(p[winner])
        chance += np.log(len(rows))
        top += (winner in best) / len(best)
    brier = sum((p[row] - sample.won[row]) ** 2 for row in range(sample.rows)) / sample.rows
    return loss / sample.events, 1 - loss / chance, brier, top / sample.events


def tied(p, sample):
    """Round probabilities to tenths and normalise, so that many events have tied favourites."""
    rough = np.ceil(p * 10)
    return rough / np.repeat(np.add.reduceat(rough, sample.starts[:-1]), sample.sizes)


@pytest.mark.parametrize("change", [lambda p, _: p, tied, lambda _, sample: uniform(sample)])
def test_scores_equal_a_loop_over_events_with_and_without_ties(change):
    sample = draw_sample(1, 150, [0.8])
    p = change(true_probabilities(sample), sample)
    found = score(p, sample)
    expected = brute_scores(p, sample)
    np.testing.assert_allclose(
        [found.winner_log_loss, found.r2, found.brier, found.top1], expected, rtol=1e-12, atol=1e-12
    )
    assert (found.events, found.rows) == (150, sample.rows)


def test_the_calibration_error_equals_sorted_slices_when_nothing_ties():
    sample = draw_sample(2, 400, [0.8])
    p = true_probabilities(sample)
    order = np.argsort(p)
    bounds = [k * len(p) // 20 for k in range(21)]
    error = 0.0
    for first, end in itertools.pairwise(bounds):
        rows = order[first:end]
        error += len(rows) * abs(p[rows].mean() - sample.won[rows].mean())
    assert score(p, sample).ece == pytest.approx(error / len(p), rel=1e-9)


def test_true_probabilities_are_calibrated_and_sharpened_ones_are_not():
    sample = draw_sample(3, 6000, [0.8])
    p = true_probabilities(sample)
    sharp = p**2 / np.repeat(np.add.reduceat(p**2, sample.starts[:-1]), sample.sizes)
    assert score(p, sample).ece < 0.01
    assert score(sharp, sample).ece > 0.03
    bins = reliability(p, sample.won, 10)
    assert sum(part.low <= part.mean_predicted <= part.high for part in bins) >= 8


def test_the_order_of_entrants_changes_no_score():
    sample = draw_sample(4, 200, [0.8])
    p = tied(true_probabilities(sample), sample)
    random = np.random.default_rng(4)
    order = np.lexsort((random.random(sample.rows), sample.group_of_rows()))
    shuffled = dataclasses.replace(
        sample, features=sample.features[order], won=sample.won[order], odds=sample.odds[order]
    )
    np.testing.assert_allclose(
        dataclasses.astuple(score(p[order], shuffled)), dataclasses.astuple(score(p, sample)), rtol=1e-12
    )


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1), st.integers(1, 9))
def test_bins_hold_every_row_once_and_never_part_equal_probabilities(rows, bins):
    p, won = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    parts = reliability(p, won, bins)
    assert sum(part.rows for part in parts) == len(rows)
    assert len(parts) <= bins
    means = [part.mean_predicted for part in parts]
    assert means == sorted(means)
    for value in np.unique(p):
        assert sum(abs(part.mean_predicted - value) < 1e-12 for part in parts) <= 1
    assert sum(part.observed * part.rows for part in parts) == pytest.approx(won.sum())


@pytest.mark.parametrize(("winners", "rows"), [(0, 7), (3, 40), (40, 40), (120, 1000)])
def test_the_interval_of_a_bin_is_scipys_wilson_interval(winners, rows):
    won = np.arange(rows) < winners
    part = reliability(np.full(rows, 0.3), won.astype(float), 5)[0]
    expected = binomtest(winners, rows).proportion_ci(0.95, method="wilson")
    assert (part.low, part.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_probabilities_that_are_none_are_refused():
    sample = draw_sample(5, 10, [0.8])
    p = true_probabilities(sample)
    for wrong, words in (
        (p[:-1], "probabilities have shape"),
        (p * np.nan, "probabilities have shape"),
        (p - 0.5, "probabilities have shape"),
        (p * 0.9, "do not sum to one"),
    ):
        with pytest.raises(InputError, match=words):
            score(wrong, sample)


def test_a_winner_called_impossible_is_named():
    sample = draw_sample(6, 10, [0.8])
    p = uniform(sample)
    rows = slice(sample.starts[4], sample.starts[5])
    p[rows] = (1 - sample.won[rows]) / (sample.sizes[4] - 1)
    with pytest.raises(DataError, match="event-4 had probability 0"):
        winner_losses(p, sample)


def test_events_without_a_choice_cannot_be_scored():
    alone = Sample(
        features=np.ones((2, 1)),
        names=("form",),
        starts=[0, 1, 2],
        won=[1.0, 1.0],
        odds=[1.1, 1.1],
        days=[1, 2],
        event_ids=("a", "b"),
    )
    with pytest.raises(DataError, match="No event has two entrants"):
        score(np.ones(2), alone)


def test_reliability_of_nothing_is_refused():
    for p, won, bins in (([], [], 5), ([0.5], [1.0, 0.0], 5), ([0.5], [1.0], 0)):
        with pytest.raises(InputError, match="bins were given"):
            reliability(np.array(p), np.array(won), bins)
