"""The learners of who wins that ship: each finds what was planted, says it twice alike, and is read back to the bit."""

import dataclasses
import re
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from morningline.kit.errors import InputError, IntegrityError, NotFoundError
from morningline.training import ConditionalLogit, group_log_softmax, score
from morningline.training.models import ensemble, win_model
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.catboost_trees import CatBoostParameters, CatBoostTrees
from morningline.training.models.last_days import tuning_parts
from morningline.training.models.learner import Fitting, chosen_parameters, group_learner
from morningline.training.models.ranking_trees import RankingBooster
from synthetic_events import draw_sample, true_probabilities

WEIGHTS = [0.8, -0.4, 0.0]
SMALL = {"learning_rate": 0.1, "min_data_in_leaf": 50, "num_leaves": 7}
TREES = {"rounds": 80, "early_stopping_rounds": 10, "booster": SMALL}
CHOSEN = {
    "conditional_logit": {"l2": 1.0},
    "softmax_trees": TREES,
    "ranking_trees": TREES,
    "catboost": {"rounds": 80, "early_stopping_rounds": 10, "depth": 3, "learning_rate": 0.1},
    "logit_and_trees": TREES,
    "ensemble": {"learner": "softmax_trees", "members": 2, "parameters": TREES},
}


def fit(name, train, *, seed=1, threads=1, **more):
    learner = group_learner(name)
    fitting = Fitting(seed=seed, threads=threads, progress=lambda _doing, _done: None)
    return learner.fit(train, chosen_parameters(learner, CHOSEN[name] | more), fitting)


@pytest.fixture(scope="module")
def train():
    return draw_sample(1, 1500, WEIGHTS, missing=0.02)


@pytest.fixture(scope="module")
def later():
    return draw_sample(2, 700, WEIGHTS, missing=0.02)


@pytest.fixture(scope="module")
def fitted(train):
    return {name: fit(name, train) for name in CHOSEN}


@pytest.mark.parametrize("name", CHOSEN)
def test_most_of_what_can_be_known_is_learnt_and_said_at_the_right_scale(name, fitted, later):
    log_p = fitted[name].log_scores(later)
    possible = score(true_probabilities(later), later).r2
    assert score(np.exp(log_p), later).r2 > 0.75 * possible

    def loss(scale):
        return -group_log_softmax(scale * log_p, later.starts)[later.winner_rows()].mean()

    # Calibrated: no other scale would have been much better.
    best = minimize_scalar(loss, bounds=(0.3, 3.0))
    assert best.x == pytest.approx(1.0, abs=0.2)
    assert abs(np.exp(log_p) - true_probabilities(later)).mean() < 0.035


@pytest.mark.parametrize("name", CHOSEN)
def test_importance_puts_what_was_planted_first_and_sums_to_one(name, fitted):
    importance = fitted[name].importance()
    assert list(importance)[:2] == ["x0", "x1"]
    assert sum(importance.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", CHOSEN)
def test_fitted_twice_the_files_are_the_same_and_read_they_predict_the_same_bits(name, train, fitted, later):
    files = fitted[name].files()
    assert fit(name, train).files() == files
    for threads in (1, 2):
        stored = group_learner(name).read(files, threads=threads)
        assert stored.files() == files
        np.testing.assert_array_equal(stored.log_scores(later), fitted[name].log_scores(later))


@pytest.mark.parametrize("name", CHOSEN)
def test_an_event_is_told_the_same_bits_whatever_stands_beside_it(name, fitted, later):
    together = fitted[name].log_scores(later)
    for event in range(0, 700, 97):
        alone = later.take_events(np.arange(700) == event)
        rows = slice(later.starts[event], later.starts[event + 1])
        np.testing.assert_array_equal(fitted[name].log_scores(alone), together[rows])


@pytest.mark.parametrize("name", CHOSEN)
def test_other_features_than_those_of_the_fit_are_refused(name, fitted, later):
    with pytest.raises(InputError, match="not the model's"):
        fitted[name].log_scores(dataclasses.replace(later, names=("x0", "x1", "y")))


@pytest.mark.parametrize("name", CHOSEN)
def test_what_tuning_looks_for_is_a_parameter(name):
    learner = group_learner(name)
    for key, values in learner.space.items():
        parameter, _, inner = key.partition(".")
        value = int(values.low) if values.whole else values.low
        assert chosen_parameters(learner, {parameter: {inner: value} if inner else value})


@pytest.mark.parametrize("name", ["ranking_trees", "catboost"])
def test_two_threads_fit_the_same_bits_every_time(name, train):
    assert fit(name, train, threads=2).files() == fit(name, train, threads=2).files()


@pytest.mark.parametrize("name", ["softmax_trees", "ranking_trees", "catboost", "ensemble"])
def test_progress_rises_to_the_end_and_what_it_raises_ends_the_fit(name, train):
    learner, shares = group_learner(name), []
    chosen = chosen_parameters(learner, CHOSEN[name])
    learner.fit(train, chosen, Fitting(seed=1, threads=1, progress=lambda _doing, done: shares.append(done)))
    assert shares == sorted(shares)
    assert len(shares) > 20
    assert shares[-1] == pytest.approx(1.0)

    def stop(doing, _done):
        if doing == "Growing tree 7 on trial":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learner.fit(train, chosen, Fitting(seed=1, threads=1, progress=stop))


def test_the_logit_alone_is_the_conditional_logit(train, fitted, later):
    plain = ConditionalLogit(1.0).fit(train)
    np.testing.assert_array_equal(fitted["conditional_logit"].log_scores(later), plain.log_scores(later))
    weights = plain.coefficients()
    share = abs(weights["x0"]) + abs(weights.get("x0 (missing)", 0.0))
    assert fitted["conditional_logit"].importance()["x0"] == pytest.approx(share / sum(map(abs, weights.values())))


def test_trees_are_as_many_as_the_last_days_asked_for_and_grown_on_all(train, fitted):
    earlier, last = tuning_parts(train)
    assert set(earlier.days).isdisjoint(last.days)
    trial = SoftmaxBooster(SMALL, rounds=80, early_stopping_rounds=10, seed=1, threads=1)
    trial.fit(earlier, last, bins=trial.bins(train))
    every = SoftmaxBooster(SMALL, rounds=trial.trees, early_stopping_rounds=None, seed=1, threads=1).fit(train)
    assert fitted["softmax_trees"].booster.to_text() == every.to_text()


def test_growing_of_ranking_trees_stops_where_their_best_scale_loses_least(train):
    earlier, last = tuning_parts(train)
    booster = RankingBooster(SMALL, rounds=80, early_stopping_rounds=10, seed=1, threads=1).fit(earlier, last)
    log_p = booster.log_scores(last)

    def loss(scale):
        return -group_log_softmax(scale * log_p, last.starts)[last.winner_rows()].mean()

    assert min(booster.validation_losses) == pytest.approx(minimize_scalar(loss, bounds=(0.0, 20.0)).fun, abs=1e-6)
    assert booster.trees == int(np.argmin(booster.validation_losses)) + 1


@pytest.mark.parametrize("pooling", ["logarithms", "probabilities"])
def test_an_ensemble_is_the_mean_of_its_members_and_these_have_one_seed_after_another(pooling, train, later):
    several = fit("ensemble", train, members=3, pooling=pooling, seed=5)
    alone = [fit("softmax_trees", train, seed=seed).log_scores(later) for seed in (5, 6, 7)]
    assert len({p.tobytes() for p in alone}) == 3
    if pooling == "probabilities":
        wanted = np.log(np.mean(np.exp(alone), axis=0))
    else:
        wanted = group_log_softmax(np.mean(alone, axis=0), later.starts)
    np.testing.assert_allclose(several.log_scores(later), wanted, rtol=1e-12)


def test_an_ensemble_of_one_is_its_learner(train, fitted, later):
    one = fit("ensemble", train, members=1)
    np.testing.assert_array_equal(one.log_scores(later), fitted["softmax_trees"].log_scores(later))
    assert {f"members/1/{name}": text for name, text in fitted["softmax_trees"].files().items()}.items() <= (
        one.files().items()
    )


def test_an_ensemble_can_have_ensembles_as_members(train, later):
    inner = {"learner": "conditional_logit", "members": 2}
    nested = fit("ensemble", train, learner="ensemble", members=1, parameters=inner)
    stored = group_learner("ensemble").read(nested.files(), threads=1)
    np.testing.assert_array_equal(stored.log_scores(later), nested.log_scores(later))


def test_a_model_with_an_ensemble_as_first_stage_is_saved_and_loaded_with_all_its_folders(train, later, tmp_path):
    learner = group_learner("ensemble")
    chosen = chosen_parameters(learner, {"learner": "conditional_logit", "members": 2})
    quiet = Fitting(seed=1, threads=1, progress=lambda _doing, _done: None)
    model = win_model.fit(*tuning_parts(train), "ensemble", chosen, quiet)
    digest = win_model.save(model, tmp_path)
    assert (tmp_path / "market_free" / "members" / "2" / "conditional_logit.json").is_file()
    loaded = win_model.load(tmp_path, digest, threads=1)
    np.testing.assert_array_equal(loaded.combined(later), model.combined(later))


def test_an_ensemble_that_cannot_be_is_refused(train):
    with pytest.raises(InputError, match="0 members"):
        fit("ensemble", train, members=0)
    with pytest.raises(NotFoundError, match="oracle"):
        fit("ensemble", train, learner="oracle", parameters={})
    with pytest.raises(InputError, match="not right"):
        fit("ensemble", train, parameters={"leaves": 7})
    for files in ({}, {ensemble.CONTENTS: "{}"}):
        with pytest.raises(InputError, match="not an ensemble's"):
            group_learner("ensemble").read(files, threads=1)


def test_the_text_of_catboost_holds_no_moment_and_no_path(fitted):
    text = fitted["catboost"].files()["booster.txt"]
    assert set(msgspec.json.decode(text.rpartition("\nsha256:")[0])) == {
        "features_info",
        "oblivious_trees",
        "scale_and_bias",
    }


def test_a_changed_text_of_catboost_is_refused(fitted):
    text = fitted["catboost"].files()["booster.txt"]
    with pytest.raises(IntegrityError, match="SHA-256 differs"):
        CatBoostTrees.from_text(text.replace("leaf_values", "leaf_valuez", 1), threads=1)
    with pytest.raises(InputError, match="does not end with a seal"):
        CatBoostTrees.from_text(text[:-80], threads=1)


@pytest.mark.parametrize("wrong", [{"depth": 17}, {"rounds": 0}, {"learning_rate": 0}, {"rsm": 1.5}, {"loss": "RMSE"}])
def test_impossible_parameters_of_catboost_are_refused(wrong):
    with pytest.raises(InputError, match="not right"):
        chosen_parameters(group_learner("catboost"), wrong)


def test_without_catboost_the_message_says_how_to_install_it(train, monkeypatch):
    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(InputError, match=r"morningline\[catboost\]"):
        CatBoostTrees(CatBoostParameters(), rounds=1, patience=None, seed=1, threads=1).fit(train)
    with pytest.raises(InputError, match="not grown yet"):
        CatBoostTrees(CatBoostParameters(), rounds=1, patience=None, seed=1, threads=1).to_text()


def test_the_page_of_models_names_every_learner_and_parameter():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    listed = {}
    for line in page.splitlines():
        if line.startswith("| `"):
            name, _, parameters = (cell.strip() for cell in line.strip("|").split("|"))
            listed[name.strip("`")] = re.findall(r"`(\w+)`", parameters)
    for name in CHOSEN:
        assert listed[name] == list(group_learner(name).parameters.__struct_fields__)
