"""The pieces of the charts: numbers as text, scales, ticks and marks."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from morningline.monitoring.charts import (
    MINUS,
    MISSING,
    Scale,
    bar,
    decimals_for,
    every_nth,
    fixed,
    marker,
    nice_ticks,
    percent,
    picture,
    signed,
    spread,
    step_decimals,
    tag,
)

numbers = st.floats(min_value=-1e9, max_value=1e9)
shares = st.floats(min_value=0, max_value=1)


@given(numbers, numbers, st.integers(1, 12))
@example(8e-173, -1e-05, 2)
def test_ticks_cover_the_range_and_rise(one, other, count):
    ticks = nice_ticks(one, other, count)
    tolerance = 1e-9 * max(1, abs(one), abs(other))
    assert ticks[0] <= min(one, other) + tolerance
    assert ticks[-1] >= max(one, other) - tolerance
    assert all(left < right for left, right in pairwise(ticks))
    assert 2 <= len(ticks) <= count + 2


def test_ticks_are_round_numbers():
    assert nice_ticks(-0.0009, 0.0014, 5) == (-0.001, -0.0005, 0.0, 0.0005, 0.001, 0.0015)
    assert nice_ticks(1.84, 1.97, 5) == (1.8, 1.85, 1.9, 1.95, 2.0)
    assert nice_ticks(3, 3)[0] <= 3 <= nice_ticks(3, 3)[-1]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_range_that_is_not_finite_has_no_ticks(broken):
    assert nice_ticks(broken, 1) == ()
    assert nice_ticks(0, broken) == ()


def test_tick_labels_have_the_digits_that_tell_them_apart():
    assert step_decimals((0.0, 0.05)) == 2
    assert step_decimals((0.0, 0.1)) == 1
    assert step_decimals((0.0, 1000.0)) == 0
    assert step_decimals((1.0,)) == 0


@given(shares, shares, st.booleans())
def test_a_scale_keeps_order_and_stays_in_its_box(one, other, root):
    scale = Scale(low=0, high=1, start=10, end=210, root=root)
    small, large = sorted((one, other))
    assert 10 <= scale(small) <= scale(large) <= 210


@given(shares, st.booleans())
def test_a_scale_and_its_inverse_cancel(value, root):
    scale = Scale(low=0, high=1, start=300, end=40, root=root)
    assert scale.invert(scale(value)) == pytest.approx(value, abs=1e-9)


@given(numbers)
def test_a_scale_clamps_what_is_out_of_range(value):
    scale = Scale(low=0, high=2, start=0, end=100)
    assert 0 <= scale.clamped(value) <= 100


@given(numbers)
def test_a_scale_without_length_draws_in_the_middle(value):
    assert Scale(low=value, high=value, start=0, end=100)(value) == 50
    assert Scale(low=value, high=value + 1, start=7, end=7).invert(7) == value


@given(st.lists(st.floats(0, 300), min_size=1, max_size=8), st.floats(1, 20))
def test_spread_labels_keep_their_distance_and_their_order(positions, gap):
    moved = spread(positions, gap=gap, low=0, high=300)
    ranked = sorted(range(len(moved)), key=lambda index: positions[index])
    assert all(moved[b] - moved[a] >= gap - 1e-6 for a, b in pairwise(ranked))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in moved)


def test_labels_that_would_touch_are_thinned():
    assert every_nth(15, 20, 45) == 3
    assert every_nth(5, 100, 45) == 1
    assert every_nth(4, 0, 45) == 4


def test_numbers_read_as_they_should():
    assert fixed(-1234.5, 1) == f"{MINUS}1,234.5"
    assert fixed(-0.00001, 4) == "0.0000"
    assert signed(0.0003, 4) == "+0.0003"
    assert signed(-0.0009, 4) == f"{MINUS}0.0009"
    assert signed(0.00001, 4) == "0.0000"
    assert percent(0.125) == "12.5\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_a_missing_number_is_a_dash_and_never_a_zero(missing):
    assert fixed(missing, 2) == signed(missing, 2) == percent(missing) == MISSING
    assert 'class="fill"' not in bar(missing)


def test_a_percentage_never_rounds_to_a_false_zero_or_hundred():
    assert percent(0.0001).startswith("<0.1")
    assert percent(0.9996).startswith(">99.9")
    assert percent(0).startswith("0\N{NO-BREAK SPACE}")
    assert percent(1).startswith("100\N{NO-BREAK SPACE}")


def test_small_effects_get_the_digits_they_need():
    assert decimals_for((0.0003, -0.0009, 0.0014, None)) == 4
    assert decimals_for((0.0000031, math.nan)) == 7
    assert decimals_for((0.0, None)) == 4


@given(st.text())
def test_any_text_makes_well_formed_svg(text):
    drawn = picture([tag("text", text, class_=text)], key="a", size=(10, 10), title=text, words=text)
    assert ET.fromstring(drawn).tag == "svg"  # noqa: S314 - our own output


@pytest.mark.parametrize("shape", ["circle", "square", "triangle", "diamond", "cross"])
def test_each_shape_is_one_closed_element(shape):
    assert ET.fromstring(marker(shape, 5, 5, 4, "mark")).get("class") == "mark"  # noqa: S314 - our own output
