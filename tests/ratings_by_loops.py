"""Ratings by replay, event by event: what the rating steps of the engine are held against, with none of its code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from openskill.models import PlackettLuce as OpenSkill

from features_by_loops import ONE_DAY, Past, Row, agree, finite, order
from morningline.features.rating import Elo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True)
class Rated:
    """A rating and its spread after a contest."""

    mean: float
    spread: float
    at: datetime


def ratings_by_loops(past: Past, step) -> list[tuple[datetime, Any, Rated]]:
    """Who is rated how after each contest, event by event; None stands for nobody."""
    first: dict[tuple[str, str], Row] = {}
    for row in past.rows:
        first.setdefault((row["event_id"], row["entrant_id"]), row)
    ratings: dict[Any, Rated] = {}
    found = []
    contests = groupby(sorted(first.values(), key=order), key=lambda row: (row["usable_at"], row["event_id"]))
    for (at, _), rows in contests:
        results = list(best_results(step, list(rows)).items())
        if len(results) > 1:
            brought = [aged(step.system, ratings.get(who), at) for who, _ in results]
            rated = contest(step.system, brought, [result for _, result in results])
            for (who, _), (mean, spread) in zip(results, rated, strict=True):
                if not isinstance(who, str):
                    ratings[who] = Rated(mean, spread, at)
                    found.append((at, who, ratings[who]))
    return found


def best_results(step, rows: list[Row]) -> dict[Any, float]:
    """The best result of each entity; each one that nobody knows stands for itself."""
    results: dict[Any, float] = {}
    for row in rows:
        result = finite(row[step.result])
        if result is not None:
            known = agree(row, row, step.key)
            who = tuple(row[name] for name in step.key) if known else f"unknown {row['entrant_id']}"
            results[who] = min(results.get(who, math.inf), result)
    return results


def aged(system, rated: Rated | None, at) -> tuple[float, float]:
    """Rating and spread after an absence; those of a beginner where there was none."""
    elo = isinstance(system, Elo)
    if rated is None:
        return (system.start, 0.0) if elo else (system.mean, system.spread)
    days = (at - rated.at) / ONE_DAY
    if elo:
        fade = 1.0 if system.half_life_days is None else 0.5 ** (days / system.half_life_days)
        return system.start + (rated.mean - system.start) * fade, 0.0
    return rated.mean, min(math.sqrt(rated.spread**2 + system.growth_a_day**2 * days), system.spread)


def contest(system, brought: Sequence[tuple[float, float]], results: Sequence[float]) -> list[tuple[float, float]]:
    """Ratings and spreads after a contest."""
    if not isinstance(system, Elo):
        model = OpenSkill(mu=system.mean, sigma=system.spread, beta=system.beta, tau=0.0)
        teams = [[model.rating(mu=mean, sigma=spread)] for mean, spread in brought]
        # The library takes the whole part of a rank.
        ranks = [sorted(set(results)).index(result) for result in results]
        return [(team[0].mu, team[0].sigma) for team in model.rate(teams, ranks=ranks)]
    found = []
    for own, (mean, _) in enumerate(brought):
        beyond = 0.0
        for other, (theirs, _) in enumerate(brought):
            if other != own:
                won = 1.0 if results[own] < results[other] else 0.5 if results[own] == results[other] else 0.0
                beyond += won - 1 / (1 + 10 ** ((theirs - mean) / system.scale))
        found.append((mean + system.k * beyond / (len(brought) - 1), 0.0))
    return found


def rating_by_loops(step, contests: list[tuple[datetime, Any, Rated]], entrant: Row) -> float | None:
    """An entrant's rating at its cut-off, aged since the last contest."""
    who, cutoff = tuple(entrant[name] for name in step.key), entrant["cutoff"]
    mine = [rated for at, whose, rated in contests if whose == who and at <= cutoff]
    if None in who or not mine:
        return None
    mean, spread = aged(step.system, mine[-1], cutoff)
    return mean if step.part == "mean" else spread
