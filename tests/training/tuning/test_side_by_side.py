"""Trials side by side: never more than there is room for, never one lost, and alone the trials of a plain search."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_tuning import question

from morningline.kit.database import Database
from morningline.kit.errors import ClusterError, DataError
from morningline.training.models.learner import Range
from morningline.training.tuning.side_by_side import SideBySide, judged
from morningline.training.tuning.study import Study
from morningline.training.tuning.tuning import fold_loss, folds_of, tune
from synthetic_events import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPACE = {"x": Range(low=-3.0, high=3.0), "n": Range(low=1, high=9, log=True, whole=True)}


@pytest.fixture
def database(fresh_database: str) -> Iterator[Database]:
    with Database(fresh_database) as opened:
        yield opened


@pytest.fixture
def studies(database) -> Iterator[Callable[..., Study]]:
    with ExitStack() as opened:
        yield lambda name: opened.enter_context(Study(database, name, SPACE, seed=7))


def bowl(chosen: dict[str, float], fold: int) -> float:
    return (chosen["x"] - 1) ** 2 + (np.log(chosen["n"]) - np.log(3)) ** 2 + 0.001 * fold


class Bench:
    """Judges in this process, who decide the newest case first."""

    def __init__(self, room: int, loss=bowl) -> None:
        self.places, self.loss = room, loss
        self.open: dict[int, tuple[dict[str, float], int]] = {}
        self.most, self.cases = 0, 0

    def room(self) -> int:
        return self.places

    def begin(self, chosen, fold):
        self.cases += 1
        self.open[self.cases] = chosen, fold
        self.most = max(self.most, len(self.open))
        return self.cases

    def decided(self, tickets):
        assert set(tickets) <= set(self.open)
        return [max(tickets)]

    def verdict(self, ticket):
        return self.loss(*self.open.pop(ticket)) * 10, 10


def search(study: Study, bench: Bench, trials: int, told=lambda _ended: None, seconds=None) -> None:
    SideBySide(study, bench, 3).search(trials=trials, seconds=seconds, told=told)


def test_one_after_another_they_are_the_trials_of_a_plain_search(studies):
    plain, side = studies("plain"), studies("side by side")

    def judge(chosen):
        total = 0.0
        for fold in range(3):
            total += 10 * bowl(chosen, fold)
            yield total / (10 * (fold + 1))

    plain.search(judge, trials=20, seconds=None, told=lambda _ended: None)
    search(side, Bench(1), 20)
    assert [(t.parameters, t.state, t.losses) for t in side.trials()] == [
        (t.parameters, t.state, t.losses) for t in plain.trials()
    ]


def test_as_many_are_judged_at_once_as_there_is_room_for_and_no_more_are_tried_than_asked(studies):
    study, bench, ended = studies("four"), Bench(4), []
    search(study, bench, 22, ended.append)
    assert bench.most == 4
    assert len(study.trials()) == 22
    assert ended[-1] == 22
    assert sum(t.state == "pruned" for t in study.trials()) > 2
    assert bench.cases < 3 * 22
    assert study.best().value < 1.0


def test_when_the_judges_are_gone_no_trial_is_lost(studies):
    study = studies("gone")

    def gone(chosen, fold):
        if len(study.trials()) == 5:
            raise ClusterError("The cluster is gone.")
        return bowl(chosen, fold)

    bench = Bench(3, gone)
    with pytest.raises(ClusterError):
        search(study, bench, 9)
    # They wait to be tried again at once, not until their worker is missed.
    under_way = {t.number: t.parameters for t in study.trials() if t.state == "running" and t.begun_at is None}
    assert len(under_way) == 3
    search(study, Bench(3), 9)
    ended = {t.number: t for t in study.trials()}
    assert len(ended) == 9
    assert {t.state for t in ended.values()} <= {"complete", "pruned"}
    assert {number: ended[number].parameters for number in under_way} == under_way


def test_a_trial_that_cannot_be_judged_has_failed_and_the_others_wait(studies):
    study = studies("broken")

    def broken(chosen, fold):
        if len(study.trials()) == 3 and fold == 0:
            raise DataError("No finite weights are best.")
        return bowl(chosen, fold)

    with pytest.raises(DataError, match="No finite weights"):
        search(study, Bench(3, broken), 6)
    assert [t.state for t in study.tried()].count("failed") == 1
    search(study, Bench(3), 6)
    assert len(study.trials()) == 6


def test_who_is_told_may_end_the_search_and_no_trial_is_lost(studies):
    study = studies("cancelled")

    def told(ended):
        if ended == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(study, Bench(2), 6, told)
    search(study, Bench(2), 6)
    assert len(study.trials()) == 6
    assert {t.state for t in study.tried()} <= {"complete", "pruned"}


def test_no_trial_is_begun_when_the_time_is_over(studies):
    study = studies("late")
    search(study, Bench(2), 6, seconds=-1.0)
    assert study.trials() == []


def test_a_default_is_judged_on_all_folds_at_once_with_the_bits_of_one_after_another():
    def loss(_chosen, fold):
        return (0.1, 0.7, 1e-17)[fold] / 10

    bench = Bench(9, loss)
    assert judged(bench, {}, 3, lambda: None) == (0.1 / 10 * 10 + 0.7 / 10 * 10 + 1e-17 / 10 * 10) / 30
    assert bench.most == 3

    def cancelled():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(bench, {}, 3, cancelled)


def test_tuning_by_judges_finds_what_tuning_here_finds(database):
    asked = question(draw_sample(3, 200, [1.0, -0.5]), trials=6)

    class Here(Bench):
        def verdict(self, ticket):
            chosen, fold = self.open.pop(ticket)
            return fold_loss(asked, folds_of(asked)[fold], chosen, asked.fitting)

    here = tune(database, replace(asked, dataset="here"))
    there = tune(database, replace(asked, dataset="there", judges=lambda _question: Here(1)))
    assert there.default_loss == here.default_loss
    assert [(t.parameters, t.value) for t in there.trials] == [(t.parameters, t.value) for t in here.trials]
