"""Places and orders from win probabilities, against every permutation and against races that are run."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningline.kit.errors import InputError
from morningline.training import group_softmax, group_sums
from morningline.training.models.placing import HARVILLE, Placing

EXPONENTS = st.tuples(st.floats(0, 2), st.floats(0, 2))


@st.composite
def events(draw, smallest=1, largest=6):
    """Win probabilities of some events, with their offsets."""
    sizes = draw(st.lists(st.integers(smallest, largest), min_size=1, max_size=4))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    scores = np.array(draw(st.lists(st.floats(-6, 6), min_size=int(starts[-1]), max_size=int(starts[-1]))))
    return group_softmax(scores, starts), starts


def chance_of(p, order, exponents):
    """The definition, taken word by word."""
    chance, left = 1.0, list(range(len(p)))
    for stage, chosen in enumerate(order):
        power = 1.0 if stage == 0 else exponents[stage - 1]
        chance *= p[chosen] ** power / sum(p[other] ** power for other in left)
        left.remove(chosen)
    return chance


def placed_by_permutations(p, places, exponents):
    placed = np.zeros(len(p))
    for order in permutations(range(len(p)), min(places, len(p))):
        placed[list(order)] += chance_of(p, order, exponents)
    return placed


@given(events(), EXPONENTS, st.sampled_from([1, 2, 3]))
@settings(max_examples=60, deadline=None)
def test_a_place_is_the_sum_over_every_order_that_has_it(drawn, exponents, places):
    p, starts = drawn
    found = Placing(exponents).place(p, starts, places)
    for first, end in pairwise(starts):
        wanted = placed_by_permutations(p[first:end], places, exponents)
        np.testing.assert_allclose(found[first:end], wanted, rtol=1e-9)


@given(events(smallest=3, largest=20), EXPONENTS, st.sampled_from([1, 2, 3]))
@settings(max_examples=60, deadline=None)
def test_places_of_an_event_sum_to_their_number_and_the_likelier_winner_is_likelier_placed(drawn, exponents, places):
    p, starts = drawn
    found = Placing(exponents).place(p, starts, places)
    np.testing.assert_allclose(group_sums(found, starts), float(places), rtol=1e-9)
    assert (found >= p - 1e-12).all()
    for first, end in pairwise(starts):
        by_chance = np.argsort(p[first:end], kind="stable")
        assert (np.diff(found[first:end][by_chance]) > -1e-12).all()


@given(events(smallest=3, largest=5), EXPONENTS)
@settings(max_examples=30, deadline=None)
def test_orders_and_combinations_are_what_the_definition_says(drawn, exponents):
    p, starts = drawn
    p, starts = p[: starts[1]], starts[:2]
    placing = Placing((1.0, 1.0), {"here": exponents})
    for places in (2, 3):
        every = placing.orders(p, places, "here")
        assert every.sum() == pytest.approx(1.0)
        for order in permutations(range(len(p)), places):
            wanted = chance_of(p, order, exponents)
            rows = np.array([order])
            assert every[order] == pytest.approx(wanted)
            assert np.exp(placing.in_order(p, starts, rows, ["here"])[0]) == pytest.approx(wanted)
            unordered = sum(every[again] for again in permutations(order))
            assert np.exp(placing.in_any_order(p, starts, rows, ["here"])[0]) == pytest.approx(unordered)


def test_races_of_exponential_times_are_placed_as_harville_says():
    p, runs = np.array([0.5, 0.25, 0.15, 0.07, 0.03]), 200_000
    times = np.random.default_rng(5).exponential(1 / p, size=(runs, 5))
    ranks = times.argsort(axis=1).argsort(axis=1)
    for places in (1, 2, 3):
        seen = (ranks < places).mean(axis=0)
        said = HARVILLE.place(p, np.array([0, 5]), places)
        assert (abs(seen - said) < 4.5 * np.sqrt(said * (1 - said) / runs)).all()


def test_every_venue_has_its_own_exponents_and_an_unknown_one_those_of_all():
    p, starts = np.tile([0.6, 0.3, 0.1], 3), np.array([0, 3, 6, 9])
    placing = Placing((0.8, 0.7), {"flat": (0.0, 0.0)})
    flat, steep, unknown = np.split(placing.place(p, starts, 2, ["flat", "steep", "never seen"]), 3)
    np.testing.assert_array_equal(steep, unknown)
    np.testing.assert_array_equal(steep, placing.place(p, starts, 2)[:3])
    np.testing.assert_allclose(flat, placed_by_permutations(p[:3], 2, (0.0, 0.0)))


def test_a_near_certain_winner_leaves_the_others_places_that_are_still_right():
    p = np.array([1 - 3e-40, 2e-40, 1e-40])
    np.testing.assert_allclose(HARVILLE.place(p, np.array([0, 3]), 2), [1.0, 2 / 3, 1 / 3])


def test_the_text_reads_back_to_the_same_bits():
    placing = Placing((0.1 + 0.2, 2 / 3), {"b": (1.0, 0.5), "a": (0.9, 0.8)})
    again = Placing.from_json(placing.to_json())
    assert again == placing
    assert again.to_json() == placing.to_json()
    for text in ("{", '{"exponents":[1.0]}', '{"exponents":[1.0,9.0]}', '{"venues":{"a":[-1.0,1.0]}}', '{"x":1}'):
        with pytest.raises(InputError):
            Placing.from_json(text)


@pytest.mark.parametrize(
    "p", [[0.5, 0.5, 0.0], [0.5, 0.4, 0.2], [0.5, 0.5, np.nan], [1.5, -0.3, -0.2]], ids=["zero", "sum", "nan", "sign"]
)
def test_probabilities_that_cannot_be_are_refused(p):
    with pytest.raises(InputError, match="sum to one"):
        HARVILLE.place(np.array(p), np.array([0, 3]), 2)


def test_finishers_that_are_not_of_the_event_or_named_twice_are_refused():
    p, starts = np.tile([0.5, 0.3, 0.2], 2), np.array([0, 3, 6])
    for order in ([[0, 1], [2, 3]], [[0, 0], [3, 4]], [[0, 1]], [[0, 1, 2, 0], [3, 4, 5, 3]], [[-1, 0], [3, 4]]):
        with pytest.raises(InputError, match="different rows of each event"):
            HARVILLE.in_order(p, starts, np.array(order))
    with pytest.raises(InputError, match="1, 2 or 3"):
        HARVILLE.place(p, starts, 4)
    with pytest.raises(InputError, match="venues were given"):
        HARVILLE.place(p, starts, 2, ["one"])
    with pytest.raises(InputError, match="orders of 3 of 2"):
        HARVILLE.orders(np.array([0.5, 0.5]), 3)
