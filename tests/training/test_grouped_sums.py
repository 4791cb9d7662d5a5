import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningline.kit.errors import InputError
from morningline.training import group_log_softmax, group_maxima, group_softmax, group_sums, spread

EVENTS = st.lists(st.lists(st.floats(-700, 700, allow_nan=False), min_size=1, max_size=8), min_size=1, max_size=6)


def flat(events):
    return np.array([value for event in events for value in event]), np.cumsum([0, *map(len, events)])


@given(EVENTS)
def test_probabilities_sum_to_one_within_each_event(events):
    scores, starts = flat(events)
    p = group_softmax(scores, starts)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(group_sums(p, starts), 1.0, rtol=1e-12)


@given(EVENTS, st.floats(-1e6, 1e6))
def test_a_constant_added_to_an_event_changes_nothing(events, shift):
    scores, starts = flat(events)
    shifts = spread(shift * np.arange(1, len(starts)), starts)
    moved = group_softmax(scores + shifts, starts)
    np.testing.assert_allclose(moved, group_softmax(scores, starts), rtol=1e-7, atol=1e-8)


@given(EVENTS)
def test_log_probabilities_equal_a_loop_with_exact_sums(events):
    scores, starts = flat(events)
    expected = []
    for event in events:
        top = max(event)
        total = top + math.log(math.fsum(math.exp(value - top) for value in event))
        expected += [value - total for value in event]
    np.testing.assert_allclose(group_log_softmax(scores, starts), expected, rtol=1e-12, atol=1e-12)


@given(EVENTS)
def test_sums_and_maxima_equal_a_loop(events):
    values, starts = flat(events)
    np.testing.assert_allclose(group_sums(values, starts), [sum(e) for e in events], atol=1e-9)
    np.testing.assert_array_equal(group_maxima(values, starts), [max(e) for e in events])


@settings(max_examples=50)
@given(EVENTS)
def test_an_event_alone_has_the_same_bits_as_among_others(events):
    scores, starts = flat(events)
    together = group_log_softmax(scores, starts)
    for event in range(len(events)):
        rows = slice(starts[event], starts[event + 1])
        alone = group_log_softmax(scores[rows], np.array([0, len(events[event])]))
        np.testing.assert_array_equal(alone, together[rows])


def test_extreme_scores_neither_overflow_nor_vanish_in_the_logarithm():
    log_p = group_log_softmax(np.array([1e300, 0.0, -1e300, -1e300, -np.inf]), np.array([0, 2, 5]))
    np.testing.assert_allclose(log_p[:4], [0.0, -1e300, -math.log(2), -math.log(2)])
    assert log_p[4] == -np.inf


@pytest.mark.parametrize("scores", [[np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]])
def test_scores_without_an_answer_are_refused(scores):
    with pytest.raises(InputError, match="event number 1"):
        group_log_softmax(np.array([0.0, *scores]), np.array([0, 1, 3]))


@pytest.mark.parametrize("starts", [[0, 2, 2, 3], [0, 2], [1, 3], [0, 4], [3], [[0, 3]]])
def test_offsets_that_do_not_cover_the_rows_are_refused(starts):
    with pytest.raises(InputError, match="do not cover 3 rows"):
        group_sums(np.ones(3), np.array(starts))
