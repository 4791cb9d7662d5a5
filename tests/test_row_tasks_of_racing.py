"""The tasks of racing beside who wins go through the same job, registry and gate; what is unknown stays unknown."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from typer.testing import CliRunner

from feature_desk import END, Desk, database, desk, full, program, racing, use_small_set, world
from morningline.cli.following import follow
from morningline.cli.main import app
from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError, IntegrityError, NotFoundError
from morningline.training.request import TrainRequest
from morningline.wiring import acts, experiments, judging, model_card, registry, row_card
from morningline.wiring.tasks import task_meant, task_named
from morningline.wiring.training import Quietly, checked, train

if TYPE_CHECKING:
    from morningline.wiring.program import Program

__all__ = ["database", "desk", "full", "program"]

FEW = {"rounds": 15, "early_stopping_rounds": 5, "booster": {"min_data_in_leaf": 30}}
KINDS = ("racing.place", "racing.beaten_lengths")


@pytest.fixture(autouse=True)
def small_set(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_set(monkeypatch)
    for module in (model_card, registry, row_card):
        monkeypatch.setattr(module, "domain_named", lambda _name: racing())
    monkeypatch.setattr(judging, "domain_of_task", lambda _name: racing())


def asked(task: str, **given: Any) -> dict[str, Any]:
    return {"task": task, "parameters": FEW, "accept_quality": True, "threads": 1, **given}


def answers(program: Program, task: str) -> pl.DataFrame:
    with program.database.connect(read_only=True) as connection:
        return task_named(task).answers(connection, as_of=utc_now())


def test_a_task_of_rows_goes_the_whole_way(program: Program, monkeypatch: pytest.MonkeyPatch):
    for task, kind in zip(KINDS, ("binary", "regression"), strict=True):
        first = follow(program, "train", asked(task, promote="if_better"), title="")
        assert (first["kind"], first["promotion"]["outcome"]) == (kind, "first")
        again = follow(program, "train", asked(task), title="")
        assert {k: v for k, v in again.items() if k not in {"seconds", "promotion"}} == {
            k: v for k, v in first.items() if k not in {"seconds", "promotion"}
        }
        challenger = train(program, checked(asked(task, seed=9)), Quietly()).registered
        compared = registry.compare_models(program, "racing", challenger.id, None)
        assert compared.comparison.metric == task_named(task).metric
        assert compared.comparison.champion == first["model"]
        assert compared.comparison.result.events == first["rows"]
        decision = registry.promote_model(program, "racing", challenger.id, who="ann")
        # So few days cannot decide anything.
        assert (decision.promotion.outcome, decision.promotion.verdict) == ("refused", "not_decided")
        assert decision.promotion.metric == task_named(task).metric
        forced = registry.promote_model(program, "racing", challenger.id, who="ann", force=True, reason="to see")
        assert forced.promotion.outcome == "forced"
        back = registry.roll_back_model(program, "racing", who="ann", task=task)
        assert back.to_model == first["model"]
        shown = registry.show_model(program, "racing", None, task=task)
        assert (shown.model.id, list(shown.aliases)) == (first["model"], ["champion"])
        assert shown.model.name == task_named(task).usual.learner
        page = model_card.write_model_card(program, "racing", None, None, task=task).read_text()
        assert first["model"] in page
        assert page.count("<svg") > 2
        assert "How it learnt" in page
        assert "http://" not in page.replace("http://www.w3.org", "")
        told = experiments.list_trainings(program, task)
        assert told[0].metrics[f"model.{first['metric']}"] == first["models"]["model"][first["metric"]]
        with pytest.raises(InputError, match=f"is of {task}, a task of kind '{kind}': there is no `predict`"):
            acts.predict(program, "racing", END.date(), first["model"])
        with pytest.raises(InputError, match="models show --html"):
            acts.report(program, "racing", first["model"], None)
    everything = registry.list_models(program, "racing")
    assert {one.model.task for one in everything} == set(KINDS)
    placed = registry.list_models(program, "racing", task=KINDS[0])
    assert [one.model.number for one in placed if one.model.name == "binary_trees"] == [2, 1]
    said(program, monkeypatch)


def said(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the commands show of it."""
    monkeypatch.setenv("MORNINGLINE_HOME", str(program.workspace.root))
    monkeypatch.setenv("MORNINGLINE_DATABASE_URL", program.database.url)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return " ".join(done.output.split())

    assert "racing.place" in run("models")
    listed = json.loads(run("models", "list", "--task", "racing.place", "--json"))
    assert {one["task"] for one in listed} == {"racing.place"}
    champion, other = sorted(
        (one for one in listed if one["name"] == "binary_trees"), key=lambda one: one["aliases"] != ["champion"]
    )
    assert "coverage" in run("models", "show", "--task", "racing.beaten_lengths")
    compared = run("models", "compare", other["id"])
    assert "log_loss saved" in compared
    assert f"rows of {champion['metrics']['days']} days" in compared


def test_a_model_of_rows_whose_file_was_changed_is_refused(program: Program):
    trained = train(program, checked(asked("racing.place", model="base_rate", parameters={})), Quietly()).registered
    assert trained.load(program.workspace.root, threads=1).learner == "base_rate"
    path = program.workspace.root / trained.artefact / "first_stage" / "base_rate.json"
    path.write_text(path.read_text().replace("0.", "0.1", 1))
    with pytest.raises(IntegrityError, match="is not what was registered"):
        trained.load(program.workspace.root, threads=1)


def test_a_model_is_judged_on_days_after_its_test_from_the_stored_features(program: Program):
    days = {"kind": "hold_out", "train_until": "2023-04-12", "test_from": "2023-04-17", "test_to": "2023-04-22"}
    older = train(program, checked(asked("racing.beaten_lengths", split=days)), Quietly()).registered
    rows = judging.judged_later(program, task_named(older.task), older, date(2023, 4, 23), date(2023, 4, 26))
    assert rows is not None
    assert (min(rows["day"]), max(rows["day"])) == (date(2023, 4, 23), date(2023, 4, 26))
    known = answers(program, older.task).filter(pl.col("day").is_between(date(2023, 4, 23), date(2023, 4, 26)))
    assert rows.height == known.filter(pl.col("excluded").is_null()).height


def test_a_tuned_training_of_rows_says_what_tuning_was_worth(program: Program):
    tuning = {"trials": 2, "folds": 1}
    summary = train(program, checked(asked("racing.place", tuning=tuning, register=False)), Quietly()).summary
    assert len(summary["tuning"]["trials"]) == 2
    assert 0 < summary["tuning"]["best_loss"] < 1
    assert set(summary["tuning"]["over_default"]) == {"estimate", "low", "high", "mde", "verdict"}


def test_who_was_placed_is_told_beside_a_market_that_sums_to_the_places(program: Program):
    found = answers(program, "racing.place")
    counted = found.filter(pl.col("excluded").is_null())
    assert counted.null_count().drop("excluded").sum_horizontal().item() == 0
    races = counted.group_by("event_id").agg(pl.col("market").sum(), pl.col("placed").sum(), pl.len())
    assert races["market"].to_numpy() == pytest.approx(3.0)
    # Dead heats for third place four; nobody else is placed.
    assert races["placed"].is_between(3, 4).all()
    results = world()["ra_results"].select(event_id="race_id", entrant_id="horse_id", position="position")
    joined = counted.join(results, on=["event_id", "entrant_id"])
    assert joined.filter((pl.col("position") <= 3).fill_null(value=False) != (pl.col("placed") == 1.0)).is_empty()


def test_a_distance_that_was_not_measured_stays_unknown_and_is_counted(program: Program, full: Desk):
    before = answers(program, "racing.beaten_lengths")
    out = before.filter(pl.col("excluded").str.starts_with("outcome_"))
    assert out.height > 0
    assert out["beaten_lengths"].null_count() == out.height
    finished = before.filter(pl.col("excluded").is_null())
    assert (finished.filter(pl.col("beaten_lengths") == 0).height) >= finished["event_id"].n_unique()
    measured = "SELECT count(*) FROM ra_results WHERE position = 5 AND beaten_lengths IS NOT NULL"
    with full.database.connect(read_only=True) as connection:
        (lost,) = connection.execute(measured).fetchone() or (0,)
    assert lost > 10
    full.by_hand("UPDATE ra_results SET beaten_lengths = NULL WHERE position = 5")
    after = answers(program, "racing.beaten_lengths")
    missing = [frame.filter(pl.col("excluded") == "not_measured") for frame in (before, after)]
    assert missing[1].height == missing[0].height + lost
    assert missing[1]["beaten_lengths"].null_count() == missing[1].height
    assert after.filter(pl.col("beaten_lengths") == 0).height == before.filter(pl.col("beaten_lengths") == 0).height


def test_a_learner_of_another_kind_is_refused_before_anything_is_queued():
    with pytest.raises(InputError, match="'quantile_trees' is of kind 'regression', the task needs 'binary'"):
        checked({"task": "racing.place", "model": "quantile_trees"})
    with pytest.raises(InputError, match="the task needs 'regression'"):
        checked({"task": "racing.beaten_lengths", "model": "logit_and_trees"})
    with pytest.raises(InputError, match="the task needs 'group'"):
        checked({"model": "binary_trees"})
    assert checked({"task": "racing.place"}).model == "binary_trees"
    assert checked({"task": "racing.beaten_lengths"}).model == "quantile_trees"
    assert checked({}).model == "logit_and_trees"
    with pytest.raises(InputError, match="unknown field `l2`"):
        checked({"task": "racing.place", "parameters": {"l2": 1}})
    assert TrainRequest(task="racing.place").model is None


def test_a_task_is_found_by_its_name_or_by_a_models_id():
    assert task_meant("racing", None).name == "racing.win"
    assert task_meant("racing", None, "racing.place-0123456789ab").name == "racing.place"
    assert task_meant("racing", "racing.beaten_lengths", "champion").name == "racing.beaten_lengths"
    with pytest.raises(NotFoundError, match=r"has no task 'racing\.show'"):
        task_meant("racing", "racing.show")
