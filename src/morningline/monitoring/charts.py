"""The pieces every chart is drawn from: numbers as text, scales, nice ticks and SVG marks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Shape: TypeAlias = Literal["circle", "square", "triangle", "diamond", "cross"]

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether a value can be drawn: not None, not NaN, not infinite."""
    return value is not None and math.isfinite(value)


def fixed(value: float | None, decimals: int = 0) -> str:
    """Write a number with thousands separators, a true minus sign and no negative zero.

    Args:
        value: The number; None, NaN and infinities are written as a dash.
        decimals: Digits after the point.

    Returns:
        The number as text.
    """
    if not is_number(value):
        return MISSING
    text = f"{abs(value):,.{decimals}f}"
    return MINUS + text if value < 0 and text.strip("0.,") else text


def signed(value: float | None, decimals: int) -> str:
    """Write a number as `fixed` does, with a plus sign when it shows as more than zero."""
    text = fixed(value, decimals)
    return f"+{text}" if is_number(value) and value > 0 and text.strip("0.,") else text


def percent(share: float | None, decimals: int = 1) -> str:
    """Write a share as a percentage that never rounds to a false 0 or a false 100.

    Args:
        share: The share, in [0, 1]; None and NaN are written as a dash.
        decimals: Digits after the point.

    Returns:
        The percentage as text, such as "12.5 %", "<0.1 %" or ">99.9 %".
    """
    if not is_number(share):
        return MISSING
    least = 10.0**-decimals
    if 0 < share * 100 < least / 2:
        return f"<{fixed(least, decimals)}{SPACE}%"
    if 100 - least / 2 <= share * 100 < 100:
        return f">{fixed(100 - least, decimals)}{SPACE}%"
    return f"{fixed(share * 100, 0 if share in {0, 1} else decimals)}{SPACE}%"


def decimals_for(values: Iterable[float | None], *, at_least: int = 4, at_most: int = 9) -> int:
    """Digits after the point that show the largest of some small numbers with two significant figures.

    Args:
        values: The numbers that will stand beside each other.
        at_least: Fewest digits.
        at_most: Most digits.

    Returns:
        The number of digits.
    """
    largest = max((abs(value) for value in values if is_number(value)), default=0.0)
    if largest == 0:
        return at_least
    return min(at_most, max(at_least, 1 - math.floor(math.log10(largest))))


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A map from numbers to pixels, straight or by square root.

    A square-root scale spreads small probabilities and, unlike a logarithm, has a place for zero.

    Attributes:
        low: Number at `start`.
        high: Number at `end`.
        start: Pixel of the low number.
        end: Pixel of the high number; may be less than `start`.
        root: Whether distances are those of square roots; then numbers below zero are drawn at zero.

    >>> Scale(low=0, high=10, start=100, end=200)(5)
    150.0
    """

    low: float
    high: float
    start: float
    end: float
    root: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of a number; of the middle when the scale has no length."""
        low, high = self._bend(self.low), self._bend(self.high)
        share = (self._bend(value) - low) / (high - low) if high != low else 0.5
        return self.start + share * (self.end - self.start)

    def clamped(self, value: float) -> float:
        """Pixel of a number, moved to the nearer end when it is out of range."""
        return self(min(max(value, self.low), self.high))

    def invert(self, pixel: float) -> float:
        """Number at a pixel; the low one when the scale has no length."""
        if self.start == self.end:
            return self.low
        low, high = self._bend(self.low), self._bend(self.high)
        bent = low + (pixel - self.start) / (self.end - self.start) * (high - low)
        return bent * bent if self.root else bent

    def _bend(self, value: float) -> float:
        return math.sqrt(max(value, 0.0)) if self.root else value


def nice_ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """Round numbers at even steps of 1, 2 or 5 times a power of ten that cover a range.

    Args:
        low: Lower end of the range.
        high: Upper end; the ends may be swapped or equal.
        count: About how many steps are wanted.

    Returns:
        The ticks, rising: the first is at or below the range, the last at or above it. Empty when an
        end is NaN or infinite.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ()
    low, high = min(low, high), max(low, high)
    # Steps far below the precision of a float would never move; equal ends get one step around them.
    span = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-12)
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    # An end that misses a tick by rounding lies on it.
    first, last = math.floor(low / step + 1e-10), math.ceil(high / step - 1e-10)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return tuple(round(k * step, digits) for k in range(first, max(last, first + 1) + 1))


def step_decimals(ticks: Sequence[float]) -> int:
    """Digits after the point that tell neighbouring ticks apart."""
    if len(ticks) < 2:
        return 0
    return max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))


def every_nth(length: int, pixels_apart: float, needed: float) -> int:
    """Label every n-th of some evenly spaced ticks so that labels of a given width do not touch."""
    return min(max(1, math.ceil(needed / max(pixels_apart, 1e-9))), max(length, 1))


def spread(positions: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move labels as little as is simple so that no two are closer than a gap.

    Args:
        positions: Where the labels want to be, in pixels, in any order.
        gap: Least distance between two.
        low: Least position.
        high: Greatest position; given up when the labels need more room than there is.

    Returns:
        The new positions, in the order of the old.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    moved = [0.0] * len(positions)
    for rank, index in enumerate(order):
        floor = moved[order[rank - 1]] + gap if rank else low
        moved[index] = max(positions[index], floor)
    ceiling = max(high, low + gap * (len(positions) - 1))
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def text_width(text: str, size: float = 12) -> float:
    """Width of a line of text in pixels, on the safe side; no font is measured."""
    return len(text) * size * 0.56


def tag(name: str, *children: str, **attributes: str | float) -> Markup:
    """Write one SVG element; text and attribute values are escaped.

    Args:
        name: Element name.
        *children: Text (escaped) or markup (kept).
        **attributes: `class_` is written class, `text_anchor` text-anchor; numbers keep two decimals.

    Returns:
        The element as safe markup.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value)) for key, value in attributes.items()
    )
    inner = Markup("").join(
        child if isinstance(child, Markup) else NOT_XML.sub("\N{REPLACEMENT CHARACTER}", child) for child in children
    )
    return Markup("<{name}{written}>{inner}</{name}>").format(name=name, written=written, inner=inner)


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    return f"{value:.2f}".rstrip("0").rstrip(".")


def label(words: str, x: float, y: float, class_: str = "", anchor: str = "start") -> Markup:
    """Write one line of text at a place; `anchor` is start, middle or end."""
    return tag("text", words, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Draw a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def polyline(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """Draw a broken line through points."""
    return tag("polyline", points=" ".join(f"{x:.2f},{y:.2f}" for x, y in points), class_=class_)


def marker(shape: Shape, x: float, y: float, radius: float, class_: str) -> Markup:
    """Draw a point; shapes tell series apart where colours do not.

    Args:
        shape: The outline; all have about the same area.
        x: Centre.
        y: Centre.
        radius: Half its size, in pixels.
        class_: CSS class that colours it.

    Returns:
        The mark.
    """
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=radius, class_=class_)
    half = radius * 0.9
    corners = {
        "square": ((-half, -half), (half, -half), (half, half), (-half, half)),
        "triangle": ((0, -1.25 * radius), (1.15 * radius, 0.8 * radius), (-1.15 * radius, 0.8 * radius)),
        "diamond": ((0, -1.25 * radius), (1.25 * radius, 0), (0, 1.25 * radius), (-1.25 * radius, 0)),
        "cross": ((-half, -half), (half, half), (0, 0), (half, -half), (-half, half), (0, 0)),
    }[shape]
    points = " ".join(f"{x + dx:.2f},{y + dy:.2f}" for dx, dy in corners)
    return tag("polygon", points=points, class_=class_)


def picture(body: Iterable[Markup], *, key: str, size: tuple[float, float], title: str, words: str) -> Markup:
    """Wrap marks into an SVG image that a screen reader can name and describe.

    Args:
        body: The marks.
        key: Id prefix, unique on the page.
        size: Width and height in pixels at which text has its true size.
        title: What the picture is.
        words: What it shows, in a sentence with numbers.

    Returns:
        The image.
    """
    width, height = size
    return tag(
        "svg",
        tag("title", title, id=f"{key}-title"),
        tag("desc", words, id=f"{key}-words"),
        *body,
        role="img",
        aria_labelledby=f"{key}-title {key}-words",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
    )


def bar(start: float | None, end: float | None = None, class_: str = "fill") -> Markup:
    """Draw a tiny bar on a track from 0 to 1; the number stands beside it, so it is hidden from readers.

    Args:
        start: Where the bar starts, in [0, 1]; its length when `end` is not given; None for no bar.
        end: Where the bar ends.
        class_: CSS class of the bar.

    Returns:
        An image that stretches to the width of its box.
    """
    low, high = (0.0, start) if end is None else (start, end)
    marks = [tag("rect", x=0, y=0, width=100, height=8, class_="track")]
    if is_number(low) and is_number(high):
        left, right = (100 * min(max(value, 0.0), 1.0) for value in (low, high))
        marks.append(tag("rect", x=left, y=0, width=max(right - left, 0.4), height=8, class_=class_))
    return tag(
        "svg",
        *marks,
        class_="bar",
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
