import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from morningline.kit.errors import DataError, InputError
from morningline.training import LogPool, group_log_softmax, group_sums
from synthetic_events import draw_starts, draw_winners


def two_members(seed, events):
    """Draw winners from two hidden strengths of which each member knows one."""
    random = np.random.default_rng(seed)
    starts = draw_starts(random, events)
    first, second = random.normal(size=(2, starts[-1]))
    won = draw_winners(random, 0.7 * first + 0.5 * second, starts)
    members = [group_log_softmax(0.7 * first, starts), group_log_softmax(0.5 * second, starts)]
    return members, starts, won


def loss(log_p, won):
    return -log_p[won == 1].mean()


def test_a_pool_beats_each_of_its_members_on_later_events():
    members, starts, won = two_members(1, 2000)
    pool = LogPool.fit(members, starts, won)
    np.testing.assert_allclose(pool.exponents, [1.0, 1.0], atol=0.12)
    later, later_starts, later_won = two_members(2, 2000)
    p = pool.predict(later, later_starts)
    np.testing.assert_allclose(group_sums(p, later_starts), 1.0)
    assert loss(np.log(p), later_won) < min(loss(member, later_won) for member in later) - 0.02


def test_the_exponents_are_scipys_maximum_of_a_naive_likelihood():
    members, starts, won = two_members(3, 150)

    def naive(exponents):
        total = 0.0
        for first, end in itertools.pairwise(starts):
            product = np.prod([np.exp(m[first:end]) ** a for m, a in zip(members, exponents, strict=True)], axis=0)
            total -= np.log(product[won[first:end] == 1][0] / product.sum())
        return total

    expected = minimize(naive, np.ones(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    np.testing.assert_allclose(LogPool.fit(members, starts, won).exponents, expected, atol=1e-5)


def test_one_overconfident_member_is_cooled_down():
    members, starts, won = two_members(4, 4000)
    truth = group_log_softmax(members[0] + members[1], starts)
    pool = LogPool.fit([group_log_softmax(2.0 * truth, starts)], starts, won)
    assert pool.exponents[0] == pytest.approx(0.5, abs=0.03)


def test_a_pool_of_one_with_exponent_one_changes_nothing():
    members, starts, _ = two_members(5, 50)
    np.testing.assert_allclose(LogPool(exponents=(1.0,)).log_scores(members[:1], starts), members[0], rtol=1e-12)


def test_members_that_say_the_same_share_one_weight():
    members, starts, won = two_members(6, 300)
    alone = LogPool.fit(members[:1], starts, won).exponents[0]
    np.testing.assert_allclose(LogPool.fit([members[0]] * 2, starts, won).exponents, [alone / 2] * 2, rtol=1e-6)


def test_a_member_that_knows_every_winner_is_refused():
    members, starts, won = two_members(7, 100)
    with pytest.raises(DataError, match="tell the winner"):
        LogPool.fit([members[0], np.log(np.where(won == 1, 0.99, 0.01))], starts, won)


def test_exponents_read_back_to_the_same_bits():
    members, starts, won = two_members(8, 100)
    pool = LogPool.fit(members, starts, won)
    assert LogPool.from_json(pool.to_json()) == pool
    with pytest.raises(InputError, match="not a stored pool"):
        LogPool.from_json("[1, 2]")


def test_members_that_do_not_fit_are_refused():
    members, starts, won = two_members(9, 20)
    pool = LogPool.fit(members, starts, won)
    impossible = members[0].copy()
    impossible[3] = -np.inf
    for wrong, words in (
        (lambda: pool.predict(members[:1], starts), "1 members were given to a pool of 2"),
        (lambda: LogPool.fit([], starts, won), "members have the shapes"),
        (lambda: LogPool.fit([members[0], members[1][:-1]], starts, won), "members have the shapes"),
        (lambda: LogPool.fit([members[1], impossible], starts, won), "Member number 1"),
        (lambda: LogPool.fit(members, starts[:-1], won), "do not cover"),
        (lambda: LogPool.fit(members, starts, won * 0), "does not name one winner"),
        (lambda: LogPool.fit(members, starts, won[:-1]), "does not name one winner"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()
