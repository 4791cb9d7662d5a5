"""A feature set with a step of every kind, and the leak check: what changes when the future is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from chance_events import as_known_at, differing
from features_by_loops import every, history
from morningline.domains.racing.features import FEATURES
from morningline.features.definitions import Centred, Derived, Expression, Rating, WithinEvent
from morningline.features.engine import compute
from morningline.features.rating import Elo, PlackettLuce
from morningline.features.windows import AtLeast, AtMost, Days, Decay, Expanding, Last, Near, Rivals, Same
from racing_facts import events_from, known_then

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from morningline.features.definitions import Step
    from morningline.features.engine import Events
    from racing_facts import Facts

WINDOWS = (Expanding(), Last(2), Days(9), Decay(3))
RIVALS, AHEAD = Rivals(("who",)), Rivals(("who",), "ahead")
WHERES = ((Near("said", share=0.1, within=9.0), Same("where")), (AtLeast("said"),), (AtMost("stall"),))

# Histories of every window and aggregate, and steps that build on each other, on features and on ratings.
STEPS: tuple[Step, ...] = (
    *every(keys=(("who",), ("where", "stall")), windows=WINDOWS),
    *every(wheres=WHERES, windows=WINDOWS),
    *every(keys=(RIVALS, AHEAD), windows=WINDOWS),
    history("days_since", value=""),
    Rating(name="elo", key=("who",), result="score", system=Elo(half_life_days=9), description=""),
    Rating(name="skill", key=("stall",), result="score", system=PlackettLuce(), description=""),
    Rating(name="doubt", key=("stall",), result="score", system=PlackettLuce(), part="spread", description=""),
    Expression(name="above", sql="elo - 1500 + COALESCE(said, 0)", description=""),
    Derived(name="beyond", sql='score - COALESCE("above", 0)', description=""),
    Centred(name="centred", of="beyond", by=("where",), description=""),
    Rating(name="again", key=("who",), result="centred", system=Elo(), description=""),
    history("mean", Last(3), value="centred"),
    history("quantile", value="elo", where=(AtLeast("elo"),)),
    history("slope", Days(20), value="above", key=RIVALS),
    Expression(name="kind", sql="CASE WHEN above > 0 THEN 1 ELSE 0 END", description=""),
    history("rate", key=("where", "kind"), value="centred"),
    *(
        WithinEvent(name=f"{of} {how}", of=of, how=how, description="")
        for of in ("said", "elo", history("mean", Last(3), value="centred").name)
        for how in ("rank", "z", "share", "gap_to_best", "others_mean", "others_best")
    ),
)


def leaks(events: Events, steps: Sequence[Step], instant: datetime) -> list[str]:
    """Columns whose values change when everything that became known after an instant is deleted."""
    whole = compute(events, steps).filter(pl.col("as_of") <= instant)
    return differing(whole, compute(as_known_at(events, instant), steps))


def leaks_of_facts(facts: Facts, instant: datetime, steps: Sequence[Step] = FEATURES.steps) -> list[str]:
    """The same from the facts on: the rows themselves are taken away, whatever the preparation makes of them."""
    whole = compute(events_from(facts), steps).filter(pl.col("as_of") <= instant)
    return differing(whole, compute(events_from(known_then(facts, instant)), steps).filter(pl.col("as_of") <= instant))


def cutoffs(events: Events) -> list[datetime]:
    """The distinct cut-offs, in order."""
    return events.entrants["cutoff"].drop_nulls().unique().sort().to_list()
