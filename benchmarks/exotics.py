"""Quinella and tierce of Hong Kong: what Harville, fitted exponents and the pool itself say of what won.

Needs the real data beside the checkout (../shared/data/hk). Of a pool only the dividend of the winning combination is
known: its share of the bets is (1 - takeout) / dividend, so what the pool thought of it is known up to the takeout,
and of no other combination anything. Hence the log loss of the winning combination, the pool's at a takeout that is
assumed, and the takeout at which pool and fitted exponents would be even, which needs no assumption.

Exponents are fitted on what is over before the season of 2022-23, which is looked at once; that venues are courses,
and that a model's own exponents come from the season before, was chosen on seasons up to 2020-21.

    python benchmarks/exotics.py [--without-model] [--test-season 2022]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from morningline.domains.racing.features import FEATURES
from morningline.domains.racing.finishes import ORDER_POOLS, finishes, paid
from morningline.features.engine import compute
from morningline.features.matrix import FeatureMatrix
from morningline.kit.workspace import Workspace
from morningline.training.dataset import Dataset, Source, make_dataset
from morningline.training.evaluation.comparison import clustered_interval
from morningline.training.models import win_model
from morningline.training.models.baselines import MarketPower, market
from morningline.training.models.learner import Fitting
from morningline.training.models.logit_and_trees import Parameters
from morningline.training.models.placing import HARVILLE, Placing
from morningline.training.models.placing_fit import UNKNOWN, FirstThree, FittedPlacing, fit_placing
from morningline.wiring import acts
from morningline.wiring.program import Program, domain_named

if TYPE_CHECKING:
    from morningline.training.grouped import Flags, Floats, Integers
    from morningline.training.sample import Sample

DATA = Path(__file__).parents[2] / "shared" / "data" / "hk"
# What the operator is usually said to keep; assumed, not read from the data.
TAKEOUT = {"quinella": 0.175, "tierce": 0.25}
FITTING = Fitting(seed=1, threads=min(2, os.cpu_count() or 1), progress=lambda _doing, _done: None)


@dataclass(frozen=True)
class Races:
    """Races with their finish, venue and saddlecloth numbers, and what each pool paid."""

    sample: Sample
    positions: Floats
    numbers: Integers
    venues: tuple[str, ...]
    dividends: dict[str, dict[str, tuple[list[int], float]]]

    def take(self, mask: Flags) -> Races:
        rows = np.repeat(mask, self.sample.sizes)
        venues = tuple(venue for venue, kept in zip(self.venues, mask, strict=True) if kept)
        return Races(self.sample.take_events(mask), self.positions[rows], self.numbers[rows], venues, self.dividends)

    @property
    def finish(self) -> FirstThree:
        return FirstThree.of(self.positions, self.sample.starts)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--without-model", action="store_true", help="the market alone: no features, no fit")
    arguments.add_argument("--test-season", type=int, default=2022, help="the year in whose September it starts")
    asked = arguments.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not here, so there is nothing to measure.")
    races = real_races(with_features=not asked.without_model)
    start, before = (date(asked.test_season - years, 8, 1).toordinal() for years in (0, 1))
    end = date(asked.test_season + 1, 8, 1).toordinal()
    days = races.sample.days
    past, test = races.take(days < start), races.take((days >= start) & (days < end))
    print(f"fitted on {past.sample.events:,} races before {date.fromordinal(start)}, left out {past.finish.left_out};")
    print(f"tested on {test.sample.events:,} until {date.fromordinal(end - 1)}, left out {test.finish.left_out}")
    power = MarketPower.fit(past.sample)
    judge("market", past, market(past.sample), test, market(test.sample))
    judge(
        f"market to the power {power.exponent:.3f}", past, power.predict(past.sample), test, power.predict(test.sample)
    )
    if not asked.without_model:
        judge_model(races.take(days < before), races.take((days >= before) & (days < start)), test)


def judge_model(train: Races, validation: Races, test: Races) -> None:
    """Fit the default model with the season before the test as validation, which its exponents are fitted on too."""
    started = time.perf_counter()
    model = win_model.fit(train.sample, validation.sample, "logit_and_trees", Parameters(), FITTING)
    print(f"\nmodel fitted on {train.sample.events:,} races in {time.perf_counter() - started:.0f} s")
    for name, of in (("combined", model.combined), ("market-free", model.market_free)):
        judge(name, validation, np.exp(of(validation.sample)), test, np.exp(of(test.sample)))


def judge(name: str, past: Races, p_past: Floats, test: Races, p_test: Floats) -> None:
    """Fit exponents of a source of win probabilities, and print what they are worth on the test."""
    starts, finish = past.sample.starts, past.finish
    pooled = fit_placing(p_past, starts, finish)
    fitted = fit_placing(p_past, starts, finish, past.venues)
    print(f"\n{name}")
    show_fit(fitted)
    for pool in TAKEOUT:
        judge_pool(pool, test, p_test, {"Harville": HARVILLE, "pooled": pooled.placing, "by venue": fitted.placing})
    show_places(test, p_test, fitted.placing)


def show_fit(fitted: FittedPlacing) -> None:
    for name, stage in (("second", fitted.second), ("third", fitted.third)):
        each = ", ".join(
            f"{venue} {of.drawn:.3f} (own {of.own:.3f} ± {of.standard_error:.3f})" for venue, of in stage.venues.items()
        )
        print(
            f"  exponent of the {name:6} {stage.pooled:.3f} ± {stage.standard_error:.3f}, between venues "
            f"{stage.between:.3f}: {each}"
        )


def judge_pool(pool: str, test: Races, p: Floats, ways: dict[str, Placing]) -> None:
    """Print the log loss of the combination that won, and what its pool paid for it."""
    finishers, ordered = ORDER_POOLS[pool]
    rows = test.finish.rows[:, :finishers]
    kept, log_dividends = [], []
    for event, event_id in enumerate(test.sample.event_ids):
        numbers, dividend = test.dividends[pool].get(event_id, ([], 0.0))
        won = test.numbers[rows[event]].tolist() if (rows[event] != UNKNOWN).all() else None
        if won and numbers == (won if ordered else sorted(won)):
            kept.append(event)
            log_dividends.append(np.log(dividend))
    mask = np.isin(np.arange(test.sample.events), kept)
    part = test.take(mask)
    starts, first = part.sample.starts, part.finish.rows[:, :finishers]
    p = p[np.repeat(mask, test.sample.sizes)]
    losses = {}
    for way, placing in ways.items():
        log_p = (placing.in_order if ordered else placing.in_any_order)(p, starts, first, part.venues)
        losses[way] = -log_p
        against = losses["Harville"] - losses[way]
        shown = "" if way == "Harville" else gain(against, part.sample.days)
        print(f"  {pool:9} {way:9} log loss {losses[way].mean():.4f}{shown}")
    show_pool(pool, part, np.array(log_dividends), losses["by venue"])


def show_pool(pool: str, part: Races, log_dividends: Floats, fitted: Floats) -> None:
    """Print what the pool said of the winning combination, under the assumed takeout and without one."""
    losses = log_dividends - np.log1p(-TAKEOUT[pool])
    print(
        f"  {pool:9} the pool  log loss {losses.mean():.4f}{gain(fitted - losses, part.sample.days, 'by venue')}"
        f"\n{'':20} if it keeps {TAKEOUT[pool]:.1%}; even at {-np.expm1((log_dividends - fitted).mean()):.1%}; "
        f"{part.sample.events} races"
    )


def gain(differences: Floats, days: Integers, over: str = "Harville") -> str:
    found = clustered_interval(differences, days)
    return f", {found.estimate:+.4f} over {over} ({found.low:+.4f} to {found.high:+.4f})"


def show_places(test: Races, p: Floats, placing: Placing) -> None:
    """Print the log loss of each runner's coming among the first three."""
    known = (test.finish.rows != UNKNOWN).all(axis=1)
    part, p = test.take(known), p[np.repeat(known, test.sample.sizes)]
    placed = (part.positions <= 3).astype(np.float64)
    starts = part.sample.starts
    losses = []
    for way in (HARVILLE, placing):
        q = np.clip(way.place(p, starts, 3, part.venues), 1e-12, 1 - 1e-12)
        losses.append(np.add.reduceat(-np.where(placed == 1, np.log(q), np.log1p(-q)), starts[:-1]) / part.sample.sizes)
    print(
        f"  first three, a runner: Harville {losses[0].mean():.4f}, by venue {losses[1].mean():.4f}"
        f"{gain(losses[0] - losses[1], part.sample.days)}"
    )


def real_races(*, with_features: bool) -> Races:
    """Hong Kong from a new workspace."""
    with tempfile.TemporaryDirectory(prefix="morningline-exotics-") as folder:
        root = Workspace.create(Path(folder) / "hk").root
        with Program.at(root, {"MORNINGLINE_HOME": str(root)}) as program:
            acts.import_folder(program, "hk", DATA, lambda _doing, _done: None)
            task, now = domain_named("racing").task, datetime.now(UTC)
            with program.database.connect(read_only=True) as connection:
                events = task.events(connection, as_of=now, cutoff=FEATURES.cutoff) if with_features else None
                answers = task.answers(connection, as_of=now)
                finished = finishes(connection, as_of=now)
                dividends = {pool: paid(connection, pool, as_of=now) for pool in TAKEOUT}
    identity = answers.select("event_id", "entrant_id", "day")
    features = identity if events is None else compute(events, FEATURES.steps)
    source = Source(task=task.name, feature_version=FEATURES.version, delta_version=0, first=None, last=None, gate=None)
    names = FEATURES.names if events else ()
    return races_of(make_dataset(FeatureMatrix.of(features, names), answers, source), finished, dividends)


def races_of(dataset: Dataset, finished: pl.DataFrame, dividends: dict[str, pl.DataFrame]) -> Races:
    sample = dataset.sample
    events = np.array(sample.event_ids, dtype=object)[sample.group_of_rows()].tolist()
    identity = pl.DataFrame({"event_id": events, "entrant_id": dataset.entrants})
    rows = identity.join(finished, on=["event_id", "entrant_id"], how="left", maintain_order="left")
    return Races(
        sample,
        rows["position"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        rows["number"].fill_null(-1).cast(pl.Int64).to_numpy(),
        tuple(rows["venue"].gather(sample.starts[:-1].tolist())),
        {
            pool: {event: (numbers, dividend) for event, numbers, dividend in frame.iter_rows()}
            for pool, frame in dividends.items()
        },
    )


if __name__ == "__main__":
    os.environ.pop("MORNINGLINE_DATABASE_URL", None)
    main()
