"""The report of quality: one HTML page with every day's score, what fell short, and what was unlike before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.facts.quality_measures import PARTS
from morningline.monitoring.pages import render_page
from morningline.monitoring.quality_figures import strips

if TYPE_CHECKING:
    from morningline.monitoring.quality_data import QualityData

WIDE, NARROW = 1040, 380
"""The picture is drawn twice, so that text has its true size on a desk and on a phone without a script."""
MOST_ROWS = 200
"""Rows of a table on the page; the command shows all."""


def render_quality(data: QualityData) -> str:
    """Write a report of quality as one HTML page that needs nothing else: no script, no font, no host."""
    context = {
        "data": data,
        "headline": headline(data),
        "tone": "worse" if data.short["accepted"].null_count() or data.anomalies.height else "better",
        "strips": (strips(data, width=WIDE), strips(data, width=NARROW)),
        "tables": data.tables.to_dicts(),
        "short": data.short.head(MOST_ROWS).to_dicts(),
        "anomalies": data.anomalies.sort("day", descending=True, maintain_order=True).head(MOST_ROWS).to_dicts(),
        "parts": PARTS,
        "most": MOST_ROWS,
    }
    return render_page("quality.html.j2", context)


def headline(data: QualityData) -> str:
    """Say in one sentence how many days fall short and how many are unlike those before."""
    days = data.judged["day"].n_unique()
    if not days:
        return "Nothing can be judged yet: too few days are known."
    short, odd = data.short["day"].n_unique(), data.anomalies["day"].n_unique()
    fell = f"{_number(short)} of {days:,} days {'falls' if short == 1 else 'fall'} short of {data.threshold:g}"
    unlike = f"{_number(odd).lower()} {'is' if odd == 1 else 'are'} unlike the days before"
    return f"{fell}, {unlike}."


def _number(count: int) -> str:
    return f"{count:,}" if count else "None"
