"""The picture of a tuning: the loss of each trial, the best so far, and the default that had to be beaten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from morningline.monitoring.charts import (
    Scale,
    Shape,
    every_nth,
    fixed,
    is_number,
    label,
    line,
    marker,
    nice_ticks,
    picture,
    polyline,
    spread,
    step_decimals,
    text_width,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from morningline.monitoring.learning_data import StudyData, TriedPoint

PLOT = 220.0
USUAL = 0.8
"""Share of the trials that the scale has room for; a few very bad ones would press all others flat."""


def study_history(study: StudyData, *, width: float) -> Markup | None:
    """Draw the loss of each trial in the order they were begun, with the best so far and the default.

    Args:
        study: What was tried.
        width: Width in pixels.

    Returns:
        The picture; None while no trial has a loss.
    """
    best = study.best
    if best is None or best.loss is None:
        return None
    ticks = nice_ticks(*_range(study), 5)
    digits = step_decimals(ticks)
    above = any(one.status == "succeeded" and is_number(one.loss) and one.loss > ticks[-1] for one in study.tried)
    legend, row = _legend(width, study.tried, above=above)
    y = Scale(low=ticks[0], high=ticks[-1], start=row + 52 + PLOT, end=row + 52)
    words = {best.loss: f"best {fixed(best.loss, digits + 1)}"}
    if is_number(study.default_loss):
        words[study.default_loss] = f"default {fixed(study.default_loss, digits + 1)}"
    room = max(text_width(each, 13) for each in words.values()) + 14
    left = 14 + text_width(fixed(ticks[-1], digits))
    last = max(one.number for one in study.tried)
    x = Scale(low=-0.5, high=last + 0.5, start=left, end=width - room)
    marks = [label("Loss over all folds, lower is better", 0, 14, "muted"), *legend]
    for tick in ticks:
        marks.append(line(left, y(tick), x.end, y(tick), "grid"))
        marks.append(label(fixed(tick, digits), left - 8, y(tick) + 4, "muted", "end"))
    marks += _trial_names(last, x, y.start)
    if is_number(study.default_loss):
        marks.append(line(left, y.clamped(study.default_loss), x.end, y.clamped(study.default_loss), "diagonal"))
    marks.append(polyline(_best_so_far(study.tried, x, y), "best-line c-best"))
    marks += [_mark(one, x, y) for one in study.tried]
    marks.append(marker("circle", x(best.number), y(best.loss), 6.5, "mark c-best"))
    places = spread([y.clamped(value) for value in words], gap=18, low=y.end, high=y.start)
    for (value, each), place in zip(words.items(), places, strict=True):
        marks.append(label(each, x.end + 8, place + 4, "strong c-best" if value == best.loss else "muted"))
    return picture(
        marks,
        key=f"study-{width:g}",
        size=(width, y.start + 46),
        title="Loss of each trial",
        words=_told(study, best),
    )


def _range(study: StudyData) -> tuple[float, float]:
    losses = sorted(one.loss for one in study.tried if one.status == "succeeded" and one.loss is not None)
    usual = losses[int(np.ceil(USUAL * len(losses))) - 1]
    return losses[0], max(usual, study.default_loss if is_number(study.default_loss) else usual)


def _best_so_far(tried: Sequence[TriedPoint], x: Scale, y: Scale) -> list[tuple[float, float]]:
    """A stair: it falls where a trial that was judged on all folds is better than those before it."""
    stairs: list[tuple[int, float]] = []
    for one in sorted(tried, key=lambda one: one.number):
        if one.status == "succeeded" and one.loss is not None and (not stairs or one.loss < stairs[-1][1]):
            stairs.append((one.number, one.loss))
    ends = [*(number for number, _ in stairs[1:]), max(one.number for one in tried)]
    points: list[tuple[float, float]] = []
    for (number, loss), end in zip(stairs, ends, strict=True):
        points += [(x(number), y.clamped(loss)), (x(end), y.clamped(loss))]
    return points


def _mark(one: TriedPoint, x: Scale, y: Scale) -> Markup:
    """A trial by its loss; on the rail above one that was not judged on all folds, whose loss does not compare."""
    if one.status != "succeeded" or one.loss is None:
        return marker("cross", x(one.number), y.end - 22, 4, "mark m-other")
    if one.loss > y.high:
        return marker("triangle", x(one.number), y.end, 4.5, "mark c-tried")
    return marker("circle", x(one.number), y(one.loss), 4, "mark c-tried")


def _legend(width: float, tried: Sequence[TriedPoint], *, above: bool) -> tuple[list[Markup], float]:
    """What the marks say, beside each other or below where there is little room, and where the last line stands."""
    entries: list[tuple[Shape, str, str]] = [("circle", "mark c-tried", "judged on all folds")]
    if any(one.status != "succeeded" for one in tried):
        entries.append(("cross", "mark m-other", "given up early, failed or going on"))
    if above:
        entries.append(("triangle", "mark c-tried", "above the scale"))
    marks: list[Markup] = []
    place, row = 6.0, 34.0
    for shape, class_, words in entries:
        needed = text_width(words, 12) + 34
        if place + needed > width:
            place, row = 6.0, row + 18
        marks += [marker(shape, place, row, 4.5, class_), label(words, place + 10, row + 4, "muted")]
        place += needed
    return marks, row


def _trial_names(last: int, x: Scale, bottom: float) -> Iterator[Markup]:
    yield line(x.start, bottom, x.end, bottom, "axis")
    nth = every_nth(last + 1, (x.end - x.start) / (last + 1), 34)
    # Round numbers are easier to count by.
    nth = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, nth) if step >= nth)
    for number in range(last + 1):
        if number % nth == 0:
            yield line(x(number), bottom, x(number), bottom + 5, "axis")
            yield label(fixed(number), x(number), bottom + 20, "muted", "middle")
    yield label("Trial \N{RIGHTWARDS ARROW}", x.end, bottom + 40, "muted", "end")


def _told(study: StudyData, best: TriedPoint) -> str:
    ended = sum(one.status == "pruned" for one in study.tried)
    default = f" The default has {fixed(study.default_loss, 4)}." if is_number(study.default_loss) else ""
    words = f"{len(study.tried)} trials, {ended} of them given up early. "
    return f"{words}Trial {best.number} has the least loss, {fixed(best.loss, 4)}.{default}"
