"""The promises of the whole loop: the locked stays, a replay is equal, a judgement stands beside the market."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl
import psycopg
import pytest

from databases import temporary_database
from morningline.cli.following import follow
from morningline.kit.errors import DataError, InputError, IntegrityError, NotFoundError, ResourceError
from morningline.kit.workspace import Workspace
from morningline.runs import store
from morningline.runs.store import Filters, list_runs, read_logs
from morningline.training.models import win_model
from morningline.training.request import HoldOut, TrainRequest, Walk
from morningline.wiring import acts, experiments, featuring, registry
from morningline.wiring.jobs import kinds
from morningline.wiring.lineage import lineage
from morningline.wiring.model_card import write_model_card
from morningline.wiring.program import Program, domain_named
from morningline.wiring.provenance import payloads_of
from morningline.wiring.rehearsal import rehearse
from morningline.wiring.training import STAGES, Quietly, checked, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from morningline.predictions.predicting import DayPredictions
    from morningline.predictions.scoring import ScoreReport
    from morningline.runs.store import RunRow
    from morningline.training.registry import RegisteredModel
    from morningline.wiring.collecting import CollectRequest
    from morningline.wiring.rehearsal import Rehearsal


def silent(_doing: str, _done: float) -> None:
    """Progress that nobody watches."""


@dataclass
class Loop:
    """One run of the loop on the made-up world."""

    rehearsal: Rehearsal
    model: RegisteredModel
    summary: dict[str, Any]
    before_results: DayPredictions
    after_results: DayPredictions
    score: ScoreReport

    def __post_init__(self) -> None:
        self.program, self.world = self.rehearsal.program, self.rehearsal.world

    def backtest(self) -> tuple[RegisteredModel, dict[str, Any]]:
        days = HoldOut(train_until=self.world.train_until, test_from=self.world.test_from, test_to=self.world.test_to)
        few = {"rounds": 60, "early_stopping_rounds": 10}
        trained = train(self.program, TrainRequest(split=days, parameters=few), Quietly())
        return trained.registered, trained.summary


@pytest.fixture(scope="module")
def loop(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    workspace = Workspace.create(tmp_path_factory.mktemp("loop"))
    with temporary_database(postgres_url) as url:
        environ = {"MORNINGLINE_DATABASE_URL": url, "MORNINGLINE_THREADS": "2"}
        with Program.at(workspace.root, environ) as program, rehearse(program, "racing", 20) as rehearsal:
            # A shorter history than the demo's, to be quicker.
            world = replace(rehearsal.world, first=date(2023, 9, 1))
            yield run(replace(rehearsal, world=world))


def collect(rehearsal: Rehearsal, request: CollectRequest) -> None:
    summary = follow(rehearsal.program, "collect", msgspec.to_builtins(request), title="")
    assert summary["status"] == "complete", summary


def run(rehearsal: Rehearsal) -> Loop:
    loop = Loop(rehearsal, None, {}, None, None, None)  # type: ignore[arg-type]
    program, world = loop.program, loop.world
    collect(rehearsal, rehearsal.history)
    featuring.compute_features(program, "racing", featuring.Extent())
    loop.model, loop.summary = loop.backtest()
    collect(rehearsal, rehearsal.cards)
    # In the morning, when the cut-off has passed: what is predicted later is then of the same instant.
    rehearsal.turn_to(world.evening + timedelta(hours=9))
    loop.before_results = acts.predict(program, "racing", world.tomorrow, loop.model.id)
    rehearsal.turn_to(world.night)
    collect(rehearsal, rehearsal.results)
    loop.after_results = acts.predict(program, "racing", world.tomorrow, loop.model.id)
    loop.score = acts.score(program, "racing", None, None)
    return loop


def test_a_backtest_is_told_in_the_documented_shape(loop: Loop):
    assert loop.summary["races"] > 300
    assert set(loop.summary["models"]) == {"uniform", "market", "market_power", "market_free", "combined"}
    for scores in loop.summary["models"].values():
        by_chance = {"ece_chance", "ece_chance_low", "ece_chance_high"}
        assert set(scores) == {"winner_log_loss", "r2", "brier", "top1", "ece", *by_chance}
    assert set(loop.summary["calibration"]) == {"kind", "ece_before", "winner_log_loss_before"}
    assert set(loop.summary["delta_r2"]) == {"estimate", "low", "high", "mde", "verdict"}
    assert set(loop.summary["excluded"]) <= {"dead_heat", "no_winner", "incomplete_book", "no_market", "one_runner"}


def test_the_model_knows_more_than_chance_and_nears_the_truth(loop: Loop):
    scores = loop.summary["models"]
    assert scores["market_free"]["r2"] > 0.03
    gap = loop.rehearsal.gap_to_truth(loop.model)
    assert gap["market_free"] < 0.85 * gap["uniform"]
    assert gap["combined"] < gap["market"]


def test_stated_chances_come_true_in_a_world_whose_truth_is_known(loop: Loop):
    truth = loop.world.truth(loop.world.test_from, loop.world.test_to)
    path = loop.program.workspace.root / loop.model.artefact / "backtest.parquet"
    rows = pl.read_parquet(path).filter(pl.col("part") == "test").join(truth, on=["event_id", "entrant_id"])
    for name in ("market_free", "combined"):
        bins = rows.with_columns((pl.col(name).rank("ordinal") * 8 // (rows.height + 1)).alias("bin"))
        means = bins.group_by("bin").agg(pl.col(name).mean(), pl.col("truth").mean()).sort("truth")
        # The truth has no sampling noise, so a calibrated model meets it to within its own error of estimation.
        assert np.abs(means[name] - means["truth"]).max() < 0.03


def test_the_same_data_give_the_same_bits(loop: Loop):
    again, summary = loop.backtest()
    assert again.id == loop.model.id
    assert again.artefact_sha256 == loop.model.artefact_sha256
    assert {k: v for k, v in summary.items() if k != "seconds"} == {
        k: v for k, v in loop.summary.items() if k != "seconds"
    }


def short(loop: Loop, **given: Any) -> dict[str, Any]:
    """A training of few trees, as JSON has it."""
    days = {"train_until": loop.world.train_until, "test_from": loop.world.test_from, "test_to": loop.world.test_to}
    few = {"rounds": 60, "early_stopping_rounds": 10}
    return {"split": {"kind": "hold_out", **{k: str(v) for k, v in days.items()}}, "parameters": few, **given}


CALLS: list[str] | None = None


def watch_calls(event: str, given: tuple[Any, ...]) -> None:
    if CALLS is not None and event in {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}:
        CALLS.append(f"{event} {given[1:]}")
        raise ConnectionRefusedError(event)


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """Every connection that Python opens is refused and kept; that to the database is not one of Python's."""
    global CALLS  # noqa: PLW0603 - what watches a process cannot be taken away again
    if CALLS is None:
        sys.addaudithook(watch_calls)
    CALLS = found = []
    yield found
    CALLS = None


def test_a_training_makes_no_call_to_anything_but_the_database(loop: Loop, calls: list[str]):
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", 9)):
        pass
    assert len(calls) == 1
    model, _ = loop.backtest()
    assert model.id == loop.model.id
    assert len(calls) == 1


def test_a_training_is_a_run_that_tells_its_stages(loop: Loop):
    summary = follow(loop.program, "train", short(loop), title="")
    assert summary["model"] == loop.model.id
    assert set(summary["seconds"]) == {*STAGES, "total"} - {"tune"}
    with loop.program.database.connect(read_only=True) as connection:
        row = list_runs(connection, Filters(kind="train"))[0]
        lines = [line.message for line in read_logs(connection, row.id)]
    assert row.parameters == short(loop)
    assert [line.split()[0] for line in lines] == [
        *("Checking", "Reading", "Cutting", "Fitting", "Comparing", "Registering", "Trained"),
    ]


def test_a_walk_forward_judges_every_day_of_the_test_once(loop: Loop):
    split = Walk(test_from=loop.world.test_from, test_to=loop.world.test_to, test_days=40, validation_days=60)
    request = TrainRequest(split=split, model="conditional_logit", register=False)
    before = acts.list_models(loop.program, "racing")
    summary = train(loop.program, request, Quietly()).summary
    assert summary["model"] is None
    assert len(summary["folds"]) > 1
    assert sum(fold["races"] for fold in summary["folds"]) == summary["races"] == loop.summary["races"]
    assert summary["folds"][0]["test_from"] == str(loop.world.test_from)
    assert summary["folds"][-1]["test_to"] == str(loop.world.test_to)
    # Without a registered model there is nothing new in the registry.
    assert acts.list_models(loop.program, "racing") == before


def test_a_tuned_training_says_what_tuning_was_worth_on_days_no_trial_has_seen(loop: Loop):
    tuning = {"trials": 2, "folds": 1}
    given = short(loop, model="conditional_logit", parameters={}, tuning=tuning, register=False, experiment="tuned")
    summary = follow(loop.program, "train", given, title="")
    assert len(summary["tuning"]["trials"]) == 2
    assert summary["tuning"]["best_loss"] > 0
    assert set(summary["tuning"]["over_default"]) == {"estimate", "low", "high", "mde", "verdict"}
    again = follow(loop.program, "train", given, title="")
    # The trials were kept: nothing is tried twice, and the same is found.
    assert again["tuning"] == summary["tuning"]
    assert_shown(loop, summary["tuning"])


def assert_shown(loop: Loop, tuning: dict[str, Any]) -> None:
    """Both trainings have the trials beneath them, and a page that draws them."""
    listed = experiments.list_trainings(loop.program, "tuned", trials=True)
    assert [(one.trials, one.parent) for one in listed] == [
        *((2, None), (0, listed[0].id), (0, listed[0].id)),
        *((2, None), (0, listed[3].id), (0, listed[3].id)),
    ]
    parent, *children = listed[:3]
    assert [one.metrics["loss"] for one in children] == [trial["value"] for trial in tuning["trials"]]
    assert parent.metrics["tuning.best_loss"] == tuning["best_loss"]
    assert parent.dataset_hash == children[0].dataset_hash
    asked = {"domain": "racing", "about": "training", "training": parent.id}
    page = (loop.program.workspace.reports / follow(loop.program, "report", asked, title="")["file"]).read_text()
    for said in ("How its parameters were found", "best ", "How it learnt", "2 sets of parameters"):
        assert said in page, said


def test_a_training_that_holds_more_memory_than_it_may_stops(loop: Loop):
    request = checked(short(loop, memory_gib=1.0))
    with pytest.raises(ResourceError, match="GiB while"):
        # The process that tests holds less; the limit is what is lowered.
        train(loop.program, msgspec.structs.replace(request, memory_gib=0.01), Quietly())


def test_a_training_on_a_pinned_version_of_the_features_reads_no_other(loop: Loop):
    version = loop.model.delta_version
    again = train(loop.program, checked(short(loop, delta_version=version)), Quietly())
    assert again.registered.id == loop.model.id
    with pytest.raises(NotFoundError, match=f"version {version + 9}"):
        train(loop.program, checked(short(loop, delta_version=version + 9)), Quietly())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"modle": "x"}, "unknown field `modle`"),
        ({"model": "forest"}, "No plug-in named 'forest'"),
        ({"parameters": {"depth": 3}}, "unknown field `depth`"),
        ({"seed": -1}, "'seed': -1"),
        ({"register": False, "promote": "if_better"}, "cannot be promoted"),
        ({"split": {"kind": "random"}}, "random"),
        ({"task": "racing.show"}, "There is no task 'racing.show'"),
        (
            {"split": {"kind": "hold_out", **dict.fromkeys(("train_until", "test_from", "test_to"), "2024-01-02")}},
            "without days",
        ),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_it_is_queued(given: dict[str, Any], said: str):
    with pytest.raises((InputError, NotFoundError), match=re.escape(said)):
        checked(given)


@pytest.mark.proof
def test_another_worker_takes_over_the_training_of_one_that_was_killed(loop: Loop):
    asked = short(loop, parameters={"rounds": 400, "early_stopping_rounds": 400}, register=True)
    undisturbed = train(loop.program, checked(asked), Quietly()).registered
    database, root = loop.program.database, loop.program.workspace.root
    environ = {**os.environ, "MORNINGLINE_HOME": str(root), "MORNINGLINE_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "morningline.cli", "worker"]
    workers = {}

    def hire() -> None:
        made = subprocess.Popen(command, env={**environ, "MORNINGLINE_THREADS": "2"}, cwd=root)
        workers[made.pid] = made

    try:
        hire()
        with database.connect() as connection:
            connection.autocommit = True
            run_id = store.enqueue(connection, kinds(loop.program)["train"], asked, asked_by="ann")

            def until(seen: Callable[[RunRow], bool]) -> RunRow:
                for _ in range(1200):
                    row = store.find(connection, run_id)
                    if seen(row):
                        return row
                    time.sleep(0.1)
                pytest.fail(f"what was waited for did not come: {row}")

            until(lambda row: "tree" in row.sentence)
            hire()
            victim = next(iter(workers.values()))
            victim.kill()
            killed = time.monotonic()
            until(lambda row: row.attempt == 2)
            waited = time.monotonic() - killed
            print(f"taken over after {waited:.1f} s")
            ended = until(lambda row: row.status in store.ENDED)
    finally:
        for made in workers.values():
            made.kill()
            made.wait()
    assert ended.status == "succeeded"
    assert msgspec.json.decode(ended.result)["model"] == undisturbed.id
    kept = experiments.show_training(loop.program, run_id).run
    assert (kept.status, kept.attempt, kept.model_id) == ("succeeded", 2, undisturbed.id)
    assert kept.metrics["combined.r2"] == undisturbed.metrics["models"]["combined"]["r2"]
    assert win_model.load(root / undisturbed.artefact, undisturbed.artefact_sha256, threads=2)
    assert waited < 10


def test_a_card_is_known_the_evening_before_and_its_results_when_it_is_over(loop: Loop):
    days = "SELECT DISTINCT known_at FROM {} WHERE date = %s"
    with loop.program.database.connect(read_only=True) as connection:
        cards = connection.execute(days.format("ra_runners"), (loop.world.tomorrow,)).fetchall()
        results = connection.execute(days.format("ra_results"), (loop.world.tomorrow,)).fetchall()
    assert cards == [(loop.world.evening,)]
    assert results == [(loop.world.night,)]
    rows = loop.before_results.rows
    assert rows.filter(pl.col("made_at") >= loop.world.night).is_empty()
    assert rows.filter(pl.col("as_of") < loop.world.evening).is_empty()


def test_results_that_become_known_later_change_no_prediction(loop: Loop):
    assert loop.before_results.made == loop.before_results.rows.height > 50
    assert loop.after_results.made == 0
    assert loop.after_results.differing == 0
    assert loop.after_results.rows.equals(loop.before_results.rows)


def test_probabilities_of_an_event_sum_to_one_and_rank_them(loop: Loop):
    rows = loop.before_results.rows
    sums = rows.group_by("event_id").agg(pl.col("probability").sum())
    assert np.allclose(sums["probability"], 1.0, atol=1e-12)
    best = rows.filter(pl.col("probability") == pl.col("probability").max().over("event_id"))
    assert best["rank"].unique().to_list() == [1]
    assert np.allclose(rows["fair_odds"] * rows["probability"], 1.0)


@pytest.mark.parametrize("statement", ["UPDATE predictions SET probability = 0.5", "DELETE FROM predictions"])
def test_a_locked_row_never_changes(loop: Loop, statement: str):
    with loop.program.database.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)


def test_a_replay_gives_every_bit_again(loop: Loop):
    for prediction in loop.before_results.rows["id"][:3]:
        found = acts.replay(loop.program, prediction)
        assert found.equal, found.differences
        assert found.replayed == found.locked


def test_a_replay_says_which_input_differs(loop: Loop):
    row = loop.before_results.rows.row(5, named=True)
    change = "UPDATE ra_runners SET weight_lbs = weight_lbs + %s WHERE race_id = %s AND horse_id = %s"
    key = (row["event_id"], row["entrant_id"])
    with loop.program.database.connect() as connection:
        connection.execute(change, (1, *key))
    try:
        found = acts.replay(loop.program, row["id"])
    finally:
        with loop.program.database.connect() as connection:
            connection.execute(change, (-1, *key))
    assert not found.equal
    assert any(text.startswith("input card_weight_lbs: was ") for text in found.differences)
    assert acts.replay(loop.program, row["id"]).equal


def test_a_model_whose_file_was_changed_is_refused(loop: Loop):
    folder = loop.program.workspace.root / loop.model.artefact
    path, kept = folder / "second_stage.json", folder / "kept"
    shutil.copy(path, kept)
    path.write_text(path.read_text().replace("0.", "1.", 1))
    try:
        with pytest.raises(IntegrityError, match="is not what was registered"):
            acts.replay(loop.program, loop.before_results.rows["id"][0])
    finally:
        kept.replace(path)


def test_a_day_the_model_has_seen_is_refused(loop: Loop):
    with pytest.raises(DataError, match="it has seen what it would predict"):
        acts.predict(loop.program, "racing", loop.world.train_until, loop.model.id)


def test_an_unknown_prediction_or_model_is_named(loop: Loop):
    with pytest.raises(NotFoundError, match="no prediction 'nothing'"):
        acts.replay(loop.program, "nothing")
    with pytest.raises(NotFoundError, match="no model 'nothing'"):
        acts.predict(loop.program, "racing", loop.world.tomorrow, "nothing")


def test_a_score_stands_beside_the_market(loop: Loop):
    assert loop.score.waiting == 0
    assert loop.score.events + sum(loop.score.excluded.values()) == loop.before_results.rows["event_id"].n_unique()
    assert set(loop.score.models) == {"model", "market"}
    scored = acts.show_predictions(loop.program, loop.world.tomorrow, None)
    assert scored["won"].null_count() == 0
    priced = scored.filter(pl.col("market_probability").is_not_null())
    assert np.allclose(priced.group_by("event_id").agg(pl.col("market_probability").sum())["market_probability"], 1.0)


def test_the_report_is_one_page(loop: Loop):
    page = acts.report(loop.program, "racing", loop.model.id, None).read_text()
    assert loop.model.id in page
    assert "ΔR²" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_features_are_exported_one_row_a_runner(loop: Loop):
    out = loop.program.workspace.root / "features.parquet"
    rows = featuring.export_features(loop.program, "racing", out, None)
    frame = pl.read_parquet(out)
    assert frame.height == rows
    assert frame.columns[:2] == ["race_id", "horse_id"]
    assert "as_of" in frame.columns
    assert frame.select("race_id", "horse_id").is_duplicated().sum() == 0
    assert len(frame.columns) >= 64


def test_features_are_refused_where_an_old_day_changed_after_they_were_computed(loop: Loop):
    before = featuring.features_status(loop.program, "racing")
    # What came after the features were computed is of days that they do not speak of.
    assert before["stale_from"] > str(loop.world.test_to)
    change = "UPDATE ra_results SET known_at = known_at + interval '{} s' WHERE date = %s"
    with loop.program.database.connect() as connection:
        stamps = connection.execute("SELECT change, table_name FROM fact_days WHERE day = %s", (loop.world.first,))
        assert connection.execute(change.format(1), (loop.world.first,)).rowcount > 1
    after = featuring.features_status(loop.program, "racing")
    assert (after["stale_from"], after["stale_months"]) == (str(loop.world.first), after["months"])
    with pytest.raises(DataError, match=f"stale: facts of {loop.world.first}"):
        loop.backtest()
    with loop.program.database.connect() as connection:
        connection.execute(change.format(-1), (loop.world.first,))
    # What is put back has changed twice: nobody compares, so nobody can say that it is as it was.
    assert featuring.features_status(loop.program, "racing") == after
    with loop.program.database.connect() as connection:
        # The other tests go on as if nothing had been.
        connection.cursor().executemany(
            "UPDATE fact_days SET change = %s WHERE table_name = %s AND day = %s",
            [(*stamp, loop.world.first) for stamp in stamps],
        )
    assert featuring.features_status(loop.program, "racing") == before


def test_a_race_is_followed_back_to_the_bodies_in_the_archive(loop: Loop):
    race = loop.after_results.rows["event_id"][0]
    found = lineage(loop.program, "race", race)
    naming = [body for body in found.payloads if body.names_event]
    assert {body.endpoint for body in naming} == {"racecards", "results"}
    assert {body.archive for body in found.payloads} == {"intact"}
    results = next(body for body in naming if body.endpoint == "results")
    with loop.program.database.connect(read_only=True) as connection:
        rows = loop.program.archive.payloads(connection, results.feed, "results", first=found.day, last=found.day)
        body = next(loop.program.archive.read(row).body for row in rows if row.id == results.id)
    assert sha256(body).hexdigest() == results.sha256
    assert race.encode() in body
    facts = {table.table: table for table in found.facts}
    # The card was known at the fetch of the evening, the results at that of the night.
    assert facts["ra_results"].known_at == (loop.world.night, loop.world.night)
    assert results.id in facts["ra_results"].payloads
    assert results.id not in facts["ra_runners"].payloads
    assert results.loaded_at is not None


def test_a_body_that_names_another_race_or_is_gone_is_said_to(loop: Loop):
    archive, day = loop.program.archive, loop.world.tomorrow
    with loop.program.database.connect(read_only=True) as connection:
        found = payloads_of(connection, archive, "another race", day, None)
        assert [body.names_event for body in found] == [False] * len(found)
        path = archive._path(found[0].sha256)
        kept = path.rename(path.with_suffix(".kept"))
        try:
            gone = payloads_of(connection, archive, "another race", day, None)[0]
        finally:
            kept.rename(path)
    assert gone.names_event is None
    assert "is not in the archive" in gone.archive


def test_a_prediction_is_followed_back_to_what_was_known_when_it_was_made(loop: Loop):
    locked = loop.before_results.rows.row(0, named=True)
    found = lineage(loop.program, "prediction", locked["id"])
    assert found.row["inputs_hash"] == locked["inputs_hash"]
    assert (found.event.id, found.event.as_of) == (locked["event_id"], locked["as_of"])
    assert {table.table for table in found.event.facts} >= {"ra_races", "ra_runners"}
    assert "ra_results" not in {table.table for table in found.event.facts}
    assert all(table.known_at[1] <= locked["as_of"] for table in found.event.facts)
    assert {body.endpoint for body in found.event.payloads} == {"racecards"}
    assert found.model.id == loop.model.id
    assert f"morningline replay {locked['id']}" in found.words[0]


def test_a_model_is_followed_back_to_the_computation_of_its_features(loop: Loop):
    found = lineage(loop.program, "model", loop.model.id)
    assert found.row["data_fingerprint"] == loop.model.data_fingerprint
    assert found.row["artefact_sha256"] == loop.model.artefact_sha256
    assert found.features.delta_version == loop.model.delta_version
    (computation,) = found.features.computations
    assert computation.code_version == loop.model.code_version
    assert set(computation.tables) >= {"ra_races", "ra_runners", "ra_results", "ra_odds"}
    assert computation.rows > 1_000


def test_a_promotion_and_its_rollback_hold_for_who_predicts_next_in_the_same_process(loop: Loop):
    few = {"rounds": 20, "early_stopping_rounds": 10}
    other = train(loop.program, checked(short(loop, parameters=few)), Quietly()).registered
    racing = domain_named("racing")

    def predicts() -> str:
        return acts._predictor(loop.program, racing, None).registered.id

    registry.promote_model(loop.program, "racing", loop.model.id, who="ann", force=True, reason="whatever was before")
    assert predicts() == loop.model.id
    # Twenty trees are not better than sixty.
    decision = registry.promote_model(loop.program, "racing", other.id, who="ann")
    assert decision.promotion.outcome == "refused"
    assert decision.promotion.verdict in {"reject", "not_decided"}
    assert predicts() == loop.model.id
    registry.promote_model(loop.program, "racing", other.id, who="ann", force=True, reason="to try it")
    assert predicts() == other.id
    registry.roll_back_model(loop.program, "racing", who="ann")
    assert predicts() == loop.model.id
    page = write_model_card(loop.program, "racing", other.id, None).read_text()
    for said in (other.version, "to try it", "against the champion", "What the model looks at"):
        assert said in page, said


def test_a_training_is_recorded_and_compared_on_days_after_its_own_test(loop: Loop):
    middle = loop.world.test_from + (loop.world.test_to - loop.world.test_from) // 2
    asked = short(loop, experiment="halves", promote="if_better")
    asked["split"]["test_to"] = str(middle)
    summary = follow(loop.program, "train", asked, title="")
    assert summary["promotion"]["outcome"] in {"first", "refused"}
    found = registry.compare_models(loop.program, "racing", loop.model.id, summary["model"]).comparison
    assert (found.first_day, found.last_day > middle) == (loop.world.test_from, True)
    # They are one model, fitted on the same days: what was kept and what is computed now agree to the bit.
    assert found.result.events == loop.summary["races"]
    assert (found.result.estimate, found.result.verdict) == (0.0, "not_decided")
    assert found.left_out == {}
    assert_recorded(loop, summary, asked)


def assert_recorded(loop: Loop, summary: dict[str, Any], asked: dict[str, Any]) -> None:
    """What the run of a training was asked and what it gave is kept as a training of its experiment."""
    (kept,) = experiments.list_trainings(loop.program, "halves")
    model = registry.show_model(loop.program, "racing", summary["model"])
    assert (kept.status, kept.configuration, kept.mirror) == ("succeeded", asked, None)
    assert (kept.model_id, model.trainings) == (summary["model"], [kept.id])
    assert model.model.registered_by == kept.asked_by
    assert kept.dataset_hash == summary["dataset"]
    assert kept.feature_version == model.model.feature_version
    assert kept.parameters["rounds"] == "60"
    assert kept.metrics["combined.r2"] == summary["models"]["combined"]["r2"]
    shown = experiments.show_training(loop.program, kept.id)
    said = {step["name"] for step in shown.steps if experiments.CURVE in step["name"]}
    assert said >= {f"fit/{part}/trees/training_loss" for part in ("rehearsal_1", "rehearsal_3", "whole")}
    assert "fit/rehearsal_1/trees/validation_loss" in said
    assert "How it learnt" in write_model_card(loop.program, "racing", summary["model"], None).read_text()
    files = {one["path"]: one["sha256"] for one in shown.artefacts}
    assert files[f"{model.model.artefact}/backtest.parquet"] == model.model.outcomes_sha256
