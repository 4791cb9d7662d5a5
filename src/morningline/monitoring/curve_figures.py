"""The picture of a fit: its loss step by step, a panel a part, on what it learns from and on what it does not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.monitoring.charts import (
    Scale,
    fixed,
    label,
    line,
    marker,
    nice_ticks,
    picture,
    polyline,
    step_decimals,
    text_width,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from morningline.monitoring.learning_data import CurvePart

CURVES: Mapping[str, tuple[str, str]] = {
    "training_loss": ("c-training", "on what it learns from"),
    "validation_loss": ("c-validation", "on later days, which it does not see"),
}
OTHER = "c-other"
PLOT, HEAD, FOOT, GAP = 170.0, 34.0, 44.0, 36.0
LEGEND = 34.0
MOST_POINTS = 240
"""Points of a line on the page; more cannot be told apart."""


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """Where one part stands and how its numbers become pixels."""

    part: CurvePart
    x: Scale
    y: Scale
    ticks: Sequence[float]


def learning_curves(parts: Sequence[CurvePart], *, width: float) -> Markup | None:
    """Draw the loss of each part step by step, each in a panel with a scale of its own.

    Args:
        parts: The parts; one without any step is left out.
        width: Width in pixels; three panels stand side by side when there is room.

    Returns:
        The picture; None where nothing was recorded.
    """
    drawn = [part for part in parts if any(part.curves.values())]
    if not drawn:
        return None
    columns = min(3 if width > 600 else 1, len(drawn))
    panel_width = min((width - GAP * (columns - 1)) / columns, 420)
    row_height = HEAD + PLOT + FOOT
    legend = list(_legend(drawn, width))
    top = LEGEND if width > 600 else LEGEND + 18 * (len(_names(drawn)) - 1)
    marks = legend
    for index, part in enumerate(drawn):
        left = (index % columns) * (panel_width + GAP)
        marks += _drawn(_panel(part, left, top + (index // columns) * row_height, panel_width))
    rows = -(-len(drawn) // columns)
    return picture(
        marks,
        key=f"curves-{width:g}",
        size=(width, top + rows * row_height),
        title="How it learnt",
        words=f"Loss step by step of {len(drawn)} parts: {', '.join(part.name for part in drawn)}.",
    )


def _names(parts: Sequence[CurvePart]) -> list[str]:
    """The curves that there are, those that are known first."""
    there = dict.fromkeys(name for part in parts for name, curve in part.curves.items() if curve)
    return [*(name for name in CURVES if name in there), *(name for name in there if name not in CURVES)]


def _look(name: str) -> tuple[str, str]:
    return CURVES.get(name, (OTHER, name.replace("_", " ")))


def _legend(parts: Sequence[CurvePart], width: float) -> Iterator[Markup]:
    place, row = 0.0, 12.0
    for name in _names(parts):
        class_, words = _look(name)
        yield line(place, row - 4, place + 22, row - 4, f"curve {class_}")
        yield label(words, place + 30, row, "muted")
        if width > 600:
            place += text_width(words, 12) + 60
        else:
            row += 18


def _panel(part: CurvePart, left: float, top: float, width: float) -> _Panel:
    values = [value for curve in part.curves.values() for _, value in curve]
    steps = [step for curve in part.curves.values() for step, _ in curve]
    ticks = nice_ticks(min(values), max(values), 4)
    margin = 12 + max(text_width(fixed(tick, step_decimals(ticks))) for tick in (ticks[0], ticks[-1]))
    return _Panel(
        part=part,
        x=Scale(low=0, high=max(*steps, 1), start=left + margin, end=left + width - 8),
        y=Scale(low=ticks[0], high=ticks[-1], start=top + HEAD + PLOT, end=top + HEAD),
        ticks=ticks,
    )


def _drawn(panel: _Panel) -> Iterator[Markup]:
    x, y, digits = panel.x, panel.y, step_decimals(panel.ticks)
    yield label(panel.part.name, x.start, y.end - 14, "strong")
    for tick in panel.ticks:
        yield line(x.start, y(tick), x.end, y(tick), "grid")
        yield label(fixed(tick, digits), x.start - 8, y(tick) + 4, "muted", "end")
    yield line(x.start, y.start, x.end, y.start, "axis")
    for step in (0, int(x.high)):
        yield label(fixed(step), x(step), y.start + 18, "muted", "middle" if step == 0 else "end")
    for name in _names([panel.part]):
        curve = panel.part.curves[name]
        class_, _ = _look(name)
        yield polyline([(x(step), y(value)) for step, value in thinned(curve)], f"curve {class_}")
    yield from _least(panel, digits)


def _least(panel: _Panel, digits: int) -> Iterator[Markup]:
    """The step at which the loss on unseen days is least: where the fit is cut off."""
    curve = panel.part.curves.get("validation_loss")
    if not curve:
        return
    step, value = min(curve, key=lambda point: point[1])
    x, y = panel.x, panel.y
    words = f"least after {fixed(step)} steps: {fixed(value, digits + 2)}"
    half = text_width(words, 12) / 2
    centre = min(max(x(step), x.start + half), x.end - half)
    yield line(x(step), y(value), x(step), y.start, "diagonal")
    yield marker("circle", x(step), y(value), 4.5, "mark c-validation")
    yield label(words, centre, y.start + 34, "muted", "middle")


def thinned(curve: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """A curve with as many points as can be told apart, its ends among them."""
    if len(curve) <= MOST_POINTS:
        return curve
    every = -(-len(curve) // MOST_POINTS)
    return [*curve[:-1:every], curve[-1]]
