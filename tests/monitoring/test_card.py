"""The model card: who the model is and what was decided about it, safe and whole as a page."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from test_report import HOSTILE, assert_well_formed, data, delta, words

from morningline.monitoring.card import render_card
from morningline.monitoring.card_data import CardData, DecisionLine, Rivalry, ScoreLine
from morningline.monitoring.charts import MINUS

__all__ = ["data"]

NOW = datetime(2026, 11, 4, 7, 30, tzinfo=UTC)


@pytest.fixture
def card(data) -> CardData:
    adopted = delta(0.0042, 0.0021, 0.0063, 0.0017, "adopt")
    return CardData(
        report=data,
        model_id="prices.win-7f3a91c2",
        version="trees:4",
        task="prices.win",
        aliases=["champion"],
        registered_by="ann",
        predictions=12034,
        trainings=["r1", "r2"],
        scores=[
            ScoreLine(model="combined", metric="winner_log_loss", estimate=1.8612, low=1.8489, high=1.8731),
            ScoreLine(model="combined", metric="ece", estimate=0.0042, low=None, high=None),
            ScoreLine(model="market", metric="r2", estimate=0.1658, low=0.1611, high=0.1702),
        ],
        rivalry=Rivalry(
            other="the previous champion (old)", delta=adopted, events=4321, days=77, compared="market_free"
        ),
        no_rivalry="",
        decisions=[
            DecisionLine(
                decided_at=NOW,
                decided_by="ann",
                outcome="adopted",
                from_model="old",
                to_model="prices.win-7f3a91c2",
                verdict="adopt",
                delta=adopted,
                reason="a season more",
            ),
            DecisionLine(
                decided_at=NOW,
                decided_by="bob",
                outcome="first",
                from_model=None,
                to_model="old",
                verdict=None,
                delta=None,
                reason=None,
            ),
        ],
    )


def test_the_card_says_who_the_model_is_above_its_report(card):
    page = render_card(card)
    assert_well_formed(page)
    text = " ".join(words(page).replace("\N{NO-BREAK SPACE}", " ").split())
    for said in (
        *("trees:4", "prices.win-7f3a91c2", "champion", "ann", "12,034", "r1, r2", "a season more", "2026-11-04 07:30"),
        *("1.8489 to 1.8731", "0.1611 to 0.1702", "0.0042", "+0.0021 to +0.0063", "4,321 matches on 77 days"),
        *("better than the previous champion", "adopted as champion", "became the first champion"),
        *("What the model looks at", "Form over 3 starts", "1,155 matches were left out"),
    ):
        assert said in text, said
    assert text.index("Model card") < text.index("The market beside every model")


def test_the_card_needs_nothing_but_itself(card):
    assert not re.search(r"https?://|\bsrc\s*=|\bhref\s*=|@import|url\(|<script|<link|<iframe", render_card(card))


def test_a_model_without_a_rival_or_a_history_says_so(card):
    bare = replace(card, rivalry=None, no_rivalry="There is no champion.", decisions=[], trainings=[], aliases=[])
    page = render_card(bare)
    assert_well_formed(page)
    for said in ("There is no champion.", "Nothing was decided about it yet.", "none is recorded"):
        assert said in words(page)


def test_a_rival_that_is_better_is_said_to_be(card):
    worse = delta(-0.0031, -0.005, -0.001, 0.0017, "reject")
    text = words(render_card(replace(card, rivalry=replace(card.rivalry, delta=worse))))
    assert f"ΔR² {MINUS}0.0031" in text
    assert "reject" in text


def test_hostile_text_stays_text(card):
    hostile = replace(
        card,
        version=HOSTILE,
        task=HOSTILE,
        registered_by=HOSTILE,
        trainings=[HOSTILE],
        scores=[ScoreLine(model=HOSTILE, metric="r2", estimate=0.1, low=0.0, high=0.2)],
        rivalry=replace(card.rivalry, other=HOSTILE, compared=HOSTILE),
        decisions=[replace(card.decisions[0], decided_by=HOSTILE, reason=HOSTILE, to_model=HOSTILE)],
    )
    page = render_card(hostile)
    assert "<script" not in page
    assert_well_formed(page)
