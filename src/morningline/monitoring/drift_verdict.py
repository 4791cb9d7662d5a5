"""What a change of a feature means: is it great enough to matter, and is it more than chance alone does?

The first question has fixed limits, the second depends on effective rows. Both must be answered yes for drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["continuous", "discrete", "constant"]
Verdict: TypeAlias = Literal["drift", "watch", "not_decided", "none"]

ORDER: tuple[Verdict, ...] = ("drift", "watch", "not_decided", "none")
"""Worst first."""

LIMITS = {"psi": (0.1, 0.25), "ks": (0.125, 0.2), "js": (0.134, 0.212), "nulls": (0.05, 0.1)}
"""From what change on a figure is worth a look, and from what on it is drift, however many rows show it.

PSI 0.1 and 0.25 are the usual ones of credit scoring (Siddiqi 2006, *Credit Risk Scorecards*). A normal distribution
that moves by d standard deviations has PSI d² and KS 2Φ(d/2) - 1, which gives those of KS. For small changes the
divergence of Jensen and Shannon is PSI/8 in nats, so its distance is √(PSI / (8 ln 2)). Those of nulls are ours.
"""
WORDS = {"psi": "PSI", "ks": "KS distance", "js": "Jensen-Shannon distance", "nulls": "Change of nulls"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured change.

    Attributes:
        name: `psi`, `ks`, `js` or `nulls`.
        value: The change; of nulls, the share now less the share then.
        by_chance: What chance alone exceeds once in 1/level comparisons; None where there are too few rows to say.
    """

    name: str
    value: float
    by_chance: float | None

    def exceeds(self, limit: float) -> bool:
        """Whether the change is at least so great, and more than chance does."""
        return self.by_chance is not None and abs(self.value) >= limit and abs(self.value) > self.by_chance

    def written(self, value: float) -> str:
        """A value of this figure as a person reads it: shares of nulls in percent, the others as they are."""
        return f"{value:.1%}" if self.name == "nulls" else f"{value:.2g}"

    def __str__(self) -> str:
        return f"{WORDS[self.name]} {self.written(self.value)}"

    @property
    def verdict(self) -> Verdict:
        """What this figure says; `none` only where drift would have been seen."""
        watch, drifted = LIMITS[self.name]
        if self.exceeds(drifted):
            return "drift"
        if self.exceeds(watch):
            return "watch"
        return "not_decided" if self.by_chance is None or self.by_chance > drifted else "none"

    @property
    def severity(self) -> float:
        """The change over what it would take to call it drift."""
        return abs(self.value) / max(LIMITS[self.name][1], self.by_chance or 0.0)


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """How one feature's distribution changed.

    Attributes:
        name: The feature.
        kind: `continuous`; `discrete` where both periods together have at most 20 different values; `constant`.
        reference_rows: Rows of the reference.
        current_rows: Rows of the current period.
        reference_nulls: Of these, rows without a value.
        current_nulls: The same of the current period.
        reference_effective_rows: How many independent rows it is worth, by its PSI; None where nothing says.
        current_effective_rows: The same of the current period.
        bins: Bins of PSI.
        psi: Population stability index over bins of the reference's quantiles, nulls a bin of their own; None where
            there is only one bin.
        distance: Of the values that are there: KS of a continuous feature, Jensen-Shannon of a discrete one; None
            where a period has no value or both have but one.
        nulls: Change of the share of nulls.
        nulls_low: Lower end of its 95 % interval; None where there are too few blocks to say.
        nulls_high: Upper end.
        nulls_p: Probability of such a change by chance in this one figure.
    """

    name: str
    kind: Kind
    reference_rows: int
    current_rows: int
    reference_nulls: int
    current_nulls: int
    reference_effective_rows: float | None
    current_effective_rows: float | None
    bins: int
    psi: Figure | None
    distance: Figure | None
    nulls: Figure
    nulls_low: float | None
    nulls_high: float | None
    nulls_p: float | None

    @property
    def figures(self) -> list[Figure]:
        """The figures that were measured, the worst first; of equally bad ones nulls, from which the others follow."""
        measured = [figure for figure in (self.nulls, self.distance, self.psi) if figure is not None]
        return sorted(
            measured, key=lambda figure: (ORDER.index(figure.verdict), figure.name != "nulls", -figure.severity)
        )

    @property
    def verdict(self) -> Verdict:
        """What the worst figure says."""
        return self.figures[0].verdict

    @property
    def severity(self) -> float:
        """The worst figure over what it would take to call it drift."""
        return max(figure.severity for figure in self.figures)

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in a sentence."""
        worst = self.figures[0]
        if worst.verdict == "none":
            return "No figure is over its limit."
        if worst.by_chance is None:
            return "Too few days with values to say."
        chance = f"chance alone reaches {worst.written(worst.by_chance)}"
        if worst.verdict == "not_decided":
            return f"{worst}; {chance}."
        limit = LIMITS[worst.name][worst.verdict == "drift"]
        return f"{worst}, over {worst.written(limit)}; {chance}."
