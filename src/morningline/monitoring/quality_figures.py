"""The picture of a history of quality: a strip a table, a mark a day, and where a day was unlike those before."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from morningline.monitoring.charts import Scale, every_nth, fixed, label, line, marker, picture, polyline, tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from morningline.monitoring.quality_data import QualityData

STRIP, HEAD, FOOT = 74, 26, 30
GAP_DAYS = 10
"""A line is broken where there are no days for longer than this."""


def strips(data: QualityData, *, width: float) -> Markup | None:
    """Draw the score of each table day by day, from 0 at the foot of its strip to 1 at its head.

    Args:
        data: The history.
        width: Width in pixels.

    Returns:
        The picture; None where nothing could be judged.
    """
    tables = data.judged["table"].unique(maintain_order=True).to_list()
    if not tables:
        return None
    left = 34.0
    x = Scale(low=data.first.toordinal(), high=data.last.toordinal(), start=left, end=width - 8)
    height = HEAD + STRIP * len(tables) + FOOT - 24
    marks = list(_months(data.first, data.last, x, top=HEAD - 6, bottom=height - FOOT + 4))
    for place, name in enumerate(tables):
        top = HEAD + STRIP * place
        y = Scale(low=0, high=1, start=top + 44, end=top)
        marks += _strip(data, name, x, y)
    words = f"Daily scores of {len(tables)} tables from {data.first} to {data.last}. "
    words += f"{data.short.height} days of tables are under {data.threshold:g}, {data.anomalies.height} are anomalies."
    return picture(marks, key=f"quality-{width:g}", size=(width, height), title="Quality day by day", words=words)


def _strip(data: QualityData, name: str, x: Scale, y: Scale) -> Iterator[Markup]:
    rows = data.judged.filter(pl.col("table") == name).sort("day")
    yield label(name, x.start, y.end - 8, "strong")
    for value in (0.0, 1.0):
        yield line(x.start, y(value), x.end, y(value), "grid" if value else "axis")
        yield label(fixed(value), x.start - 6, y(value) + 4, "muted small", "end")
    yield line(x.start, y(data.threshold), x.end, y(data.threshold), "diagonal")
    for run in _runs(rows):
        yield polyline([(x(day.toordinal()), y(score)) for day, score in run], "score-line")
    for day, score, accepted in rows.select("day", "score", "accepted").iter_rows():
        if score < data.threshold:
            yield marker("circle", x(day.toordinal()), y(score), 4, "mark short" if accepted is None else "mark taken")
    for day in data.anomalies.filter(pl.col("table") == name)["day"].unique().sort():
        place = x(day.toordinal())
        yield marker("triangle", place, y.start - 6, 4.5, "mark odd")


def _runs(rows: pl.DataFrame) -> Iterator[list[tuple[date, float]]]:
    """The scores in runs of days that follow each other closely: nothing is drawn where nothing is known."""
    run: list[tuple[date, float]] = []
    for day, score in rows.select("day", "score").iter_rows():
        if run and day - run[-1][0] > timedelta(days=GAP_DAYS):
            yield run
            run = []
        run.append((day, score))
    yield run


def _months(first: date, last: date, x: Scale, *, top: float, bottom: float) -> Iterator[Markup]:
    """Lines at the beginnings of months, or of years where there are many, with as many names as there is room for."""
    months = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    shown = [day for day in months if first <= day <= last]
    if len(shown) > 36:
        shown = [day for day in shown if day.month == 1]
    words = [f"{day:%Y}" if day.month == 1 else f"{day:%b}" for day in shown]
    nth = every_nth(len(shown), (x.end - x.start) / max(len(shown), 1), 40)
    for index, (day, word) in enumerate(zip(shown, words, strict=True)):
        place = x(day.toordinal())
        yield tag("line", x1=place, y1=top, x2=place, y2=bottom, class_="grid")
        if index % nth == 0:
            yield label(word, place, bottom + 16, "muted", "middle" if place + 20 < x.end else "end")
