"""Legs: trees that are grown a few rounds at a time are the trees of one growing, whoever begins again where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from morningline.training.evaluation.metrics import winner_losses
from morningline.training.models import legs
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.legs import LEG, Growth, Shard, parts_of, seed_of
from morningline.training.models.machines import Grown, Plan
from morningline.training.models.ranking_trees import RankingBooster
from synthetic_events import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable

# Nothing is drawn, so that nothing depends on the seed of a leg.
PLAIN = {"bagging_fraction": 1.0, "bagging_freq": 0, "feature_fraction": 1.0, "min_data_in_leaf": 20}
SAMPLE = draw_sample(5, 500, [0.8, -0.5, 0.3], missing=0.1)
DAYS = SAMPLE.days < SAMPLE.days.max() - 10
TRAIN, VALIDATION = SAMPLE.take_events(DAYS), SAMPLE.take_events(~DAYS)


class OneMachine:
    """One machine, which is another after every leg if it is forgetful."""

    def __init__(self, *, forgetful: bool = False) -> None:
        self.forgetful = forgetful

    def grow(self, plan, train, validation, told, step) -> Grown:
        growth, shard = Growth(plan.recipe, validation), None
        while not growth.over:
            if shard is None or self.forgetful:
                shard = Shard(plan, train, growth.text())
                shard.link(["127.0.0.1:1"], 0)
            growth.add(shard.grow(growth.legs, growth.rounds))
            told(growth.trees)
            del step
            step = None
        return Grown(growth.best(), tuple(growth.losses))


def fit(kind: type[SoftmaxBooster], machines=None, parameters=PLAIN, rounds: int = 50, patience=None) -> SoftmaxBooster:
    booster = kind(parameters, rounds=rounds, early_stopping_rounds=patience, threads=1, machines=machines)
    return booster.fit(TRAIN, VALIDATION)


def trees_of(booster: SoftmaxBooster) -> str:
    """The trees alone, without what the file says of the parameters."""
    text = booster.to_text()
    return text[text.index("Tree=0") : text.index("end of trees")]


@pytest.mark.parametrize("kind", [SoftmaxBooster, RankingBooster])
def test_legs_on_one_machine_are_the_trees_of_one_growing(kind):
    here, there = fit(kind), fit(kind, OneMachine())
    assert there.trees == 50
    assert trees_of(there) == trees_of(here)
    assert there.validation_losses == here.validation_losses


@pytest.mark.parametrize("kind", [SoftmaxBooster, RankingBooster])
def test_who_begins_again_after_each_leg_grows_the_same_trees(kind):
    drawn = {"min_data_in_leaf": 20}
    assert fit(kind, OneMachine(forgetful=True), drawn).to_text() == fit(kind, OneMachine(), drawn).to_text()


def test_growing_stops_where_one_growing_stops_and_keeps_the_best():
    wild = {**PLAIN, "learning_rate": 0.3}
    here, there = (fit(SoftmaxBooster, machines, wild, 200, 7) for machines in (None, OneMachine()))
    assert there.trees == here.trees < 100
    assert trees_of(there) == trees_of(here)
    assert there.validation_losses == here.validation_losses
    kept = winner_losses(np.exp(there.log_scores(VALIDATION)), VALIDATION).mean()
    assert kept == pytest.approx(min(there.validation_losses), rel=1e-12)


def test_where_no_leaf_is_large_enough_there_are_as_many_trees_as_there_can_be():
    stump = {**PLAIN, "min_data_in_leaf": 100_000}
    there = fit(SoftmaxBooster, OneMachine(), stump)
    np.testing.assert_array_equal(there.log_scores(VALIDATION), fit(SoftmaxBooster, None, stump).log_scores(VALIDATION))


@pytest.mark.parametrize("machines", [1, 2, 3, 7, 500, 1000])
def test_parts_are_whole_events_of_about_equally_many_rows(machines):
    parts = parts_of(SAMPLE, machines)
    assert sum((part.event_ids for part in parts), ()) == SAMPLE.event_ids
    np.testing.assert_array_equal(np.concatenate([part.features for part in parts]), SAMPLE.features)
    if machines < 100:
        assert len(parts) == machines
        assert max(part.rows for part in parts) - min(part.rows for part in parts) <= 2 * SAMPLE.sizes.max()


def test_each_leg_has_a_seed_of_its_own_and_the_first_that_of_the_fit():
    assert seed_of(0, 7) == 7
    seeds = {seed_of(leg, seed) for leg in range(30) for seed in range(30)}
    assert len(seeds) == 900
    assert max(seeds) < 2**31


def test_boundaries_are_those_of_all_events_whatever_a_machine_holds(monkeypatch):
    monkeypatch.setattr(legs, "LEG", 1)
    recipe = SoftmaxBooster(PLAIN, rounds=1, early_stopping_rounds=None, threads=1)
    plan = Plan(recipe, recipe.settings(TRAIN), recipe.bins(TRAIN).boundaries())
    few = TRAIN.take_events(np.arange(TRAIN.events) < 60)
    shard = Shard(plan, few, None)
    assert shard.grow(0, LEG).trees.count("feature_infos") == 1
    infos: Callable[[str], str] = lambda text: text[text.index("feature_infos") :].split("\n")[0]  # noqa: E731
    assert infos(shard.grow(0, 1).trees) == infos(SoftmaxBooster.to_text(recipe.fit(TRAIN)))
