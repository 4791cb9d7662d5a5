"""Exponents of second and third: planted ones are found, venues are drawn together, what is unclear is left out."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from morningline.kit.errors import DataError, InputError
from morningline.training import group_softmax, spread
from morningline.training.models.placing import HARVILLE, Placing
from morningline.training.models.placing_fit import UNKNOWN, FirstThree, _between, fit_placing
from synthetic_events import draw_starts


def finishes_of(random, p, starts, exponents):
    """Draw the first three of every event; exponents of shape (events, 2)."""
    positions = np.full(len(p), np.nan)
    for event, (first, end) in enumerate(pairwise(starts)):
        left = list(range(first, end))
        for stage in range(min(3, len(left))):
            power = 1.0 if stage == 0 else exponents[event, stage - 1]
            weights = p[left] ** power
            chosen = left[random.choice(len(left), p=weights / weights.sum())]
            positions[chosen] = stage + 1
            left.remove(chosen)
    return positions


def drawn(seed, events, exponents_of):
    """Events at venues `v0`, `v1`, ... with the exponents that each has."""
    random = np.random.default_rng(seed)
    starts = draw_starts(random, events, smallest=5)
    p = group_softmax(random.normal(size=starts[-1]) * 1.2, starts)
    venues = random.integers(0, len(exponents_of), events)
    positions = finishes_of(random, p, starts, np.array(exponents_of)[venues])
    return p, starts, FirstThree.of(positions, starts), [f"v{venue}" for venue in venues]


def loss_of(p, starts, finish, mask, stage, exponent):
    """Minus the log likelihood of who came at a stage, by a plain loop."""
    total = 0.0
    for event in np.flatnonzero(mask):
        gone = set(finish.rows[event, :stage])
        left = [row for row in range(starts[event], starts[event + 1]) if row not in gone]
        total -= exponent * np.log(p[finish.rows[event, stage]]) - np.log(sum(p[row] ** exponent for row in left))
    return total


@pytest.fixture(scope="module")
def alike():
    return drawn(1, 3000, [(0.8, 0.6)] * 3)


@pytest.fixture(scope="module")
def apart():
    return drawn(2, 2400, [(0.5, 0.6), (0.8, 0.6), (1.1, 0.6)])


def test_planted_exponents_are_found_within_their_errors(alike):
    fitted = fit_placing(*alike)
    for stage, planted in ((fitted.second, 0.8), (fitted.third, 0.6)):
        assert abs(stage.pooled - planted) < 4 * stage.standard_error < 0.2
        assert stage.events == 3000
    assert fitted.placing.exponents == (fitted.second.pooled, fitted.third.pooled)
    assert fitted.left_out == {}


def test_the_pooled_exponent_is_where_a_plain_loop_finds_the_likelihood_largest(alike):
    p, starts, finish, _ = alike
    fitted = fit_placing(p, starts, finish)
    everyone = np.ones(len(starts) - 1, dtype=bool)
    for stage, found in ((1, fitted.second.pooled), (2, fitted.third.pooled)):
        best = minimize_scalar(lambda x, s=stage: loss_of(p, starts, finish, everyone, s, x), bounds=(0, 3))
        assert found == pytest.approx(best.x, abs=1e-4)
    assert fitted.placing.venues == {}


def test_venues_that_differ_no_more_than_by_chance_share_their_exponents(alike):
    fitted = fit_placing(*alike)
    drawn_apart = [abs(venue.own - fitted.third.pooled) for venue in fitted.third.venues.values()]
    drawn_to = [abs(venue.drawn - fitted.third.pooled) for venue in fitted.third.venues.values()]
    assert max(drawn_to) < 0.5 * max(drawn_apart)


def test_venues_that_differ_keep_most_of_their_own(apart):
    fitted = fit_placing(*apart)
    assert fitted.second.between > 0.15
    for venue, planted in (("v0", 0.5), ("v1", 0.8), ("v2", 1.1)):
        found = fitted.second.venues[venue]
        low, high = sorted((found.own, fitted.second.pooled))
        assert low - 0.02 <= found.drawn <= high + 0.02
        assert abs(found.drawn - planted) < 4 * found.standard_error
        assert fitted.placing.venues[venue][0] == found.drawn


def test_only_what_chance_does_not_explain_is_a_difference_between_venues():
    # Worked by hand: Q is 2 where chance gives 1, then 0.5, then 8 where it gives 2; the scales are 1, 1 and 2.
    assert _between([(0.0, 1.0), (2.0, 1.0)]) == pytest.approx(1.0)
    assert _between([(0.0, 1.0), (1.0, 1.0)]) == 0.0
    assert _between([(-2.0, 1.0), (0.0, 1.0), (2.0, 1.0)]) == pytest.approx(3.0**0.5)
    assert _between([(0.7, 0.1)]) == 0.0


def test_a_venue_is_drawn_by_exactly_its_prior(apart):
    p, starts, finish, venues = apart
    fitted = fit_placing(p, starts, finish, venues)
    stage, mask = fitted.second, np.array(venues) == "v0"

    def penalised(x):
        return loss_of(p, starts, finish, mask, 1, x) + 0.5 * ((x - stage.pooled) / stage.between) ** 2

    assert stage.venues["v0"].drawn == pytest.approx(minimize_scalar(penalised, bounds=(0, 3)).x, abs=1e-4)


def test_a_venue_of_a_single_event_stays_near_the_others(apart):
    p, starts, finish, venues = apart
    alone = fit_placing(p, starts, finish, ["new", *venues[1:]])
    found = alone.second.venues["new"]
    assert abs(found.drawn - alone.second.pooled) < 0.2
    assert found.standard_error > 0.3


def test_fitted_exponents_beat_harville_on_events_that_they_have_not_seen(alike):
    placing = fit_placing(*alike).placing
    p, starts, finish, venues = drawn(9, 1500, [(0.8, 0.6)] * 3)
    gain = placing.in_order(p, starts, finish.rows, venues) - HARVILLE.in_order(p, starts, finish.rows)
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain)) > 0


def test_the_order_of_events_changes_no_more_than_rounding(alike):
    p, starts, finish, venues = alike
    order = np.random.default_rng(3).permutation(len(venues))
    sizes = np.diff(starts)[order]
    moved = np.concatenate([[0], np.cumsum(sizes)])
    offsets = spread(starts[:-1][order] - moved[:-1], moved)
    rows = finish.rows[order] - (starts[:-1][order] - moved[:-1])[:, None]
    again = fit_placing(
        p[np.arange(len(p)) + offsets], moved, FirstThree(rows, finish.left_out), [venues[event] for event in order]
    )
    assert again.placing.exponents == pytest.approx(fit_placing(*alike).placing.exponents, abs=1e-9)


def test_dead_heats_and_unknown_finishes_are_left_out_from_there_on_and_counted():
    nan = np.nan
    positions = np.array([1, 2, 3, nan, 1, 2, 2, 4, 1, 1, 3, 4, 1, 2, nan, nan, 2, 1])
    finish = FirstThree.of(positions, np.array([0, 4, 8, 12, 16, 18]))
    none = UNKNOWN
    assert finish.rows.tolist() == [[0, 1, 2], [4, none, none], [none] * 3, [12, 13, none], [17, 16, none]]
    assert finish.left_out == {"dead_heat": 2, "unknown": 1}


def test_events_without_a_choice_are_not_counted_and_nothing_is_fitted_to_none():
    p, starts = np.tile([0.5, 0.3, 0.2], 3), np.arange(0, 10, 3)
    finish = FirstThree.of(np.array([1.0, 2, 3, 1, 3, 2, 1, 2, 3]), starts)
    with pytest.raises(DataError, match="finisher number 3"):
        fit_placing(p, starts, finish)


def test_an_exponent_that_would_be_infinite_is_refused():
    p, starts = np.tile([0.4, 0.3, 0.2, 0.1], 3), np.arange(0, 13, 4)
    finish = FirstThree.of(np.tile([1.0, 2.0, 3.0, 4.0], 3), starts)
    with pytest.raises(DataError, match="came every time in 3 events"):
        fit_placing(p, starts, finish)


def test_what_does_not_belong_together_is_refused(alike):
    p, starts, finish, venues = alike
    with pytest.raises(InputError, match="above zero"):
        fit_placing(np.where(p == p[0], 0.0, p), starts, finish)
    with pytest.raises(InputError, match="venues were given"):
        fit_placing(p, starts, finish, venues[1:])
    with pytest.raises(InputError, match="one finish for each event"):
        fit_placing(p, starts, FirstThree(finish.rows[1:], {}))


def test_exponents_that_the_data_would_have_negative_become_zero():
    # The least likely comes second and third: exponents below zero would fit, and order places against chance.
    rng = np.random.default_rng(4)
    starts = np.arange(0, 2001, 5)
    p = group_softmax(rng.normal(size=2000), starts)
    positions = finishes_of(rng, p, starts, np.full((400, 2), -0.8))
    fitted = fit_placing(p, starts, FirstThree.of(positions, starts), ["v"] * 400)
    assert fitted.placing == Placing((0.0, 0.0), {"v": (0.0, 0.0)})
