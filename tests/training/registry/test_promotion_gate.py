"""A champion is followed only by a model shown to be better on days that neither has seen; all is written down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import psycopg
import pytest

from morningline.kit.errors import DataError, InputError, IntegrityError, NotFoundError
from morningline.training.registry import (
    Unseen,
    aliases,
    compare_unseen,
    find,
    judge_of,
    judged_rows,
    promote,
    promotions,
    roll_back,
    unseen,
)
from registered_models import FIRST_DAY, TASK, blurred, world

if TYPE_CHECKING:
    from morningline.training.registry import Decision, Promotion, RegisteredModel
    from registered_models import Shelf

ROWS = world()
LAST = FIRST_DAY + timedelta(days=119)
FROM = FIRST_DAY + timedelta(days=40)


def nobody(_model: RegisteredModel, _first: date, _last: date) -> None:
    """No model is judged on later days."""


def propose(shelf: Shelf, model: str, **how: Any) -> Decision:
    with shelf.database.connect() as connection:
        return promote(connection, TASK, model, judge_of(shelf.root, nobody), who="ann", **how)


def back(shelf: Shelf) -> Promotion:
    with shelf.database.connect() as connection:
        return roll_back(connection, TASK, who="bob", reason="it smells")


def standing(shelf: Shelf) -> dict[str, str]:
    with shelf.database.connect(read_only=True) as connection:
        return aliases(connection, TASK)


def history(shelf: Shelf) -> list[Promotion]:
    with shelf.database.connect(read_only=True) as connection:
        return promotions(connection, TASK)


def put(shelf: Shelf, name: str, noise: float, *, test_from: date = FROM, test_to: date = LAST, seed: int = 7):
    return shelf.put(name, ROWS, blurred(ROWS, noise, seed), test_from=test_from, test_to=test_to)


def test_a_first_champion_needs_only_to_exist(shelf: Shelf):
    put(shelf, "only", 0.5)
    decision = propose(shelf, "only")
    assert (decision.promotion.outcome, decision.comparison) == ("first", None)
    assert standing(shelf) == {"champion": "only"}


def test_a_model_that_is_better_on_unseen_days_is_adopted(shelf: Shelf):
    put(shelf, "blurred", 1.0)
    put(shelf, "sharp", 0.0)
    propose(shelf, "blurred")
    decision = propose(shelf, "sharp", reason="sharper")
    assert decision.promotion.outcome == "adopted"
    assert standing(shelf) == {"champion": "sharp", "previous": "blurred"}
    told = history(shelf)[0]
    assert (told.from_model, told.to_model, told.decided_by, told.reason) == ("blurred", "sharp", "ann", "sharper")
    assert told.verdict == "adopt"
    assert told.low > 0
    assert (told.first_day, told.last_day) == (FROM, LAST)


@pytest.mark.parametrize(("noise", "verdict"), [(1.0, "reject"), (0.001, "not_decided")])
def test_a_model_that_is_worse_or_no_different_is_refused_and_becomes_the_challenger(shelf: Shelf, noise, verdict):
    put(shelf, "champion", 0.0)
    put(shelf, "other", noise)
    propose(shelf, "champion")
    decision = propose(shelf, "other")
    assert (decision.promotion.outcome, decision.promotion.verdict) == ("refused", verdict)
    assert standing(shelf) == {"champion": "champion", "challenger": "other"}
    assert [one.outcome for one in history(shelf)] == ["refused", "first"]


def test_a_model_that_looks_better_by_no_more_than_chance_is_refused(shelf: Shelf):
    one, other = (put(shelf, name, 0.1, seed=seed) for name, seed in (("one", 1), ("other", 2)))
    found = compare_unseen(unseen(one, shelf.root), unseen(other, shelf.root))
    better, worse = ("one", "other") if found.result.estimate > 0 else ("other", "one")
    propose(shelf, worse)
    decision = propose(shelf, better)
    assert decision.promotion.estimate > 0 > decision.promotion.low
    assert decision.promotion.mde > decision.promotion.estimate
    assert (decision.promotion.outcome, decision.promotion.verdict) == ("refused", "not_decided")


def test_a_refusal_can_be_overruled_with_a_reason_and_that_is_written_down(shelf: Shelf):
    put(shelf, "sharp", 0.0)
    put(shelf, "blurred", 1.0)
    propose(shelf, "sharp")
    for reason in (None, "  "):
        with pytest.raises(InputError, match="without a reason"):
            propose(shelf, "blurred", force=True, reason=reason)
    assert standing(shelf) == {"champion": "sharp"}
    decision = propose(shelf, "blurred", force=True, reason="the sharp one is too slow")
    assert standing(shelf) == {"champion": "blurred", "previous": "sharp"}
    told = history(shelf)[0]
    assert (told.outcome, told.verdict, told.reason) == ("forced", "reject", "the sharp one is too slow")
    assert told.high < 0
    assert decision.tried_before == 0


def test_a_challenger_that_is_promoted_is_no_challenger_any_more(shelf: Shelf):
    put(shelf, "sharp", 0.0)
    put(shelf, "blurred", 1.0)
    propose(shelf, "sharp")
    propose(shelf, "blurred")
    assert standing(shelf)["challenger"] == "blurred"
    propose(shelf, "challenger", force=True, reason="because")
    assert standing(shelf) == {"champion": "blurred", "previous": "sharp"}


def test_others_that_were_held_against_the_same_champion_are_counted(shelf: Shelf):
    put(shelf, "champion", 0.0)
    propose(shelf, "champion")
    for tried in range(3):
        put(shelf, f"try{tried}", 0.8, seed=tried)
        assert propose(shelf, f"try{tried}").tried_before == tried
    assert propose(shelf, "try0").tried_before == 2


def test_the_champion_cannot_follow_itself(shelf: Shelf):
    put(shelf, "only", 0.5)
    propose(shelf, "only")
    with pytest.raises(InputError, match="is the champion of"):
        propose(shelf, "champion")
    with pytest.raises(NotFoundError, match="no model 'nothing'"):
        propose(shelf, "nothing")


# --- the gate sees no day that either model has seen ----------------------------------------------------------


def test_the_comparison_equals_one_by_hand_on_the_events_both_tested(shelf: Shelf):
    late, early = FROM + timedelta(days=25), LAST - timedelta(days=20)
    one = put(shelf, "one", 0.3, test_from=late)
    other = put(shelf, "other", 0.6, test_to=early, seed=8)
    found = compare_unseen(unseen(one, shelf.root), unseen(other, shelf.root))
    gain, chance = 0.0, 0.0
    mine, theirs = blurred(ROWS, 0.3), blurred(ROWS, 0.6, 8)
    sizes = dict(ROWS.group_by("event_id").agg(pl.len()).iter_rows())
    for row, p, q in zip(ROWS.iter_rows(named=True), mine, theirs, strict=True):
        if row["won"] == 1.0 and late <= row["day"] <= early:
            gain += np.log(p) - np.log(q)
            chance += np.log(sizes[row["event_id"]])
    assert found.result.estimate == pytest.approx(gain / chance)
    assert (found.first_day, found.last_day) == (late, early)
    assert found.result.days == (early - late).days + 1


def test_what_a_model_says_of_days_it_was_fitted_on_changes_nothing(shelf: Shelf):
    honest = blurred(ROWS, 0.5, 3)
    late = FROM + timedelta(days=30)
    seen = ROWS.select(pl.when(pl.col("day") < late).then(pl.col("won") * 0.98 + 0.001).otherwise(honest).alias("p"))
    cheat = ROWS.with_columns(seen["p"]).select(pl.col("p") / pl.col("p").sum().over("event_id"))["p"]
    champion = put(shelf, "champion", 0.5, seed=4)
    fair = shelf.put("fair", ROWS, honest, test_from=late, test_to=LAST)
    leaky = shelf.put("leaky", ROWS, cheat, test_from=late, test_to=LAST)
    one, other = (compare_unseen(unseen(m, shelf.root), unseen(champion, shelf.root)) for m in (fair, leaky))
    assert (one.result.estimate, one.result.low) == pytest.approx((other.result.estimate, other.result.low))
    assert one.first_day == late


def test_rows_of_a_day_that_was_fitted_on_are_refused_wherever_they_come_from(shelf: Shelf):
    model = put(shelf, "model", 0.5)
    rows = unseen(model, shelf.root).rows
    early = rows.with_columns(pl.lit(model.test_from - timedelta(days=1)).alias("day"))
    with pytest.raises(IntegrityError, match="but it saw the days before"):
        Unseen(model=model, rows=pl.concat([rows, early.head(5)]), last_day=LAST)
    mixed = ROWS.with_columns(pl.lit(0.2).alias("market_free"))
    part = pl.when(pl.col("day") == LAST).then(pl.lit("validation")).otherwise(pl.lit("test")).alias("part")
    broken = shelf.keep("broken", mixed.with_columns(part), test_from=FIRST_DAY, test_to=LAST)
    with pytest.raises(IntegrityError, match="within its test"):
        unseen(broken, shelf.root)


def test_of_a_walk_forward_only_the_days_after_the_last_fold_are_unseen(shelf: Shelf):
    late = FROM + timedelta(days=50)
    told = ROWS.with_columns(blurred(ROWS, 0.2).alias("market_free"), pl.lit("test").alias("part")).drop("truth")
    # Earlier folds tested days that the last fold, which is the model, was fitted on.
    walked = shelf.keep("walked", told.filter(pl.col("day") >= FROM), test_from=late, test_to=LAST)
    champion = put(shelf, "champion", 0.5)
    found = compare_unseen(unseen(walked, shelf.root), unseen(champion, shelf.root))
    assert (found.first_day, found.last_day) == (late, LAST)
    assert judged_rows(walked, shelf.root)["day"].min() == FROM


def test_a_backtest_that_was_changed_on_disk_is_not_believed(shelf: Shelf):
    put(shelf, "champion", 0.2)
    model = put(shelf, "model", 0.9)
    propose(shelf, "champion")
    path = shelf.root / model.artefact / "backtest.parquet"
    outcomes = pl.read_parquet(path)
    outcomes.with_columns((pl.col("won") * 0.9 + 0.01).alias("market_free")).write_parquet(path)
    with pytest.raises(IntegrityError, match="is not what was registered"):
        propose(shelf, "model")
    assert standing(shelf) == {"champion": "champion"}
    assert len(history(shelf)) == 1
    # A champion whose files are lost is in nobody's way who gives a reason.
    path.unlink()
    assert propose(shelf, "model", force=True, reason="lost").why_not_compared is not None


def test_events_that_were_corrected_or_judged_by_one_alone_are_left_out_and_counted(shelf: Shelf):
    champion = put(shelf, "champion", 0.5)
    won = pl.col("won").reverse().over("event_id")
    other_winner = ROWS.filter((won != pl.col("won")) & (pl.col("day") > FROM))["event_id"][0]
    flipped = ROWS.with_columns(pl.when(pl.col("event_id") == other_winner).then(won).otherwise(pl.col("won")))
    flipped = flipped.filter(pl.col("event_id") != ROWS["event_id"].max())
    model = shelf.put("model", flipped, blurred(flipped, 0.1), test_from=FROM, test_to=LAST)
    found = compare_unseen(unseen(model, shelf.root), unseen(champion, shelf.root))
    assert found.left_out == {"judged_once": 1, "corrected": 1}
    assert found.result.events == 80 * 6 - 2


def test_models_without_an_unseen_day_in_common_are_not_decided(shelf: Shelf):
    middle = FROM + timedelta(days=40)
    put(shelf, "old", 0.5, test_to=middle - timedelta(days=1))
    put(shelf, "new", 0.0, test_from=middle)
    propose(shelf, "old")
    decision = propose(shelf, "new")
    assert (decision.promotion.outcome, decision.promotion.verdict) == ("refused", "not_decided")
    assert "on a day that neither has seen" in decision.why_not_compared
    assert decision.promotion.estimate is None
    assert propose(shelf, "new", force=True, reason="a year has passed").promotion.outcome == "forced"


def test_an_older_model_is_judged_on_the_days_of_the_newer_where_it_can_be(shelf: Shelf):
    middle = FROM + timedelta(days=30)
    old = put(shelf, "old", 1.0, test_to=middle - timedelta(days=1))
    new = put(shelf, "new", 0.0, test_from=middle)
    asked = []

    def later(model: RegisteredModel, first: date, last: date) -> pl.DataFrame | None:
        asked.append((model.id, first, last))
        rows = ROWS.with_columns(blurred(ROWS, 1.0).alias("market_free")).drop("truth")
        return rows.filter(pl.col("day").is_between(first, last))

    found = judge_of(shelf.root, later)(new, old)
    assert asked == [("old", middle, LAST)]
    assert (found.first_day, found.last_day, found.result.verdict) == (middle, LAST, "adopt")


def test_probabilities_that_were_not_kept_cannot_be_compared(shelf: Shelf):
    one, other = put(shelf, "one", 0.1), put(shelf, "other", 0.2)
    with pytest.raises(DataError, match="no probabilities or forecasts 'wishes'"):
        compare_unseen(unseen(one, shelf.root), unseen(other, shelf.root), "wishes")


# --- aliases, rollback, concurrency ---------------------------------------------------------------------------


def test_a_rollback_is_a_swap_and_two_are_none(shelf: Shelf):
    put(shelf, "blurred", 1.0)
    put(shelf, "sharp", 0.0)
    with pytest.raises(InputError, match="no previous champion"):
        back(shelf)
    propose(shelf, "blurred")
    with pytest.raises(InputError, match="no previous champion"):
        back(shelf)
    propose(shelf, "sharp")
    before = standing(shelf)
    assert back(shelf).outcome == "rolled_back"
    assert standing(shelf) == {"champion": "blurred", "previous": "sharp"}
    back(shelf)
    assert standing(shelf) == before
    assert [(one.outcome, one.decided_by) for one in history(shelf)[:2]] == [("rolled_back", "bob")] * 2


def test_whoever_asks_for_the_champion_gets_it_from_the_commit_on(shelf: Shelf):
    put(shelf, "blurred", 1.0)
    put(shelf, "sharp", 0.0)
    with shelf.database.connect(read_only=True) as reading, shelf.database.connect() as writing:
        reading.autocommit = True
        # The newest while there is no champion.
        assert find(reading, TASK).id == "sharp"
        promote(writing, TASK, "blurred", judge_of(shelf.root, nobody), who="ann")
        assert find(reading, TASK).id == "sharp"
        writing.commit()
        assert find(reading, TASK).id == "blurred"
        promote(writing, TASK, "sharp", judge_of(shelf.root, nobody), who="ann")
        assert find(reading, TASK).id == "blurred"
        writing.commit()
        assert find(reading, TASK).id == "sharp"
        assert find(reading, TASK, "previous").id == "blurred"


def test_a_promotion_that_breaks_off_leaves_nothing(shelf: Shelf):
    put(shelf, "blurred", 1.0)
    put(shelf, "sharp", 0.0)
    propose(shelf, "blurred")

    def broken(*_: object) -> None:
        raise RuntimeError

    with shelf.database.connect() as connection, pytest.raises(RuntimeError):
        promote(connection, TASK, "sharp", broken, who="ann")
    with shelf.database.connect() as connection:
        promote(connection, TASK, "sharp", judge_of(shelf.root, nobody), who="ann")
        connection.rollback()
    assert standing(shelf) == {"champion": "blurred"}
    assert len(history(shelf)) == 1


def test_of_many_who_promote_at_once_each_follows_the_one_before(shelf: Shelf):
    names = [f"model{number}" for number in range(6)]
    for number, name in enumerate(names):
        put(shelf, name, 0.5, seed=number)
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: propose(shelf, name, force=True, reason="a race"), names))
    told = history(shelf)[::-1]
    assert sorted(one.to_model for one in told) == names
    assert [one.from_model for one in told] == [None, *(one.to_model for one in told[:-1])]
    assert standing(shelf) == {"champion": told[-1].to_model, "previous": told[-2].to_model}


@pytest.mark.parametrize("statement", ["UPDATE promotions SET reason = 'none'", "DELETE FROM promotions"])
def test_what_was_decided_stays_written(shelf: Shelf, statement: str):
    put(shelf, "only", 0.5)
    propose(shelf, "only")
    with shelf.database.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)


def test_a_champion_can_not_be_deleted_under_its_alias(shelf: Shelf):
    put(shelf, "only", 0.5)
    propose(shelf, "only")
    with shelf.database.connect() as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("DELETE FROM models")
