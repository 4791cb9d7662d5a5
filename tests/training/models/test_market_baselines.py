import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from morningline.kit.errors import DataError, InputError
from morningline.training import MarketPower, group_sums, market, score, uniform
from synthetic_events import draw_sample, draw_winners


def biased(sample, g, seed=5):
    """Let the winners follow p ∝ (1 / odds)^g, so that the prices are biased by a known exponent."""
    random = np.random.default_rng(seed)
    return dataclasses.replace(sample, won=draw_winners(random, -g * np.log(sample.odds), sample.starts))


def test_uniform_gives_each_entrant_one_over_n():
    sample = draw_sample(1, 20, [1.0])
    for event in range(20):
        rows = slice(sample.starts[event], sample.starts[event + 1])
        assert (uniform(sample)[rows] == 1 / sample.sizes[event]).all()
    assert score(uniform(sample), sample).r2 == pytest.approx(0.0, abs=1e-15)


def test_the_market_loses_its_margin_and_keeps_its_ratios():
    sample = draw_sample(2, 20, [1.0])
    squeezed = dataclasses.replace(sample, odds=np.maximum(sample.odds * 0.8, 1.0))
    fair = dataclasses.replace(sample, odds=sample.odds * 3.0)
    np.testing.assert_allclose(group_sums(market(squeezed), sample.starts), 1.0)
    np.testing.assert_allclose(market(fair), 1.0 / sample.odds, rtol=1e-12)


def test_an_unknown_price_is_not_made_up():
    sample = draw_sample(3, 5, [1.0])
    odds = sample.odds.copy()
    odds[sample.starts[2]] = np.nan
    unknown = dataclasses.replace(sample, odds=odds)
    with pytest.raises(DataError, match="1 of 5 events have an unknown price, first event-2"):
        market(unknown)
    assert market(unknown.take_events(unknown.priced_events())).shape == (sample.rows - sample.sizes[2],)


def test_the_fitted_exponent_is_scipys_maximum_of_a_naive_likelihood():
    sample = biased(draw_sample(4, 300, [0.8]), 1.2)

    def loss(g):
        total = 0.0
        for event in range(sample.events):
            rows = slice(sample.starts[event], sample.starts[event + 1])
            power = (1 / sample.odds[rows]) ** g
            total -= np.log(power[sample.won[rows] == 1][0] / power.sum())
        return total

    expected = minimize_scalar(loss, bounds=(0.1, 3), method="bounded", options={"xatol": 1e-9}).x
    assert MarketPower.fit(sample).exponent == pytest.approx(expected, abs=1e-6)


def test_a_planted_favourite_longshot_bias_is_recovered_and_removed():
    sample = biased(draw_sample(6, 6000, [0.8]), 1.25)
    power = MarketPower.fit(sample)
    assert power.exponent == pytest.approx(1.25, abs=0.06)
    np.testing.assert_allclose(group_sums(power.predict(sample), sample.starts), 1.0)
    assert score(power.predict(sample), sample).r2 > score(market(sample), sample).r2
    assert MarketPower(exponent=1.0).predict(sample) == pytest.approx(market(sample), rel=1e-12)


def test_an_exponent_reads_back_to_the_same_bits():
    power = MarketPower(exponent=1.0 / 3.0 + 0.7)
    assert MarketPower.from_json(power.to_json()) == power
    with pytest.raises(InputError, match="not a stored market exponent"):
        MarketPower.from_json('{"exponent": "large"}')
