"""What changes after the fact: late corrections of results, and disqualifications a week later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morningline.domains.racing.simulator.chance import Floats, Ints, uniform
from morningline.domains.racing.simulator.week import DISQUALIFIED, Week

_RATE, _DAY_MINUTES = 0.008, 1440


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result as the judge sees it at some time; one entry a runner of a week.

    Args:
        outcome: As in `Week`.
        margin: As in `Week`.
        behind: As in `Week`.
    """

    outcome: Ints
    margin: Floats
    behind: Floats


def corrected_at(seed: int, week: Week) -> tuple[Ints, Ints]:
    """Tell which results are corrected, how and when.

    Returns:
        For each race of the week what changes (0 nothing, 1 a disqualification of the winner, 2 a margin,
        3 the second and the third change places), and how many minutes after midnight of its day.
    """
    day, number = week.fields.day, week.fields.number
    u = uniform(seed, "corrected", day, number)
    share = u / _RATE
    what = np.where(u >= _RATE, 0, np.where(share < 0.35, 1, np.where(share < 0.7, 2, 3)))
    # Two in five changes follow after a day, the others up to nine days later; stewards take a week.
    later = 1 + (9 * uniform(seed, "corrects", day, number) ** 2).astype(np.int64)
    days = np.where(what == 1, 7, later)
    return what, np.where(what > 0, days * _DAY_MINUTES + 600, 0)


def _disqualify(outcome: Ints, margin: Floats, behind: Floats) -> None:
    winner = int(np.flatnonzero(outcome == 1)[0])
    others = (outcome > 0) & (np.arange(len(outcome)) != winner)
    if not others.any():
        return
    outcome[winner] = DISQUALIFIED
    if not (outcome == 1).any():
        outcome[others] -= 1
    lead = behind[others].min()
    behind[others] -= lead
    margin[others & (behind == 0.0)] = 0.0


def _stretch(outcome: Ints, margin: Floats, behind: Floats) -> None:
    beaten = outcome == 2
    if beaten.sum() == 1:
        margin[beaten] += 0.5 if margin[beaten][0] >= 0.5 else 0.1
        added = 0.5 if margin[beaten][0] >= 1.0 else 0.1
        behind[outcome >= 2] += added


def _swap(outcome: Ints, margin: Floats, behind: Floats) -> None:
    second, third = np.flatnonzero(outcome == 2), np.flatnonzero(outcome == 3)
    if len(second) == len(third) == 1:
        for column in (outcome, margin, behind):
            column[[second[0], third[0]]] = column[[third[0], second[0]]]


_CHANGES = {1: _disqualify, 2: _stretch, 3: _swap}


def judged(seed: int, week: Week, race_minutes: Ints) -> Verdict:
    """Give the results as they stand at some time.

    Args:
        seed: The world.
        week: The week.
        race_minutes: For each race the minutes from midnight of its day to the time of asking.
    """
    what, at = corrected_at(seed, week)
    due = np.flatnonzero((what > 0) & (race_minutes >= at))
    verdict = Verdict(outcome=week.outcome, margin=week.margin, behind=week.behind)
    if len(due):
        verdict = Verdict(outcome=week.outcome.copy(), margin=week.margin.copy(), behind=week.behind.copy())
    for race in due.tolist():
        rows = slice(*week.fields.first[race : race + 2].tolist())
        if (verdict.outcome[rows] == 1).any():
            _CHANGES[int(what[race])](verdict.outcome[rows], verdict.margin[rows], verdict.behind[rows])
    return verdict
