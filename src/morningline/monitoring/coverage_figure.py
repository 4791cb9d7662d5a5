"""The picture of an interval over time: how often it held, month by month, beside how often it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.monitoring.charts import (
    Scale,
    every_nth,
    label,
    line,
    marker,
    nice_ticks,
    percent,
    picture,
    polyline,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from morningline.monitoring.row_card_data import MonthCoverage

TOP, BOTTOM, LEFT = 34.0, 250.0, 52.0


def coverage(months: Sequence[MonthCoverage], level: float, *, width: float) -> Markup | None:
    """Draw how often an interval held in each month.

    Args:
        months: Oldest first.
        level: How often it should hold.
        width: Width in pixels.

    Returns:
        The picture; None when there is no month.
    """
    if not months:
        return None
    ticks = nice_ticks(min(level, *(one.coverage for one in months)), 1.0, 5)
    # More than always is nothing that can be.
    shown = [tick for tick in ticks if tick <= 1.0]
    y = Scale(low=shown[0], high=1.0, start=BOTTOM, end=TOP)
    step = min((width - LEFT - 10) / len(months), 90.0)
    end = LEFT + step * len(months)
    places = [LEFT + step * (index + 0.5) for index in range(len(months))]
    marks = [label("Share of rows whose interval held", 0, 14, "muted")]
    for tick in shown:
        marks.append(line(LEFT, y(tick), end, y(tick), "grid"))
        marks.append(label(percent(tick, 0), LEFT - 8, y(tick) + 4, "muted", "end"))
    marks.append(line(LEFT, y(level), end, y(level), "diagonal"))
    marks.append(polyline(((x, y(one.coverage)) for one, x in zip(months, places, strict=True)), "thread m-combined"))
    marks += [
        marker("circle", x, y(one.coverage), 4.5, "mark m-combined") for one, x in zip(months, places, strict=True)
    ]
    nth = every_nth(len(months), step, 58)
    marks += [
        label(f"{one.month:%Y-%m}", x, BOTTOM + 20, "muted", "middle")
        for index, (one, x) in enumerate(zip(months, places, strict=True))
        if index % nth == 0
    ]
    return picture(
        marks,
        key=f"coverage-{width:g}",
        size=(width, BOTTOM + 34),
        title="Does the interval hold?",
        words=f"Share of rows whose interval held in {len(months)} months, where {percent(level, 0)} should. "
        "Every number is in the table below.",
    )
