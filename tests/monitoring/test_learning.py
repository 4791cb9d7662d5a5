"""How a model was found: the pictures say what was recorded, stay within their frames, and nothing breaks the page."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from test_report import HOSTILE, assert_well_formed, delta, words

from morningline.monitoring.charts import text_width
from morningline.monitoring.curve_figures import MOST_POINTS, learning_curves, thinned
from morningline.monitoring.learning import render_training
from morningline.monitoring.learning_data import CurvePart, StudyData, TrainingPage, TriedPoint
from morningline.monitoring.study_figures import study_history
from morningline.wiring.training_page import MOST_PARTS, curve_parts, study_of_summary

WIDTHS = (1040, 380)
LOSSES = [2.15, 2.19, None, 2.14, 2.16, 9.9, 2.14, 2.13, 2.17, 2.18]
STATUSES = ["succeeded", "pruned", "failed", *["succeeded"] * 5, "running", "pruned"]


def tried(losses: Any = LOSSES, statuses: Any = STATUSES) -> list[TriedPoint]:
    return [
        TriedPoint(number=number, status=status, loss=loss, parameters={"l2": str(0.123456 * (number + 1))})
        for number, (loss, status) in enumerate(zip(losses, statuses, strict=True))
    ]


STUDY = StudyData(
    tried=tried(),
    default_loss=2.155,
    importance={"rate": 0.25, "l2": 0.75},
    over_default=delta(0.0031, 0.0011, 0.0052, 0.0029, "adopt"),
)
CURVES = [
    CurvePart(
        name="Rehearsal 1, trees",
        curves={
            "training_loss": [(step, 2.3 - 0.3 * (1 - math.exp(-step / 40))) for step in range(200)],
            "validation_loss": [(step, 2.1 + (step - 120) ** 2 * 1e-5) for step in range(1, 201)],
        },
    ),
    CurvePart(name="Whole, logit", curves={"training_loss": [(0, 2.3), (1, 2.2), (2, 2.2)]}),
]
PAGE = TrainingPage(
    title="Training r1",
    headline="It gave the model prices.win-7f3a91c2.",
    tone="better",
    facts=[("Asked by", "ann")],
    results=[("combined.r2", 0.17, 1), ("market.r2", 0.16, 1), ("delta_r2.low", -0.01, 3)],
    parameters={"l2": "20"},
    files=[("models/m/booster.txt", 1234, "ab" * 32)],
    study=STUDY,
    curves=CURVES,
    left_out=0,
    generated_at=datetime(2026, 11, 4, 7, 30, tzinfo=UTC),
)


def read(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own output


def marks(picture: Any, shape: str, class_: str) -> list[ET.Element]:
    return [one for one in read(str(picture)).iter(shape) if one.get("class") == class_]


def text_of(page: str) -> str:
    return " ".join(words(page).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("width", WIDTHS)
def test_every_trial_has_its_mark_and_the_better_one_stands_lower(width):
    picture = study_history(STUDY, width=width)
    svg = read(str(picture))
    legend = 1
    circles = [float(one.get("cy")) for one in marks(picture, "circle", "mark c-tried")][legend:]
    drawn = [loss for loss, status in zip(LOSSES, STATUSES, strict=True) if status == "succeeded" and loss != 9.9]
    assert len(circles) == len(drawn)
    assert [sorted(drawn).index(loss) for loss in drawn] == [sorted(circles, reverse=True).index(y) for y in circles]
    assert len(marks(picture, "polygon", "mark m-other")) - legend == 4
    assert len(marks(picture, "polygon", "mark c-tried")) - legend == 1
    (best,) = marks(picture, "circle", "mark c-best")
    assert float(best.get("cy")) == max(circles)
    (stair,) = [one for one in svg.iter("polyline") if one.get("class") == "best-line c-best"]
    heights = [float(point.split(",")[1]) for point in stair.get("points").split()]
    assert heights == sorted(heights)
    assert "Trial 7 has the least loss, 2.1300" in svg.find("desc").text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("trials", [1, 2, 40, 1700])
def test_nothing_of_a_picture_stands_outside_of_it(width, trials):
    study = replace(STUDY, tried=tried([2.0 + 1 / (n + 1) for n in range(trials)], ["succeeded"] * trials))
    for picture in (study_history(study, width=width), learning_curves(CURVES * 4, width=width)):
        svg = read(str(picture))
        assert "nan" not in str(picture)
        _, _, right, bottom = map(float, svg.get("viewBox").split())
        for one in svg.iter("text"):
            x, y, size = float(one.get("x")), float(one.get("y")), text_width(one.text, 12)
            start = {"start": x, "middle": x - size / 2, "end": x - size}[one.get("text-anchor")]
            assert start >= -1, one.text
            assert start + size <= right + 1, one.text
            assert 0 < y <= bottom, one.text


def test_labels_of_trials_do_not_touch():
    study = replace(STUDY, tried=tried([2.0 + 1 / (n + 1) for n in range(300)], ["succeeded"] * 300))
    for width in WIDTHS:
        svg = read(str(study_history(study, width=width)))
        names = [one for one in svg.iter("text") if one.get("text-anchor") == "middle"]
        ends = [(float(one.get("x")), text_width(one.text, 12) / 2) for one in names]
        assert all(a + half < b - other for (a, half), (b, other) in pairwise(ends))


def test_a_study_without_a_whole_trial_is_no_picture_and_still_a_page():
    for study in (replace(STUDY, tried=[]), replace(STUDY, tried=tried([2.0, None], ["pruned", "running"]))):
        assert study_history(study, width=380) is None
        page = render_training(replace(PAGE, study=replace(study, importance={}, over_default=None)))
        assert_well_formed(page)


def test_the_page_says_what_was_tried_and_what_it_was_worth():
    page = render_training(PAGE)
    assert_well_formed(page)
    text = text_of(page)
    for said in (
        *(
            "It gave the model prices.win-7f3a91c2.",
            "combined 0.1700",
            "8 sets of parameters",
            "2 of them given up early",
        ),
        *("fell from 2.1550 with the defaults to 2.1300 in trial 7", "+0.0011 to +0.0052", "75.0 %", "0.9876"),
        *("Rehearsal 1, trees", "least after 120 steps: 2.10", "abababababababab", "1,234"),
    ):
        assert said in text, said
    assert text.index("l2 75.0 %") < text.index("rate 25.0 %")


def test_where_no_trial_was_better_the_default_was_kept_and_no_gain_is_claimed():
    text = text_of(render_training(replace(PAGE, study=replace(STUDY, default_loss=2.0))))
    assert "None was better than the defaults, whose loss there is 2.0000; they were kept." in text
    assert "+0.0011" not in text


def test_what_comes_from_outside_is_text_and_never_markup():
    hostile = replace(STUDY.tried[0], parameters={HOSTILE: HOSTILE})
    page = render_training(
        replace(
            PAGE,
            title=HOSTILE,
            headline=HOSTILE,
            facts=[(HOSTILE, HOSTILE)],
            results=[(f"{HOSTILE}.{HOSTILE}", 1.0, 1)],
            parameters={HOSTILE: HOSTILE},
            files=[(HOSTILE, 1, HOSTILE)],
            curves=[CurvePart(name=HOSTILE, curves={HOSTILE: [(0, 1.0), (1, 2.0)]})],
            study=replace(STUDY, tried=[hostile], importance={HOSTILE: 1.0}),
        )
    )
    assert_well_formed(page)
    assert "<script" not in page
    assert re.search(r"https?://(?!www\.w3\.org)", page) is None


def test_a_training_of_which_nothing_is_known_yet_is_a_page_too():
    page = render_training(replace(PAGE, facts=[], results=[], parameters={}, files=[], study=None, curves=[], tone=""))
    assert_well_formed(page)
    assert "No result is recorded yet." in page


def test_a_long_curve_keeps_its_ends_and_a_picture_of_nothing_is_none():
    curve = [(step, float(step)) for step in range(10_001)]
    short = thinned(curve)
    assert len(short) <= MOST_POINTS + 1
    assert (short[0], short[-1]) == (curve[0], curve[-1])
    assert thinned(curve[:5]) == curve[:5]
    assert learning_curves([], width=380) is None
    assert learning_curves([CurvePart(name="a", curves={"training_loss": []})], width=380) is None


def recorded(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "step": step, "value": 1.0 - 0.1 * step} for name in names for step in range(3)]


def test_the_curves_of_a_model_are_those_of_its_own_fold():
    steps = recorded(
        *("combined.r2", "default/whole/training_loss"),
        *(f"fit/fold_{fold}/rehearsal_1/trees/validation_loss" for fold in (1, 2, 10)),
        "fit/fold_10/rehearsal_1/trees/training_loss",
    )
    (part,), left_out = curve_parts(steps)
    assert (part.name, set(part.curves), left_out) == ("Rehearsal 1, trees", {"training_loss", "validation_loss"}, 0)
    assert part.curves["training_loss"] == [(0, 1.0), (1, 0.9), (2, 0.8)]
    many, left_out = curve_parts(recorded(*(f"fit/member_{n:02}/training_loss" for n in range(20))))
    assert (len(many), left_out) == (MOST_PARTS, 20 - MOST_PARTS)
    assert curve_parts([]) == ([], 0)


def test_a_study_is_read_as_a_training_summed_it_up():
    over = {"estimate": 0.1, "low": 0.0, "high": 0.2, "mde": 0.1, "verdict": "not_decided"}
    trial = {"number": 3, "state": "complete", "value": 2.0, "parameters": {"l2": 1.5}, "seconds": 1.0}
    found = study_of_summary(
        {
            "trials": [trial, {**trial, "number": 4, "state": "pruned"}],
            "default_loss": 2.1,
            "importance": {},
            "over_default": over,
        },
        "racing.place",
    )
    assert found.gain == "log loss smaller by"
    assert [(one.number, one.status) for one in found.tried] == [(3, "succeeded"), (4, "pruned")]
    assert found.best == found.tried[0]
    assert found.over_default is not None
