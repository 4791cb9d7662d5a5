"""The three pictures of a model report: the verdict as an interval, calibration, loss by season."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.monitoring.charts import (
    Scale,
    Shape,
    decimals_for,
    every_nth,
    fixed,
    is_number,
    label,
    line,
    marker,
    nice_ticks,
    percent,
    picture,
    polyline,
    signed,
    spread,
    step_decimals,
    tag,
    text_width,
)
from morningline.monitoring.report_data import (
    MODEL_WORDS,
    DeltaR2,
    ReliabilityBin,
    SeasonScores,
    in_order,
    model_label,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

SHAPES: Mapping[str, Shape] = {
    "market": "square",
    "market_free": "triangle",
    "market_power": "diamond",
    "combined": "circle",
}
DRAWN = ("market", "combined", "market_free")
"""Models that are drawn; the others are in the tables, where they do not hide these."""

PROBABILITY_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def model_class(name: str) -> str:
    """CSS class that colours a model's marks."""
    return f"m-{name.replace('_', '-')}" if name in MODEL_WORDS else "m-other"


def forest(delta: DeltaR2, *, width: float, events: str, who: str = "", than: str = "the market") -> Markup:
    """Draw the ΔR² interval against zero, with the band of effects too small to be seen.

    Args:
        delta: The comparison.
        width: Width in pixels.
        events: Number of events with their noun, such as "1,204 races".
        who: Who is compared; model and market together if not given.
        than: What with.

    Returns:
        The picture.
    """
    mde = delta.mde if is_number(delta.mde) else None
    decimals = decimals_for((delta.estimate, delta.low, delta.high, mde))
    edge = (delta.low, delta.high, delta.estimate, 0.0, *((-mde, mde) if mde is not None else ()))
    ticks = nice_ticks(min(edge), max(edge), 8 if width > 600 else 4)
    digits = step_decimals(ticks)
    widest = max(text_width(signed(tick, digits)) for tick in (ticks[0], ticks[-1]))
    margin = max(30, widest / 2 + 2)
    x = Scale(low=ticks[0], high=ticks[-1], start=margin, end=width - margin)
    height = 190 if mde is not None else 146
    marks: list[Markup] = []
    if mde is not None:
        marks += _mde_band(x, mde, f"\N{PLUS-MINUS SIGN}{fixed(mde, decimals)}", events, width)
    marks += [
        label(f"\N{LEFTWARDS ARROW} worse than {than}", 2, 14, "muted"),
        label(f"better than {than} \N{RIGHTWARDS ARROW}", width - 2, 14, "muted", "end"),
        line(x(0), 24, x(0), 122, "zero"),
        line(x.start, 122, x.end, 122, "axis"),
    ]
    zero = min(range(len(ticks)), key=lambda index: abs(ticks[index]))
    nth = every_nth(len(ticks), (x.end - x.start) / (len(ticks) - 1), widest + 10)
    for index, tick in enumerate(ticks):
        marks.append(line(x(tick), 122, x(tick), 127, "axis"))
        if (index - zero) % nth == 0:
            words = "0" if index == zero else signed(tick, digits)
            marks.append(label(words, x(tick), 141, "strong" if index == zero else "muted", "middle"))
    halo = "halo on-band" if mde is not None and abs(delta.estimate) < mde else "halo"
    words = f"ΔR² {signed(delta.estimate, decimals)}"
    interval = f"95 % interval {signed(delta.low, decimals)} to {signed(delta.high, decimals)}"
    marks += [
        line(x(delta.low), 72, x(delta.high), 72, "interval m-combined"),
        *(line(x(end), 66, x(end), 78, "interval m-combined") for end in (delta.low, delta.high)),
        marker("circle", x(delta.estimate), 72, 6, "mark m-combined"),
        label(words, _inside(x(delta.estimate), words, 16, width), 52, f"{halo} big m-combined", "middle"),
        label(interval, _inside(x(delta.estimate), interval, 13, width), 102, halo, "middle"),
    ]
    title = f"{who or model_label('combined')} against {than}"
    about = f"{words}, {interval}, over {events}. Zero means no better than {than}."
    if mde is not None:
        about += f" A true effect of {fixed(mde, decimals)} would be seen four times out of five."
    key = f"{'rivalry' if who else 'forest'}-{width:g}"
    return picture(marks, key=key, size=(width, height), title=title, words=about)


def _mde_band(x: Scale, mde: float, size: str, events: str, width: float) -> list[Markup]:
    left, right = x(-mde), x(mde)
    words = f"Shaded: effects below {size} would often be missed with {events}"
    if text_width(words, 12) > width - 8:
        words = f"Shaded: below {size}, often missed here"
    return [
        tag("rect", x=left, y=24, width=right - left, height=98, class_="band"),
        polyline(((left, 148), (left, 153), (right, 153), (right, 148)), "bracket"),
        line(x(0), 153, x(0), 159, "bracket"),
        label(words, _inside(x(0), words, 12, width), 172, "muted", "middle"),
    ]


def _inside(centre: float, words: str, size: float, width: float) -> float:
    """Move the centre of a line of text so that all of it stays in the picture."""
    half = min(text_width(words, size) / 2 + 2, width / 2)
    return min(max(centre, half), width - half)


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """Where one reliability diagram stands and how its numbers become pixels."""

    left: float
    top: float
    x: Scale
    y: Scale


def reliability(bins: Mapping[str, Sequence[ReliabilityBin]], *, width: float, entrants: str) -> Markup | None:
    """Draw predicted against observed chances, one panel a model, the market behind each.

    Args:
        bins: Model name to its bins.
        width: Width in pixels; three panels stand side by side when there is room.
        entrants: Plural noun of what the probabilities are for.

    Returns:
        The picture; None when there is no bin to draw.
    """
    points = {name: drawable for name in DRAWN if (drawable := _drawable(bins.get(name, ())))}
    if not points:
        return None
    top = max(max(one.mean_predicted or 0, one.observed or 0) for some in points.values() for one in some)
    top = min(1.0, max(top * 1.12, 0.02))
    columns = 3 if width > 600 else 1
    gap = 34.0
    panel_width = (width - gap * (columns - 1)) / columns
    plot = min(panel_width - 42, 292)
    panel_height = plot + 126 + (0 if columns > 1 else 22)
    most = max(one.rows for some in points.values() for one in some)
    marks: list[Markup] = []
    for index, name in enumerate(points):
        left = (index % columns) * (panel_width + gap) + 38
        y0 = (index // columns) * panel_height
        panel = _Panel(
            left=left,
            top=y0 + 44,
            x=Scale(low=0, high=top, start=left, end=left + panel_width - 42, root=True),
            y=Scale(low=0, high=top, start=y0 + 44 + plot, end=y0 + 44, root=True),
        )
        marks += [
            marker(SHAPES[name], left - 31, y0 + 11, 5.5, f"mark {model_class(name)}"),
            label(model_label(name), left - 20, y0 + 16, f"strong {model_class(name)}"),
            *_probability_axes(panel),
            *_ghost(panel, points["market"] if name != "market" and "market" in points else []),
            *_points(panel, name, points[name]),
            *_bin_sizes(panel, points[name], most, entrants),
        ]
    words = (
        f"Predicted chance against observed share for {', '.join(map(model_label, points))}. "
        "Points on the diagonal came true as often as was said. Every number is in the table below."
    )
    return picture(
        marks,
        key=f"reliability-{width:g}",
        size=(width, panel_height * (1 if columns > 1 else len(points))),
        title="Do the stated chances come true?",
        words=words,
    )


def _drawable(bins: Sequence[ReliabilityBin]) -> list[ReliabilityBin]:
    some = [one for one in bins if is_number(one.mean_predicted) and is_number(one.observed)]
    return sorted(some, key=lambda one: one.mean_predicted or 0)


def _probability_axes(panel: _Panel) -> list[Markup]:
    x, y = panel.x, panel.y
    marks = [label("Came true", panel.left - 38, panel.top - 9, "muted")]
    last = before = float("-inf")
    for tick in PROBABILITY_TICKS:
        # A tick that would touch its neighbour is left out; 32 pixels hold "10 %".
        if tick > x.high or abs(y(tick) - y.start) - last < 20 or x(tick) - before < 32:
            continue
        last, before = abs(y(tick) - y.start), x(tick)
        words = percent(tick, 0)
        marks += [
            line(x.start, y(tick), x.end, y(tick), "grid"),
            line(x(tick), y.start, x(tick), y.end, "grid"),
            label(words, x.start - 6, y(tick) + 4, "muted", "end"),
            label(words, x(tick), y.start + 16, "muted", "middle"),
        ]
    return [
        *marks,
        line(x.start, y.start, x.end, y.end, "diagonal"),
        line(x.start, y.start, x.end, y.start, "axis"),
        label("Predicted \N{RIGHTWARDS ARROW}", x.end, y.start + 32, "muted", "end"),
    ]


def _ghost(panel: _Panel, market: Sequence[ReliabilityBin]) -> list[Markup]:
    if not market:
        return []
    places = [(panel.x(one.mean_predicted or 0), panel.y(one.observed or 0)) for one in market]
    words, right, middle = model_label("market"), panel.x.end, panel.top - 28
    start = right - text_width(words, 12)
    return [
        polyline(places, "ghost"),
        line(start - 26, middle - 4, start - 6, middle - 4, "ghost"),
        label(words, right, middle, "muted", "end"),
    ]


def _points(panel: _Panel, name: str, bins: Sequence[ReliabilityBin]) -> list[Markup]:
    colour = model_class(name)
    marks = []
    for one in bins:
        x, y = panel.x(one.mean_predicted or 0), panel.y(one.observed or 0)
        if is_number(one.low) and is_number(one.high):
            marks.append(line(x, panel.y.clamped(one.low), x, panel.y.clamped(one.high), f"whisker {colour}"))
        marks.append(marker(SHAPES[name], x, y, 4.5, f"mark {colour}"))
    return marks


def _bin_sizes(panel: _Panel, bins: Sequence[ReliabilityBin], most: int, entrants: str) -> list[Markup]:
    floor = panel.y.start + 66
    marks = [line(panel.x.start, floor, panel.x.end, floor, "axis")]
    for one in bins:
        x = panel.x(one.mean_predicted or 0)
        marks.append(line(x, floor, x, floor - 26 * one.rows / max(most, 1), "count"))
    largest = max(one.rows for one in bins)
    words = f"{entrants} per point, at most {fixed(largest)}"
    return [*marks, label(words, panel.x.start, floor + 14, "muted small")]


def season_losses(seasons: Sequence[SeasonScores], *, width: float, event: str) -> Markup | None:
    """Draw the winner log loss of each model season by season, each with its interval.

    Args:
        seasons: Scores by season, oldest first.
        width: Width in pixels; few seasons take less of it.
        event: Singular noun of an event.

    Returns:
        The picture; None when there is nothing to draw.
    """
    names = [name for name in DRAWN if any(is_number(_loss(one, name)[0]) for one in seasons)]
    if not names:
        return None
    wide = width > 600
    numbers = [n for one in seasons for name in names for n in _loss(one, name) if is_number(n)]
    ticks = nice_ticks(min(numbers), max(numbers), 5)
    top, bottom = (40.0, 300.0) if wide else (72.0, 300.0)
    y = Scale(low=ticks[0], high=ticks[-1], start=bottom, end=top)
    left = 14 + text_width(fixed(ticks[-1], step_decimals(ticks)))
    room = max(text_width(model_label(name), 13) for name in names) + 34 if wide else 18
    step = min((width - left - room) / len(seasons), 150)
    end = left + step * len(seasons)
    marks = [label(f"Winner log loss per {event}, lower is better", 0, 14, "muted")]
    for tick in ticks:
        marks.append(line(left, y(tick), end, y(tick), "grid"))
        marks.append(label(fixed(tick, step_decimals(ticks)), left - 8, y(tick) + 4, "muted", "end"))
    centres = [left + step * (index + 0.5) for index in range(len(seasons))]
    marks += _season_names(seasons, centres, step, bottom, width)
    dodge = min(step / (len(names) + 1.5), 16)
    for rank, name in enumerate(names):
        marks += _season_series(seasons, name, [x + dodge * (rank - (len(names) - 1) / 2) for x in centres], y)
    marks += _labels_at_end(seasons, names, y, end) if wide else _labels_on_top(names)
    words = f"Winner log loss of {', '.join(map(model_label, names))} in {len(seasons)} seasons, with intervals."
    return picture(
        marks,
        key=f"seasons-{width:g}",
        size=(width, bottom + 42),
        title="Winner log loss season by season",
        words=f"{words} Every number is in the table below.",
    )


def _loss(season: SeasonScores, name: str) -> tuple[float | None, float | None, float | None]:
    return season.losses.get(name, (None, None, None))


def _season_names(
    seasons: Sequence[SeasonScores], centres: Sequence[float], step: float, bottom: float, width: float
) -> list[Markup]:
    longest = max(text_width(one.label) for one in seasons) + 10
    nth = every_nth(len(seasons), step, longest)
    counts = max(text_width(f"n={fixed(one.events)}", 11) for one in seasons) + 10 <= step * nth
    marks = []
    for index, (one, x) in enumerate(zip(seasons, centres, strict=True)):
        # Counted from the last season, so that the newest always has its name.
        if (len(seasons) - 1 - index) % nth == 0:
            marks.append(label(one.label, _inside(x, one.label, 13, width), bottom + 20, "", "middle"))
            if counts:
                marks.append(label(f"n={fixed(one.events)}", x, bottom + 36, "muted small", "middle"))
    return marks


def _season_series(seasons: Sequence[SeasonScores], name: str, places: Sequence[float], y: Scale) -> list[Markup]:
    colour = model_class(name)
    whiskers, points, lines = [], [], []
    run: list[tuple[float, float]] = []
    for one, x in zip(seasons, places, strict=True):
        value, low, high = _loss(one, name)
        if not is_number(value):
            # A season without a score breaks the line: nothing is drawn where nothing is known.
            lines.append(polyline(run, f"thread {colour}"))
            run = []
            continue
        run.append((x, y(value)))
        points.append(marker(SHAPES[name], x, y(value), 4.5, f"mark {colour}"))
        if is_number(low) and is_number(high):
            whiskers.append(line(x, y(low), x, y(high), f"whisker {colour}"))
    lines.append(polyline(run, f"thread {colour}"))
    return [*lines, *whiskers, *points]


def _labels_at_end(seasons: Sequence[SeasonScores], names: Sequence[str], y: Scale, end: float) -> list[Markup]:
    wanted = []
    for name in names:
        known = [value for one in seasons if is_number(value := _loss(one, name)[0])]
        wanted.append(y(known[-1]))
    marks = []
    for name, place in zip(names, spread(wanted, gap=19, low=y.end, high=y.start), strict=True):
        marks.append(marker(SHAPES[name], end + 12, place, 4.5, f"mark {model_class(name)}"))
        marks.append(label(model_label(name), end + 22, place + 4, f"strong {model_class(name)}"))
    return marks


def _labels_on_top(names: Sequence[str]) -> list[Markup]:
    marks = []
    x = 7.0
    for name in in_order(list(names)):
        marks.append(marker(SHAPES[name], x, 40, 4.5, f"mark {model_class(name)}"))
        marks.append(label(model_label(name), x + 10, 44, f"strong {model_class(name)}"))
        x += text_width(model_label(name), 13) + 34
    return marks
