"""Rating steps against a replay event by event: Elo by plain duels, Plackett-Luce by openskill."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from chance_events import chance_events
from features_by_loops import FIND, Past, check, finite, history, story
from morningline.features.definitions import Derived, Rating, WithinEvent
from morningline.features.engine import compute, compute_all
from morningline.features.rating import Elo, PlackettLuce
from ratings_by_loops import rating_by_loops, ratings_by_loops

SYSTEMS = (Elo(), Elo(half_life_days=5, k=64.0), PlackettLuce(), PlackettLuce(growth_a_day=0.5))


def ratings(*, key=("who",), result="score", parts=("mean", "spread")) -> list[Rating]:
    return [
        Rating(name=f"{part} {system}", key=key, result=result, system=system, part=part, description="")
        for system in SYSTEMS
        for part in parts
        if part == "mean" or isinstance(system, PlackettLuce)
    ]


def check_ratings(events, steps, *, before=(), **made) -> None:
    past = Past(events, **made)
    replayed = {step.name: ratings_by_loops(past, step) for step in steps}
    check(events, steps, lambda step, entrant: rating_by_loops(step, replayed[step.name], entrant), steps=before)


@pytest.mark.parametrize("key", [("who",), ("who", "where"), ("stall",)])
@given(events=chance_events(plain=True))
@settings(FIND, max_examples=15)
def test_ratings_are_those_of_a_replay_event_by_event(key, events):
    check_ratings(events, ratings(key=key))


@given(chance_events(plain=True))
@settings(FIND, max_examples=15)
def test_ratings_by_a_value_that_is_made_of_the_outcome_are_those_of_its_replay(events):
    def whole(_, row) -> float | None:
        # Many ties.
        score = finite(row["score"])
        return None if score is None else float(score > 0)

    step = Derived(name="whole", sql="CASE WHEN score > 0 THEN 1 WHEN score <= 0 THEN 0 END", description="")
    finite_only = Derived(name="finite", sql="score - score + score", description="")
    above = Derived(name="whole", sql=step.sql.replace("score", "finite"), description="")
    check_ratings(events, ratings(result="whole"), before=[finite_only, above], whole=whole)


ELO = Rating(name="elo", key=("who",), result="score", system=Elo(k=32.0), description="")


def run(day, who, score, known=None, **card) -> dict:
    return {"day": day, "who": who, "versions": [(known or day + 1, None, score)], **card}


def elo_of(*rows, who=("ann",), step=ELO) -> list[float | None]:
    """Ratings on day 30."""
    found = compute(story(*rows, *({"day": 30, "who": name} for name in who)), [step])
    return found.tail(len(who)).to_series(-1).to_list()


def test_who_never_competed_has_no_rating_and_neither_has_who_ran_alone():
    assert elo_of() == [None]
    assert elo_of(run(1, "ann", 1.0)) == [None]
    assert elo_of(run(1, "ann", None), run(1, "bob", 2.0)) == [None]
    assert elo_of(run(1, "ann", 1.0), run(1, "bob", 2.0), who=("ann", "cy", "bob")) == [1516.0, None, 1484.0]


def test_of_an_entity_entered_twice_the_best_result_counts_and_it_does_not_beat_itself():
    twice = [run(1, "ann", 1.0), run(1, "ann", 9.0), run(1, "bob", 2.0)]
    assert elo_of(*twice, who=("ann", "bob")) == [1516.0, 1484.0]
    assert elo_of(run(1, "ann", 9.0), run(1, "ann", 1.0), run(1, "bob", 2.0)) == [1516.0]
    assert elo_of(run(1, "ann", 1.0), run(1, "ann", 2.0)) == [None]


def test_results_of_an_event_that_become_known_apart_are_contests_apart():
    assert elo_of(run(1, "ann", 1.0), run(1, "bob", 2.0, known=3)) == [None]
    apart = [run(1, "ann", 2.0), run(1, "bob", 1.0), run(1, "cy", 9.0, known=3), run(1, "dan", 8.0, known=3)]
    assert elo_of(*apart, who=("ann", "bob", "cy", "dan")) == [1484.0, 1516.0, 1484.0, 1516.0]


def test_events_that_become_known_at_one_instant_are_contests_apart():
    rows = [run(1, "ann", 1.0), run(1, "bob", 2.0), *(run(1, who, 9.0, event_id="e001.50") for who in ("cy", "dan"))]
    assert elo_of(*rows, who=("ann", "bob", "cy", "dan")) == [1516.0, 1484.0, 1500.0, 1500.0]


def test_contests_are_taken_in_the_order_in_which_they_became_known_not_in_that_of_their_days():
    late, early = [run(1, "ann", 1.0, known=9), run(1, "bob", 2.0, known=9)], [run(2, "ann", 2.0), run(2, "bob", 1.0)]
    won_last, won_first = (
        elo_of(*late, *early),
        elo_of(*[row | {"versions": [(1.5, None, row["versions"][0][2])]} for row in late], *early),
    )
    # Who wins after a defeat gains more than it lost, who loses after a win loses more.
    assert won_last[0] > 1500 > won_first[0]


def test_a_rating_is_shrunk_to_the_day_of_the_cutoff():
    step = Rating(name="elo", key=("who",), result="score", system=Elo(k=32.0, half_life_days=7), description="")
    rows = [run(8, "ann", 1.0), run(8, "bob", 2.0)]
    # From day 9 to day 30 are three half-lives.
    assert elo_of(*rows, step=step) == pytest.approx([1502.0])
    # What is known at noon of that day is not known at its start.
    assert elo_of(*rows, run(29.5, "ann", 1.0), run(29.5, "bob", 2.0), step=step) == pytest.approx([1502.0])


def test_ratings_are_features_like_others_to_later_steps():
    rows = [run(1, "ann", 1.0), run(1, "bob", 2.0), run(5, "ann", 1.0), run(5, "bob", 2.0)]
    steps = [
        ELO,
        WithinEvent(name="gap", of="elo", how="gap_to_best", description=""),
        Derived(name="before", sql="elo", description=""),
        history("last", value="before"),
    ]
    found = compute(story(*rows, {"day": 30, "who": "ann"}, {"day": 30, "who": "bob"}), steps)
    # What an earlier row is said to have been rated is what was known before it, not after.
    assert found.tail(2).to_series(-1).to_list() == [1516.0, 1484.0]
    assert found.tail(2)["gap"].to_list() == pytest.approx([0, -found["elo"][-2] + found["elo"][-1]])


def test_a_mean_and_a_spread_of_one_system_are_of_one_replay_and_kept_once():
    events = story(run(1, "ann", 1.0), run(1, "bob", 2.0))
    kept = compute_all(events, ratings()).history
    assert [name for name in kept.columns if name.endswith("_mean_after")] == [f"mean {s}_mean_after" for s in SYSTEMS]
