"""The model report: honest in its headline, complete in its numbers, safe and whole as a page."""

from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningline.kit.errors import InputError
from morningline.monitoring.charts import MINUS
from morningline.monitoring.report import count, headline, plural, render_report
from morningline.monitoring.report_data import (
    DateRange,
    DeltaR2,
    FeatureShare,
    ModelScores,
    Periods,
    ReliabilityBin,
    ReportData,
    SeasonScores,
    TableQuality,
    in_order,
)

HOSTILE = "<script>alert('\"&\x00')</script>"
SMALL = f"ΔR² +0.0003 (95 % {MINUS}0.0009 to +0.0014)"
WORSE = f"ΔR² {MINUS}0.0031 (95 % {MINUS}0.0050 to {MINUS}0.0010)"
BETTER = "ΔR² +0.0021 (95 % +0.0019 to +0.0024)."
UNSEEN = "a true effect of 0.0017 would be seen four times out of five."
VOID = {"meta", "link", "br", "hr", "img", "input"}


def scores(loss, r2, brier=0.0831, top1=0.331, ece=0.0042):
    return ModelScores(
        winner_log_loss=loss,
        r2=r2,
        brier=brier,
        top1=top1,
        ece=ece,
        log_loss_low=loss - 0.0123,
        log_loss_high=loss + 0.0119,
    )


def delta(estimate=0.0003, low=-0.0009, high=0.0014, mde=0.0017, verdict="not_decided"):
    return DeltaR2(estimate=estimate, low=low, high=high, mde=mde, verdict=verdict)


def bins(count=8):
    return [
        ReliabilityBin(
            mean_predicted=0.01 * 1.6**k,
            observed=0.011 * 1.55**k,
            low=0.009 * 1.5**k,
            high=0.013 * 1.6**k,
            rows=4321 - 500 * k,
        )
        for k in range(count)
    ]


def season(label, market=1.87):
    known = {"market": market, "combined": market - 0.0021, "market_free": market + 0.09}
    losses = {name: (value, value - 0.02, value + 0.02) for name, value in known.items()}
    return SeasonScores(label=label, events=2345, losses=losses)


@pytest.fixture
def data() -> ReportData:
    return ReportData(
        title="Morning prices",
        subtitle="Walk-forward test",
        generated_at=datetime(2026, 11, 3, 6, 12, tzinfo=UTC),
        event_noun="match",
        entrant_noun="player",
        periods=Periods(
            train=DateRange(first_day=date(2015, 1, 1), last_day=date(2021, 12, 31)),
            validation=DateRange(first_day=date(2022, 1, 1), last_day=date(2022, 12, 31)),
            test=DateRange(first_day=date(2023, 1, 1), last_day=date(2024, 12, 31)),
        ),
        provenance=[("Model", "win/combined@7f3a91c2"), ("Seed", "20261103")],
        models={
            "combined": scores(1.8612, 0.1661, top1=0.3324),
            "market": scores(1.8619, 0.1658, ece=0.0031),
            "market_power": scores(1.8617, 0.1659),
            "market_free": scores(1.9512, 0.1258),
            "uniform": scores(2.2319, 0.0, ece=None),
        },
        delta_r2=delta(),
        excluded={"void": 112, "no price before the cut-off": 1043},
        events=12345,
        entrants=118332,
        reliability={"market": bins(), "combined": bins(), "market_free": bins()},
        seasons=[season("2023"), season("2024", 1.86)],
        importance=[
            FeatureShare(feature=f"form_{k}", share=0.2 * 0.8**k, description=f"Form over {k} starts")
            for k in range(23)
        ],
        quality=[
            TableQuality(
                table="results",
                rows=1502331,
                first_day=date(2015, 1, 1),
                last_day=None,
                completeness=0.9712,
                validity=0.9996,
                uniqueness=1.0,
                consistency=None,
                score=0.93,
                notes="Weights missing before 2016",
            )
        ],
    )


class Balance(HTMLParser):
    """Notes each tag that is closed out of turn or never."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))


def assert_well_formed(page):
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.faults == []
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    for drawn in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(drawn)  # noqa: S314 - our own output


def words(page):
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)))


def test_the_page_is_well_formed_and_every_picture_has_a_name(data):
    page = render_report(data)
    assert_well_formed(page)
    for drawn in re.findall(r"<svg[^>]*>", page):
        assert 'aria-hidden="true"' in drawn or "aria-labelledby" in drawn


def test_beside_a_calibration_error_stands_what_chance_gives(data):
    known = replace(data.models["combined"], ece_chance=0.0081, ece_chance_low=0.0057, ece_chance_high=0.0109)
    text = words(render_report(replace(data, models={**data.models, "combined": known})))
    assert text.count("by chance 0.0057 to 0.0109") == 1
    assert "by chance" not in words(render_report(data))


def test_a_calibrated_model_is_shown_as_it_was_before_too(data):
    shown = {**data.reliability, "uncalibrated": bins(5)}
    text = words(render_report(replace(data, reliability=shown)))
    assert text.count("Model alone, before calibration") == 5


def test_every_number_given_stands_on_the_page(data):
    text = words(render_report(data)).replace("\N{NO-BREAK SPACE}", " ")
    for number in (
        *("1.8612", "1.8619", "1.8617", "1.9512", "2.2319", "0.1661", "0.1658", "0.1258", "0.08310"),
        *("33.2 %", "33.1 %", "0.0031", "1.8489 to 1.8731", "1.8496 to 1.8738"),
        *("+0.0003", f"{MINUS}0.0009", "+0.0014", "0.0017", "12,345 matches", "118,332 players"),
        *("1.00 %", "1.10 %", "0.90 % to 1.30 %", "4,321", "3,821"),
        *("2,345", "1.8700", "1.8679", "1.9600", "1.8500 to 1.8900"),
        *("20.0 %", "16.0 %", "1,502,331", "97.1 %", ">99.9 %", "100 %", "93.0 %", "112", "1,043"),
        *("2015-01-01", "2021-12-31", "2022-12-31", "2024-12-31", "2,557 days", "2026-11-03 06:12 UTC"),
        *("win/combined@7f3a91c2", "20261103", "Weights missing before 2016", "not known"),
    ):
        assert number in text, number


def test_the_page_needs_nothing_but_itself(data):
    page = render_report(data)
    assert not re.search(r"https?://|\bsrc\s*=|\bhref\s*=|@import|url\(|<script|<link|<iframe", page)


def test_hostile_text_stays_text(data):
    hostile = replace(
        data,
        title=HOSTILE,
        subtitle=HOSTILE,
        event_noun=HOSTILE,
        entrant_noun=HOSTILE,
        provenance=[(HOSTILE, HOSTILE)],
        models={**data.models, HOSTILE: data.models["market"]},
        excluded={HOSTILE: 1},
        seasons=[SeasonScores(label=HOSTILE, events=1, losses={HOSTILE: (1, 1, 1), "market": (1, None, math.nan)})],
        reliability={HOSTILE: bins(), "market": bins()},
        importance=[FeatureShare(feature=HOSTILE, share=0.1, description=HOSTILE)],
        quality=[replace(data.quality[0], table=HOSTILE, notes=HOSTILE)],
    )
    page = render_report(hostile)
    assert "<script" not in page
    assert "alert(" in page
    assert_well_formed(page)


@pytest.mark.parametrize(
    ("given_delta", "sentence"),
    [
        (
            delta(),
            f"No edge shown over the market: {SMALL}; {UNSEEN}",
        ),
        (
            delta(0.0042, 0.0021, 0.0063, 0.0017, "adopt"),
            "The model adds to the market: ΔR² +0.0042 (95 % +0.0021 to +0.0063) over 12,345 matches.",
        ),
        (
            delta(-0.0031, -0.005, -0.001, 0.0017, "reject"),
            f"The model is worse than the market: {WORSE} over 12,345 matches.",
        ),
        (
            delta(verdict="reject"),
            f"No edge shown over the market, model rejected: {SMALL}; {UNSEEN}",
        ),
        (
            delta(mde=None),
            f"No edge shown over the market: {SMALL} over 12,345 matches.",
        ),
        (
            delta(0.0021, 0.0019, 0.0024, 0.09),
            "Better than the market on these matches, but not decided yet: " + BETTER,
        ),
        (
            delta(-0.0031, -0.005, -0.001),
            "Worse than the market on these matches, but not decided yet: " + WORSE + ".",
        ),
        (
            delta(0.0021, 0.0019, 0.0024, 0.09, "reject"),
            "Better than the market on these matches, but the rule for adoption was not met: " + BETTER,
        ),
    ],
)
def test_the_headline_says_the_verdict_with_its_numbers(data, given_delta, sentence):
    told = replace(data, delta_r2=given_delta)
    assert headline(told) == sentence
    page = render_report(told)
    assert f"<h1>{sentence}</h1>" in page
    assert f"Verdict: <b>{given_delta.verdict.replace('_', ' ')}</b>" in page
    assert_well_formed(page)


@given(
    st.floats(-0.5, 0.5),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.sampled_from(["adopt", "reject", "not_decided"]),
)
def test_no_headline_claims_an_edge_the_interval_denies(estimate, below, above, verdict):
    try:
        made = delta(estimate, estimate - below, estimate + above, None, verdict)
    except InputError:
        assert verdict == "adopt"
        assert estimate - below <= 0
        return
    if "adds to the market" in headline(minimal(made)):
        assert made.low > 0
        assert verdict == "adopt"


def minimal(made=None) -> ReportData:
    day = DateRange(first_day=date(2024, 1, 1), last_day=date(2024, 1, 1))
    nothing = ModelScores(
        winner_log_loss=None,
        r2=math.nan,
        brier=None,
        top1=None,
        ece=None,
        log_loss_low=None,
        log_loss_high=None,
    )
    return ReportData(
        title="Empty",
        subtitle="",
        generated_at=datetime(2026, 11, 3, tzinfo=UTC),
        event_noun="race",
        entrant_noun="runner",
        periods=Periods(train=day, validation=None, test=day),
        provenance=[],
        models={"market": nothing},
        delta_r2=made or delta(0.0, 0.0, 0.0, 0.0),
        excluded={},
        events=1,
        entrants=2,
        reliability={},
        seasons=[],
        importance=[],
        quality=[],
    )


def test_an_empty_report_says_what_is_missing():
    page = render_report(minimal())
    assert_well_formed(page)
    for sentence in (
        "No calibration was measured.",
        "No season was scored.",
        "No feature importance was recorded.",
        "No data quality was recorded.",
        "Nothing was left out.",
        "No provenance was recorded",
    ):
        assert sentence in page
    assert "nan" not in words(page).lower().split()
    assert "None" not in words(page)


def test_only_a_test_period_after_all_fitting_is_called_unseen(data):
    assert "Every test day is later" in render_report(data)
    page = render_report(minimal())
    assert "Every test day is later" not in page
    assert "Test days overlap the days of fitting." in page


@pytest.mark.parametrize("seasons", [1, 2, 15, 40])
def test_any_number_of_seasons_can_be_drawn_inside_the_picture(data, seasons):
    page = render_report(replace(data, seasons=[season(str(1990 + k)) for k in range(seasons)]))
    assert_well_formed(page)
    for width in (1040, 380):
        drawn = re.search(rf'<svg role="img" aria-labelledby="seasons-{width}.*?</svg>', page, re.DOTALL)
        assert drawn
        places = [float(x) for x in re.findall(r' c?x1?="([\d.-]+)"', drawn[0])]
        assert 0 <= min(places) <= max(places) <= width


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-0.3, 0.3),
    st.floats(1e-7, 0.2),
    st.one_of(st.none(), st.floats(1e-7, 0.3)),
)
def test_effects_of_any_size_are_drawn_inside_the_picture(estimate, half, mde):
    page = render_report(minimal(delta(estimate, estimate - half, estimate + half, mde)))
    for width in (1040, 380):
        drawn = re.search(rf'<svg role="img" aria-labelledby="forest-{width}.*?</svg>', page, re.DOTALL)
        assert drawn
        places = [float(x) for x in re.findall(r' (?:c?x|x[12])="([\d.-]+)"', drawn[0])]
        assert 0 <= min(places) <= max(places) <= width


def test_a_missing_score_breaks_the_line_and_is_a_dash_in_the_table(data):
    gap = SeasonScores(label="2022", events=10, losses={"market": (math.nan, None, None)})
    page = render_report(replace(data, seasons=[season("2021"), gap, season("2023")]))
    assert_well_formed(page)
    assert "nan" not in words(page).lower().split()


def test_the_market_row_is_marked_and_the_best_of_a_column_is_said_in_words(data):
    page = render_report(data)
    assert '<tr class="ref"><th scope="row"><b class="swatch m-market">Market</b>' in page
    best = re.findall(r'<td class="num best"><span>([^<]+)</span><span class="hidden"> best</span>', page)
    assert {"1.8612", "0.1661", "0.0031"} <= set(best)


def test_only_the_twenty_largest_features_are_shown_and_the_rest_is_summed(data):
    page = render_report(data)
    assert "<code>form_19</code>" in page
    assert "<code>form_20</code>" not in page
    assert "the other 3 hold 0.6\N{NO-BREAK SPACE}% together" in page


def test_models_are_shown_in_one_order():
    assert in_order(["zebra", "combined", "market", "uniform", "alpha"]) == [
        "uniform",
        "market",
        "combined",
        "alpha",
        "zebra",
    ]


def test_nouns_become_plural():
    assert [plural(noun) for noun in ("race", "match", "entry", "day", "class")] == [
        "races",
        "matches",
        "entries",
        "days",
        "classes",
    ]
    assert count(1, "race") == "1 race"


def test_a_report_without_the_market_is_refused(data):
    with pytest.raises(InputError, match="none for the market"):
        replace(data, models={"combined": data.models["combined"]})


def test_an_instant_that_is_not_utc_is_refused(data):
    for instant in (data.generated_at.replace(tzinfo=None), datetime.now(timezone(timedelta(hours=1)))):
        with pytest.raises(InputError, match="generated_at"):
            replace(data, generated_at=instant)


@pytest.mark.parametrize(
    "broken",
    [
        {"verdict": "adopt"},
        {"verdict": "maybe"},
        {"low": 0.5},
        {"estimate": math.nan},
    ],
)
def test_a_verdict_that_contradicts_its_numbers_is_refused(broken):
    with pytest.raises(InputError):
        delta(**broken)


def test_a_range_of_days_that_ends_before_it_starts_is_refused():
    with pytest.raises(InputError, match="2024-01-02"):
        DateRange(first_day=date(2024, 1, 2), last_day=date(2024, 1, 1))


def test_a_report_cannot_be_changed(data):
    with pytest.raises(FrozenInstanceError):
        data.title = "other"
