"""A comparison as words: the effect, its interval, what could be seen, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.monitoring.charts import decimals_for, fixed, signed

if TYPE_CHECKING:
    from morningline.monitoring.report_data import DeltaR2


def interval_words(delta: DeltaR2, gain: str = "ΔR²") -> str:
    """Say an effect with its interval and verdict."""
    decimals = decimals_for((delta.estimate, delta.low, delta.high, delta.mde))
    return (
        f"{gain} {signed(delta.estimate, decimals)} (95 % {signed(delta.low, decimals)} to "
        f"{signed(delta.high, decimals)}), smallest effect that could be seen {fixed(delta.mde, decimals)}: "
        f"{delta.verdict.replace('_', ' ')}"
    )
