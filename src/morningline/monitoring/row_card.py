"""The card of a model of single rows: who it is, what it may be used for, and how well it does beside its baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.monitoring.card import OUTCOMES
from morningline.monitoring.charts import decimals_for, fixed, is_number, signed
from morningline.monitoring.coverage_figure import coverage
from morningline.monitoring.figures import reliability
from morningline.monitoring.learning import shown_curves, shown_study
from morningline.monitoring.pages import render_page
from morningline.monitoring.report import NARROW, TOP_FEATURES, WIDE, plural

if TYPE_CHECKING:
    from morningline.monitoring.row_card_data import RowCardData, SavedLoss

NAMES = {
    "model": "The model",
    "uncalibrated": "The model before its validation",
    "market_free": "The model",
    "base_rate": "Rate of the past",
    "past_quantiles": "Quantiles of the past",
    "last_value": "Last value",
    "mean": "Mean of the past",
}
HEADLINES = {
    "adopt": "The model beats the hardest of its baselines",
    "reject": "The model is worse than the hardest of its baselines",
    "not_decided": "No difference shown from the hardest of its baselines",
}


def render_row_card(data: RowCardData) -> str:
    """Write the card of a model of rows as one HTML page that needs nothing else: no script, no font, no host.

    Args:
        data: Everything the page shows.

    Returns:
        The page, a whole HTML document.
    """
    hardest = data.over[0]
    ranked = sorted(data.importance, key=lambda one: one.share if is_number(one.share) else -1.0, reverse=True)
    context = {
        "card": data,
        "headline": f"{HEADLINES[hardest.verdict]}, {label_of(hardest.name)}: {told(hardest, data.metric)}",
        "tone": {"adopt": "better", "reject": "worse"}.get(hardest.verdict, "open"),
        "role": ", ".join(data.aliases) or "none: it is one of the registered models",
        "entrants": plural(data.entrant_noun),
        "metrics": list(dict.fromkeys(line.metric for line in data.scores)),
        "score_rows": _score_rows(data),
        "over_rows": [(label_of(one.name), told(one, data.metric)) for one in data.over],
        "pictures": _pictures(data),
        "bins": [(label_of(name), some) for name, some in data.reliability.items()],
        "features": ranked[:TOP_FEATURES],
        "largest_share": max((one.share for one in ranked if is_number(one.share)), default=0.0),
        "rival_words": told(data.rival, data.metric) if data.rival else "",
        "study": shown_study(data.study) if data.study else None,
        "curves": shown_curves(data.curves, data.curves_left_out) if data.curves else None,
        "decision_rows": [
            (line, OUTCOMES[line.outcome], told(line.saved, data.metric) if line.saved else "")
            for line in data.decisions
        ],
    }
    return render_page("row_card.html.j2", context)


def label_of(name: str) -> str:
    """A name as a reader should see it."""
    return NAMES.get(name, name.replace("_", " ").capitalize())


def told(saved: SavedLoss, metric: str) -> str:
    """What a comparison says, in numbers."""
    decimals = decimals_for((saved.estimate, saved.low, saved.high, saved.mde))
    return (
        f"{metric.replace('_', ' ')} smaller by {signed(saved.estimate, decimals)} (95 % {signed(saved.low, decimals)} "
        f"to {signed(saved.high, decimals)}), smallest effect that could be seen {fixed(saved.mde, decimals)}: "
        f"{saved.verdict.replace('_', ' ')}"
    )


def _score_rows(data: RowCardData) -> list[tuple[str, list[tuple[str, str]]]]:
    cells = {(line.model, line.metric): line for line in data.scores}
    metrics = list(dict.fromkeys(line.metric for line in data.scores))
    rows = []
    for name in dict.fromkeys(line.model for line in data.scores):
        row = []
        for metric in metrics:
            line = cells.get((name, metric))
            known = line is not None and line.low is not None
            interval = f"{fixed(line.low, 4)} to {fixed(line.high, 4)}" if line is not None and known else ""
            row.append((fixed(line.estimate if line else None, 4), interval))
        rows.append((label_of(name), row))
    return rows


def _pictures(data: RowCardData) -> tuple[object, object]:
    """The picture of the kind, for a desk and for a phone."""
    if data.level is not None:
        wide, narrow = (coverage(data.months, data.level, width=width) for width in (WIDE, NARROW))
        return wide, narrow
    entrants = plural(data.entrant_noun)
    wide, narrow = (reliability(data.reliability, width=width, entrants=entrants) for width in (WIDE, NARROW))
    return wide, narrow
