"""The card of a model: what the registry knows of it, above what its report shows, as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from morningline.wiring.program import domain_named
from morningline.wiring.rivals import against_another
from morningline.wiring.tasks import task_named

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.monitoring.card_data import DecisionLine, Rivalry
    from morningline.monitoring.report_data import DeltaR2
    from morningline.training.evaluation.comparison import Comparison
    from morningline.training.registry import Promotion
    from morningline.wiring.program import Program
    from morningline.wiring.registry import ModelVersion


def write_model_card(
    program: Program, domain_name: str, wanted: str | None, out: Path | None, *, task: str | None = None
) -> Path:
    """Write the card of a model as one HTML page; returns its path."""
    from morningline.wiring.registry import show_model
    from morningline.wiring.row_card import row_card

    version = show_model(program, domain_name, wanted, task=task)
    of_rows = task_named(version.model.task).kind != "group"
    page = row_card(program, domain_name, version) if of_rows else _card(program, domain_name, version)
    path = out or program.workspace.reports / f"card-{version.model.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _card(program: Program, domain_name: str, version: ModelVersion) -> str:
    """The card of a model of who wins."""
    from morningline.monitoring.card import render_card
    from morningline.monitoring.card_data import CardData, ScoreLine
    from morningline.monitoring.report_building import build_report
    from morningline.wiring.acts import subject_of
    from morningline.wiring.training_page import learning_curves_of, study_of_summary

    domain, model = domain_named(domain_name), version.model
    with program.database.connect(read_only=True) as connection:
        subject = subject_of(program, domain, model)
        report = build_report(connection, model, subject, root=program.workspace.root, threads=program.threads)
    rivalry, why_not = _rivalry(program, domain_name, version)
    tuning, (curves, left_out) = model.metrics.get("tuning"), learning_curves_of(program, version.trainings)
    return render_card(
        CardData(
            report=report,
            model_id=model.id,
            version=model.version,
            task=model.task,
            aliases=version.aliases,
            registered_by=model.registered_by,
            predictions=version.predictions,
            trainings=version.trainings,
            scores=[
                ScoreLine(model=one.model, metric=one.metric, estimate=one.estimate, low=one.low, high=one.high)
                for one in version.scores
            ],
            rivalry=rivalry,
            no_rivalry=why_not,
            decisions=[_decision(one) for one in version.promotions],
            study=study_of_summary(tuning, model.task) if tuning else None,
            curves=curves,
            curves_left_out=left_out,
        )
    )


def _rivalry(program: Program, domain_name: str, version: ModelVersion) -> tuple[Rivalry | None, str]:
    """The model against the champion, or the champion against the one before; or why there is none."""
    from morningline.monitoring.card_data import Rivalry

    words, compared, why_not = against_another(program, domain_name, version)
    if compared is None:
        return None, why_not
    found = Rivalry(
        other=words,
        delta=_delta(cast("Comparison", compared.result)),
        events=compared.result.events,
        days=compared.result.days,
        compared=compared.compared,
    )
    return found, ""


def _delta(found: Comparison | Promotion) -> DeltaR2:
    from morningline.monitoring.report_data import DeltaR2

    names = ("estimate", "low", "high", "mde", "verdict")
    return DeltaR2(**{name: getattr(found, name) for name in names})


def _decision(promotion: Promotion) -> DecisionLine:
    from morningline.monitoring.card_data import DecisionLine

    return DecisionLine(
        decided_at=promotion.decided_at,
        decided_by=promotion.decided_by,
        outcome=promotion.outcome,
        from_model=promotion.from_model,
        to_model=promotion.to_model,
        verdict=promotion.verdict,
        delta=_delta(promotion) if promotion.estimate is not None else None,
        reason=promotion.reason,
    )
