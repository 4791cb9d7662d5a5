import dataclasses
import itertools

import numpy as np
import pytest

from morningline.kit.errors import InputError
from morningline.training import calibration_error, ece_by_chance, group_softmax, score, uniform
from synthetic_events import draw_sample, draw_winners, true_probabilities


def test_the_level_is_what_redrawing_every_event_by_hand_gives():
    sample = draw_sample(1, 200, [0.8])
    p = true_probabilities(sample)
    random = np.random.default_rng(2)
    errors = []
    for _ in range(1500):
        won = np.zeros(sample.rows)
        for first, end in itertools.pairwise(sample.starts):
            won[first + random.choice(end - first, p=p[first:end])] = 1.0
        errors.append(score(p, dataclasses.replace(sample, won=won)).ece)
    found = ece_by_chance(p, sample.starts, draws=1500)
    spread = np.std(errors)
    assert found.mean == pytest.approx(np.mean(errors), abs=0.12 * spread)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(errors, [0.05, 0.95])), abs=0.2 * spread)


def test_a_right_model_lies_within_the_range_nine_times_in_ten():
    sample = draw_sample(3, 400, [0.8])
    p = true_probabilities(sample)
    level = ece_by_chance(p, sample.starts)
    random = np.random.default_rng(4)
    errors = [calibration_error(p, draw_winners(random, np.log(p), sample.starts)) for _ in range(500)]
    assert 0.86 <= np.mean([level.low <= error <= level.high for error in errors]) <= 0.94


def test_a_wrong_model_lies_above_the_range():
    sample = draw_sample(5, 2000, [1.0])
    p = group_softmax(1.5 * np.log(true_probabilities(sample)), sample.starts)
    assert score(p, sample).ece > 2 * ece_by_chance(p, sample.starts).high


def test_four_times_the_events_halve_what_chance_gives():
    small, large = (draw_sample(6, events, [0.8]) for events in (500, 2000))
    levels = [ece_by_chance(true_probabilities(sample), sample.starts) for sample in (small, large)]
    assert levels[0].mean / levels[1].mean == pytest.approx(2.0, rel=0.08)


def test_impossible_and_certain_entrants_are_drawn_as_said():
    p, starts = np.array([0.0, 1.0, 0.0, 1.0, 0.5, 0.0, 0.5]), np.array([0, 3, 4, 7])
    level = ece_by_chance(p, starts)
    assert (level.mean, level.low, level.high) == (0.0, 0.0, 0.0)


def test_equal_chances_are_right_whatever_happens():
    sample = draw_sample(9, 50, [0.8])
    assert ece_by_chance(uniform(sample), sample.starts).high == pytest.approx(0.0, abs=1e-12)
    assert score(uniform(sample), sample).ece == pytest.approx(0.0, abs=1e-12)


def test_the_same_seed_gives_the_same_bits():
    sample = draw_sample(7, 100, [0.8])
    p = true_probabilities(sample)
    assert ece_by_chance(p, sample.starts, seed=3) == ece_by_chance(p, sample.starts, seed=3)
    assert ece_by_chance(p, sample.starts, seed=3) != ece_by_chance(p, sample.starts, seed=4)


def test_what_is_no_probability_is_refused():
    sample = draw_sample(8, 20, [0.8])
    p = uniform(sample)
    for wrong, words in (
        (lambda: ece_by_chance(np.log(p), sample.starts), "within \\[0, 1\\]"),
        (lambda: ece_by_chance(p, sample.starts, draws=99), "99 draws"),
        (lambda: ece_by_chance(p, sample.starts[:-1]), "do not cover"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()
