"""The page of quality: every number given stands on it, hostile text stays text, and nothing known is said so."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from monitoring.test_report import assert_well_formed, words
from morningline.facts.quality_history import HISTORY
from morningline.monitoring.anomalies import ANOMALY
from morningline.monitoring.quality_data import QualityData
from morningline.monitoring.quality_report import headline, render_quality

FIRST = date(2024, 1, 1)


def days(count: int = 60) -> pl.DataFrame:
    rows = []
    for n in range(count):
        for table in ("ra_races", "ra_runners"):
            short = table == "ra_runners" and n in {30, 45}
            score = {30: 0.25, 45: 0.5}[n] if short else 1.0
            rows.append(
                {
                    "table": table,
                    "day": FIRST + timedelta(days=n),
                    "rows": 100 + n,
                    "completeness": score,
                    "validity": 1.0,
                    "uniqueness": 1.0,
                    "consistency": 0.98,
                    "freshness": None,
                    "score": min(score, 0.98),
                    "part": "completeness",
                    "why": "<b>draw</b> filled: 1 of 4",
                    "accepted": 0.5 if n == 45 and short else None,
                }
            )
    return pl.DataFrame(rows, schema=HISTORY)


@pytest.fixture
def data() -> QualityData:
    odd = ("ra_races", date(2024, 2, 3), "rows", 20.0, 40.0, -6.25, "rows: 20, expected about 40")
    return QualityData(
        domain="racing",
        generated_at=datetime(2024, 3, 1, 6, 12, tzinfo=UTC),
        first=FIRST,
        last=FIRST + timedelta(days=59),
        thresholds={"quality_compute": 0.4, "quality_train": 0.4, "quality_predict": 0.6},
        days=days(),
        anomalies=pl.DataFrame([odd], schema=ANOMALY, orient="row"),
    )


def test_the_page_is_well_formed_and_every_number_stands_on_it(data: QualityData) -> None:
    page = render_quality(data)
    assert_well_formed(page)
    assert "<b>draw</b>" not in page
    text = " ".join(words(page).split())
    for said in (
        *("2024-01-01 to 2024-02-29", "2024-01-31", "2024-02-15", "0.25", "0.50", "ra_runners", "2024-02-03"),
        *("rows: 20, expected about 40", "\N{MINUS SIGN}6.2", "quality_predict 0.6", "2024-03-01 06:12 UTC", "98.0 %"),
        *("25.0 %", f"{sum(range(100, 160)):,}", "<b>draw</b> filled: 1 of 4"),
    ):
        assert said in text, said


def test_the_headline_counts_days(data: QualityData) -> None:
    assert headline(data) == "2 of 60 days fall short of 0.6, 1 is unlike the days before."
    sound = replace(data, days=data.days.with_columns(score=1.0), anomalies=data.anomalies.clear())
    assert headline(sound) == "None of 60 days fall short of 0.6, none are unlike the days before."


def test_the_page_needs_nothing_but_itself(data: QualityData) -> None:
    page = render_quality(data)
    assert "default-src 'none'" in page
    assert not re.search(r"<(script|link|img|iframe)\b|https?://(?!www\.w3\.org)|url\(", page)


def test_a_history_without_a_score_says_so(data: QualityData) -> None:
    nothing = replace(data, days=data.days.with_columns(score=None), anomalies=data.anomalies.clear())
    page = render_quality(nothing)
    assert_well_formed(page)
    text = words(page)
    for said in ("Nothing can be judged yet", "None was found", "None is under 0.6", "No table has a score"):
        assert said in text


def test_a_line_is_broken_where_no_days_are_known(data: QualityData) -> None:
    def lines(shown: QualityData) -> int:
        return len(re.findall(r'class="score-line"', render_quality(shown)))

    gap = data.days.filter(~pl.col("day").is_between(date(2024, 1, 10), date(2024, 1, 25)))
    assert lines(replace(data, days=gap)) == 2 * lines(data)
