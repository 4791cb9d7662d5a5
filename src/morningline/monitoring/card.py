"""The model card: who a model is and what it may be used for, above everything its report shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.monitoring.charts import fixed
from morningline.monitoring.figures import forest
from morningline.monitoring.learning import shown_curves, shown_study
from morningline.monitoring.pages import render_page
from morningline.monitoring.report import NARROW, WIDE, context_of, count
from morningline.monitoring.report_data import in_order
from morningline.monitoring.verdicts import interval_words

if TYPE_CHECKING:
    from morningline.monitoring.card_data import CardData, DecisionLine

OUTCOMES = {
    "first": "became the first champion",
    "adopted": "adopted as champion",
    "forced": "made champion against the gate",
    "refused": "refused; the champion stayed",
    "rolled_back": "rolled back to",
}
METRICS = {
    "winner_log_loss": "Winner log loss",
    "r2": "R²",
    "brier": "Brier",
    "top1": "Favourite won",
    "ece": "ECE",
}


def render_card(data: CardData) -> str:
    """Write a model card as one HTML page that needs nothing else: no script, no font, no host.

    Args:
        data: Everything the page shows.

    Returns:
        The page, a whole HTML document.
    """
    rivalry = data.rivalry
    drawn = None
    if rivalry is not None:
        events = count(rivalry.events, data.report.event_noun)
        drawn = tuple(
            forest(rivalry.delta, width=width, events=events, who="This model", than=rivalry.other.partition(" (")[0])
            for width in (WIDE, NARROW)
        )
    context = {
        "card": data,
        "role": ", ".join(data.aliases) or "none: it is one of the registered models",
        "rivalry": drawn,
        "rivalry_words": interval_words(rivalry.delta) if rivalry else "",
        "score_rows": _score_rows(data),
        "metric_words": METRICS,
        "study": shown_study(data.study) if data.study else None,
        "curves": shown_curves(data.curves, data.curves_left_out) if data.curves else None,
        "decision_rows": [(line, OUTCOMES[line.outcome], _told(line)) for line in data.decisions],
    }
    return render_page("card.html.j2", {**context_of(data.report), **context})


def _score_rows(data: CardData) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each set of probabilities with its scores: value, and interval where it has one."""
    cells = {(line.model, line.metric): line for line in data.scores}
    rows = []
    for name in in_order(list(dict.fromkeys(line.model for line in data.scores))):
        row = []
        for metric in METRICS:
            line = cells.get((name, metric))
            known = line is not None and line.low is not None
            interval = f"{fixed(line.low, 4)} to {fixed(line.high, 4)}" if line is not None and known else ""
            row.append((fixed(line.estimate if line else None, 4), interval))
        rows.append((name, row))
    return rows


def _told(line: DecisionLine) -> str:
    return interval_words(line.delta) if line.delta else ""
