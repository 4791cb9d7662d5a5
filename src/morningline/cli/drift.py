"""The command of feature drift: two periods beside each other, the worst features first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.data import Domain
from morningline.cli.predictions import parse_day
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from morningline.monitoring.drift import DriftReport
    from morningline.monitoring.drift_verdict import FeatureDrift

NUMBERS = ("nulls then", "now", "PSI", "by chance", "KS or JS", "by chance ")


def add_to(features: typer.Typer) -> None:
    """Add the command to those of features."""
    features.command()(drift)


def drift(
    reference_from: Annotated[str, typer.Option(help="First day of what is held to be usual, YYYY-MM-DD.")],
    reference_to: Annotated[str, typer.Option(help="Its last day.")],
    first: Annotated[str, typer.Option("--from", help="First day of the period that is asked about.")],
    last: Annotated[str, typer.Option("--to", help="Its last day.")],
    *,
    domain: Domain = "racing",
    top: Annotated[int, typer.Option(min=1, help="How many features to show, the worst first.")] = 20,
    json: AsJson = False,
) -> None:
    """Say which features are distributed otherwise in one period than in another; exit code 1 if any drifted."""
    from morningline.wiring.drifting import Period, feature_drift, plain_drift

    reference = Period(parse_day(reference_from), parse_day(reference_to))
    current = Period(parse_day(first), parse_day(last))
    with open_program() as program:
        report = feature_drift(program, domain, reference, current)
    if json:
        show.as_json(plain_drift(report))
    else:
        show.table(("feature", "kind", *NUMBERS, "verdict", "why"), map(_row, report.features[:top]), numbers=NUMBERS)
        show.line()
        show.line(
            f"Reference {reference}, {report.reference_rows:,} rows; now {current}, {report.current_rows:,} rows."
        )
        show.line(conclusion(report))
    if report.count("drift"):
        raise typer.Exit(1)


def _row(feature: FeatureDrift) -> tuple[object, ...]:
    shares = feature.reference_nulls / feature.reference_rows, feature.current_nulls / feature.current_rows
    figures = [
        value
        for figure in (feature.psi, feature.distance)
        for value in (figure and figure.value, figure and figure.by_chance)
    ]
    verdict = feature.verdict.replace("_", " ")
    reason = "" if feature.verdict == "none" else feature.reason
    return feature.name, feature.kind, *(f"{share:.1%}" for share in shares), *figures, verdict, reason


def conclusion(report: DriftReport) -> str:
    """How the features of two periods compare, in a sentence."""
    drifted, watched, open_ = (report.count(verdict) for verdict in ("drift", "watch", "not_decided"))
    said = f"{drifted} of {len(report.features)} features drifted, {watched} changed enough to watch"
    undecided = f", {open_} are not decided: these periods are too short for them" if open_ else ""
    return f"{said}{undecided}."
