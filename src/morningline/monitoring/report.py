"""The model report: one HTML page that says whether the model beats the market, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.monitoring.charts import bar, decimals_for, fixed, is_number, percent, signed
from morningline.monitoring.figures import forest, model_class, reliability, season_losses
from morningline.monitoring.pages import render_page
from morningline.monitoring.report_data import MODEL_WORDS, DateRange, ModelScores, ReportData, in_order, model_label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from markupsafe import Markup

WIDE, NARROW = 1040, 380
"""Each picture is drawn twice, so that text has its true size on a desk and on a phone without a script."""

TOP_FEATURES = 20


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One score in the table of models."""

    text: str
    note: str
    best: bool


@dataclass(frozen=True, kw_only=True)
class Column:
    """One score: its field of `ModelScores`, its heading, and which end of it is good."""

    field: str
    heading: str
    hint: str
    lowest_is_best: bool
    write: Callable[[float | None], str]


COLUMNS = (
    Column(
        field="winner_log_loss",
        heading="Winner log loss",
        hint="lower is better",
        lowest_is_best=True,
        write=lambda value: fixed(value, 4),
    ),
    Column(
        field="r2",
        heading="R²",
        hint="higher is better",
        lowest_is_best=False,
        write=lambda value: fixed(value, 4),
    ),
    Column(
        field="brier",
        heading="Brier",
        hint="lower is better",
        lowest_is_best=True,
        write=lambda value: fixed(value, 5),
    ),
    Column(
        field="top1",
        heading="Favourite won",
        hint="higher is better",
        lowest_is_best=False,
        write=percent,
    ),
    Column(
        field="ece",
        heading="ECE",
        hint="lower is better",
        lowest_is_best=True,
        write=lambda value: fixed(value, 4),
    ),
)


def render_report(data: ReportData) -> str:
    """Write a report as one HTML page that needs nothing else: no script, no font, no host.

    Args:
        data: Everything the page shows.

    Returns:
        The page, a whole HTML document.
    """
    return render_page("report.html.j2", context_of(data))


def headline(data: ReportData) -> str:
    """Say the verdict in one sentence with its numbers.

    The interval decides the words, the verdict may only weaken them: nothing is called an edge that was not
    adopted, and an interval that holds zero is never called a difference.

    Args:
        data: The report.

    Returns:
        The sentence.
    """
    delta = data.delta_r2
    decimals = _delta_decimals(data)
    low, high = signed(delta.low, decimals), signed(delta.high, decimals)
    numbers = f"ΔR² {signed(delta.estimate, decimals)} (95 % {low} to {high})"
    over = f"over {count(data.events, data.event_noun)}"
    if delta.verdict == "adopt":
        return f"The model adds to the market: {numbers} {over}."
    if delta.high < 0 and delta.verdict == "reject":
        return f"The model is worse than the market: {numbers} {over}."
    if delta.low > 0 or delta.high < 0:
        side = "Better" if delta.low > 0 else "Worse"
        answer = "the rule for adoption was not met" if delta.verdict == "reject" else "not decided yet"
        return f"{side} than the market on these {plural(data.event_noun)}, but {answer}: {numbers}."
    start = "No edge shown over the market" + (", model rejected" if delta.verdict == "reject" else "")
    if not is_number(delta.mde):
        return f"{start}: {numbers} {over}."
    least = fixed(delta.mde, decimals)
    return f"{start}: {numbers}; a true effect of {least} would be seen four times out of five."


def plural(noun: str) -> str:
    """Plural of a regular English noun, such as race, match or entry."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def count(number: int, noun: str) -> str:
    """A number with its noun, such as "1 race" or "1,204 races"."""
    return f"{fixed(number)} {noun if number == 1 else plural(noun)}"


def context_of(data: ReportData) -> dict[str, object]:
    """What the template of a report is given."""
    events = count(data.events, data.event_noun)
    entrants = plural(data.entrant_noun)
    delta = data.delta_r2
    ranked = sorted(data.importance, key=lambda one: one.share if is_number(one.share) else -1.0, reverse=True)
    shown = ranked[:TOP_FEATURES]
    return {
        "data": data,
        "headline": headline(data),
        "tone": "better" if delta.verdict == "adopt" else "worse" if delta.high < 0 else "open",
        "events": events,
        "entrant_count": count(data.entrants, data.entrant_noun),
        "event_plural": plural(data.event_noun),
        "entrant_plural": entrants,
        "unseen": data.periods.test.first_day > _last_fitted_day(data),
        "columns": COLUMNS,
        "models": _model_rows(data),
        "forest": _twice(lambda width: forest(delta, width=width, events=events)),
        "reliability": _twice(lambda width: reliability(data.reliability, width=width, entrants=entrants)),
        "bins": [(model_label(name), data.reliability[name]) for name in in_order(list(data.reliability))],
        "seasons": _twice(lambda width: season_losses(data.seasons, width=width, event=data.event_noun)),
        "season_words": _season_words(data),
        "season_models": (used := _season_models(data)),
        "season_rows": [
            (one.label, one.events, [_interval(one.losses.get(name, (None,) * 3)) for name in used])
            for one in data.seasons
        ],
        "model_label": model_label,
        "features": shown,
        "largest_share": max((one.share for one in shown if is_number(one.share)), default=0.0),
        "other_features": len(ranked) - len(shown),
        "other_share": sum(one.share for one in ranked[TOP_FEATURES:] if is_number(one.share)),
        "periods": _period_rows(data),
        "excluded": sorted(data.excluded.items(), key=lambda pair: (-pair[1], pair[0])),
        "most_excluded": max(data.excluded.values(), default=0),
        "mde": fixed(delta.mde, _delta_decimals(data)),
    }


def _twice(draw: Callable[[float], Markup | None]) -> tuple[Markup | None, Markup | None]:
    return draw(WIDE), draw(NARROW)


def _delta_decimals(data: ReportData) -> int:
    delta = data.delta_r2
    return decimals_for((delta.estimate, delta.low, delta.high, delta.mde))


def _interval(numbers: Sequence[float | None]) -> tuple[str, str]:
    value, low, high = numbers
    known = is_number(low) and is_number(high)
    return fixed(value, 4), f"{fixed(low, 4)} to {fixed(high, 4)}" if known else ""


def _model_rows(data: ReportData) -> list[dict[str, object]]:
    best = {}
    for column in COLUMNS:
        known = [value for scores in data.models.values() if is_number(value := getattr(scores, column.field))]
        best[column.field] = (min if column.lowest_is_best else max)(known, default=None)
    rows: list[dict[str, object]] = []
    for name in in_order(list(data.models)):
        scores = data.models[name]
        notes = _notes(scores)
        cells = [
            Cell(
                text=column.write(value := getattr(scores, column.field)),
                note=notes.get(column.field, ""),
                # A lead that the digits do not show is no lead: all that read the same are marked.
                best=is_number(value) and column.write(value) == column.write(best[column.field]),
            )
            for column in COLUMNS
        ]
        words = MODEL_WORDS.get(name, ("", ""))[1].replace("{entrant}", data.entrant_noun)
        rows.append(
            {
                "name": name,
                "label": model_label(name),
                "words": words,
                "cells": cells,
                "css": model_class(name),
            }
        )
    return rows


def _notes(scores: ModelScores) -> dict[str, str]:
    """What stands under a score, by its field."""
    loss = _interval((scores.winner_log_loss, scores.log_loss_low, scores.log_loss_high))[1]
    by_chance = _interval((scores.ece_chance, scores.ece_chance_low, scores.ece_chance_high))[1]
    return {"winner_log_loss": loss, "ece": f"by chance {by_chance}" if by_chance else ""}


def _season_models(data: ReportData) -> list[str]:
    return in_order(list({name for season in data.seasons for name in season.losses}))


def _season_words(data: ReportData) -> str:
    pairs = [
        (combined, market)
        for season in data.seasons
        if season.unseen
        and is_number(combined := season.losses.get("combined", (None,))[0])
        and is_number(market := season.losses.get("market", (None,))[0])
    ]
    if not pairs:
        return ""
    won = sum(combined < market for combined, market in pairs)
    words = f"had a lower loss than the market in {won} of {len(pairs)} unseen seasons"
    if len(pairs) == 1:
        words = f"{'had' if won else 'did not have'} a lower loss than the market in the one unseen season"
    return f"{model_label('combined')} {words}, on the same {plural(data.event_noun)}."


def _last_fitted_day(data: ReportData) -> date:
    periods = data.periods
    fitted = [periods.train, *([periods.validation] if periods.validation else [])]
    return max(one.last_day for one in fitted)


def _period_rows(data: ReportData) -> list[tuple[str, DateRange, Markup]]:
    periods = data.periods
    named = [("Training", periods.train), ("Validation", periods.validation), ("Test", periods.test)]
    known = [(words, one) for words, one in named if one is not None]
    first = min(one.first_day for _, one in known)
    length = (max(one.last_day for _, one in known) - first).days + 1
    return [
        (
            words,
            one,
            bar(
                (one.first_day - first).days / length,
                ((one.last_day - first).days + 1) / length,
                "fill m-combined" if words == "Test" else "fill",
            ),
        )
        for words, one in known
    ]
