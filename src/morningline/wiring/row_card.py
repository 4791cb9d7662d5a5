"""The card of a model of single rows: what the registry knows of it and what its test shows, as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.kit.clock import utc_now
from morningline.wiring.program import domain_named
from morningline.wiring.rivals import against_another
from morningline.wiring.tasks import task_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from morningline.monitoring.report_data import ReliabilityBin
    from morningline.monitoring.row_card_data import MonthCoverage, RowDecision, SavedLoss
    from morningline.training.registry import Promotion
    from morningline.wiring.program import Program
    from morningline.wiring.registry import ModelVersion

BINS = 12
DRAWN = {"model": "market_free", "market_calibrated": "market"}
"""Whose reliability is drawn, and under which name."""


def row_card(program: Program, domain_name: str, version: ModelVersion) -> str:
    """The card of a model of single rows, as one HTML page."""
    from morningline.monitoring.card_data import ScoreLine
    from morningline.monitoring.report_building import importance_of, periods_of, provenance_of
    from morningline.monitoring.row_card import render_row_card
    from morningline.monitoring.row_card_data import RowCardData
    from morningline.training.registry import kept_outcomes
    from morningline.wiring.training_page import learning_curves_of, study_of_summary

    domain, model = domain_named(domain_name), version.model
    task, metrics, root = task_named(model.task), version.model.metrics, program.workspace.root
    outcomes = kept_outcomes(model, root)
    test = outcomes.filter(outcomes["part"] == "test")
    words, compared, why_not = against_another(program, domain_name, version)
    features = program.feature_set(domain, model.feature_set)
    curves, left_out = learning_curves_of(program, version.trainings)
    return render_row_card(
        RowCardData(
            generated_at=utc_now(),
            model_id=model.id,
            version=model.version,
            task=model.task,
            target=metrics["target"],
            unit=metrics["unit"],
            metric=metrics["metric"],
            entrant_noun=domain.entrant_noun,
            aliases=version.aliases,
            registered_by=model.registered_by,
            trainings=version.trainings,
            periods=periods_of(outcomes, model),
            provenance=provenance_of(model),
            rows=metrics["rows"],
            days=metrics["days"],
            scores=[
                ScoreLine(model=one.model, metric=one.metric, estimate=one.estimate, low=one.low, high=one.high)
                for one in version.scores
            ],
            over=_over(metrics),
            repair=_repair(metrics["calibration"]),
            reliability=_reliability(test) if task.kind == "binary" else {},
            months=_months(test) if task.kind == "regression" else [],
            level=metrics["calibration"]["level"] if task.kind == "regression" else None,
            excluded=metrics["excluded"],
            importance=importance_of(model, root, features, program.threads),
            rival=None if compared is None else _saved(words, vars(compared.result)),
            no_rival=why_not,
            decisions=[_decision(one) for one in version.promotions],
            study=study_of_summary(metrics["tuning"], model.task) if "tuning" in metrics else None,
            curves=curves,
            curves_left_out=left_out,
        )
    )


def _saved(name: str, found: Mapping[str, Any]) -> SavedLoss:
    from morningline.monitoring.row_card_data import SavedLoss

    return SavedLoss(name=name, **{key: found[key] for key in ("estimate", "low", "high", "mde", "verdict")})


def _over(metrics: Mapping[str, Any]) -> list[SavedLoss]:
    """The model against its baselines, the hardest first."""
    found = [_saved(name, over) for name, over in metrics["over"].items()]
    return sorted(found, key=lambda one: one.estimate)


def _repair(calibration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the validation changed, and scores before it."""
    said = {name: f"{value:.4f}" if isinstance(value, float) else str(value) for name, value in calibration.items()}
    return [(f"Validation: {name.replace('_', ' ')}", value) for name, value in said.items()]


def _reliability(test: pl.DataFrame) -> dict[str, list[ReliabilityBin]]:
    from dataclasses import asdict

    from morningline.monitoring.report_data import ReliabilityBin
    from morningline.training.evaluation.metrics import reliability

    target = test["target"].to_numpy()
    return {
        drawn: [ReliabilityBin(**asdict(one)) for one in reliability(test[name].to_numpy(), target, BINS)]
        for name, drawn in DRAWN.items()
        if name in test.columns
    }


def _months(test: pl.DataFrame) -> list[MonthCoverage]:
    import polars as pl

    from morningline.monitoring.row_card_data import MonthCoverage

    said = pl.col("model").struct
    held = (said.field("low") <= pl.col("target")) & (pl.col("target") <= said.field("high"))
    width = said.field("high") - said.field("low")
    by_month = test.group_by(pl.col("day").dt.truncate("1mo").alias("month")).agg(
        held.mean().alias("coverage"), width.mean().alias("width"), pl.len().alias("rows")
    )
    return [MonthCoverage(**row) for row in by_month.sort("month").iter_rows(named=True)]


def _decision(promotion: Promotion) -> RowDecision:
    from morningline.monitoring.row_card_data import RowDecision

    return RowDecision(
        decided_at=promotion.decided_at,
        decided_by=promotion.decided_by,
        outcome=promotion.outcome,
        from_model=promotion.from_model,
        to_model=promotion.to_model,
        saved=None if promotion.estimate is None else _saved("", vars(promotion)),
        reason=promotion.reason,
    )
