"""What goes on the report of a model: its backtest by season, its calibration, its features, its data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from morningline.facts.quality import quality
from morningline.kit.clock import utc_now
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
)
from morningline.training.evaluation.comparison import clustered_interval
from morningline.training.evaluation.metrics import reliability
from morningline.training.models.win_model import UNCALIBRATED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import psycopg

    from morningline.facts.table import Table
    from morningline.features.feature_set import FeatureSet
    from morningline.training.registry import RegisteredModel

MODELS = ("uniform", "market", "market_power", "market_free", "combined")
SHOWN = ("market", "market_free", "combined")
MODELS_OF_PART = {"train": ("market",), "validation": SHOWN, "test": SHOWN}
SUFFIX_OF_PART = {"train": "", "validation": " (validation)", "test": " (test)"}
BINS = 12


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a report is about, in the words of its domain.

    Args:
        event_noun: What an event is called.
        entrant_noun: What an entrant is called.
        features: The feature set, for the words that describe a feature.
        tables: The tables whose quality is shown.
        seasons: Local days to season labels.
    """

    event_noun: str
    entrant_noun: str
    features: FeatureSet
    tables: Sequence[Table]
    seasons: Callable[[pl.Series], pl.Series]


def build_report(
    connection: psycopg.Connection[Any], registered: RegisteredModel, subject: Subject, *, root: Path, threads: int
) -> ReportData:
    """Gather the report of a registered model.

    Args:
        connection: An open connection.
        registered: The model.
        subject: What it is about.
        root: The workspace.
        threads: CPU threads.
    """
    outcomes = pl.read_parquet(root / registered.artefact / "backtest.parquet")
    test = outcomes.filter(pl.col("part") == "test")
    return ReportData(
        title="Who wins, and does the market know it already?",
        subtitle=f"Backtest of {registered.id}",
        generated_at=utc_now(),
        event_noun=subject.event_noun,
        entrant_noun=subject.entrant_noun,
        periods=periods_of(outcomes, registered),
        provenance=provenance_of(registered),
        models=_models(test, registered),
        delta_r2=DeltaR2(**registered.metrics["delta_r2"]),
        excluded=registered.metrics["excluded"],
        events=test["event_id"].n_unique(),
        entrants=test.height,
        reliability={name: _bins(test, name) for name in _calibrated(test, registered)},
        seasons=_seasons(outcomes, subject.seasons),
        importance=importance_of(registered, root, subject.features, threads),
        quality=[TableQuality(**asdict(table)) for table in quality(connection, subject.tables) if table.rows],
    )


def periods_of(outcomes: pl.DataFrame, registered: RegisteredModel) -> Periods:
    """The days a registered model was fitted on, validated on and judged on."""
    validation = outcomes.filter(pl.col("part") == "validation")["day"]
    first = registered.metrics["first_day"]
    return Periods(
        train=DateRange(first_day=date.fromisoformat(first), last_day=registered.train_until),
        validation=DateRange(first_day=min(validation), last_day=max(validation)),
        test=DateRange(first_day=registered.test_from, last_day=registered.test_to),
    )


def provenance_of(registered: RegisteredModel) -> list[tuple[str, str]]:
    """What finds the same model, data and code again."""
    return [
        ("Model", registered.id),
        ("Trained at", registered.created_at.strftime("%Y-%m-%d %H:%M UTC")),
        ("Feature set and version", f"{registered.feature_set} {registered.feature_version}"),
        ("Delta version", str(registered.delta_version)),
        ("Data fingerprint", registered.data_fingerprint),
        ("Code version", registered.code_version),
        ("Seed", str(registered.seed)),
        ("Parameters", ", ".join(f"{k} = {v}" for k, v in registered.parameters.items() if v != {})),
        ("Files' SHA-256", registered.artefact_sha256),
    ]


def _events(rows: pl.DataFrame, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Winner's loss and day of each event."""
    winners = rows.filter(pl.col("won") == 1.0).sort("day", "event_id")
    days = np.array([day.toordinal() for day in winners["day"]])
    return -np.log(winners[name].to_numpy()), days


def _models(test: pl.DataFrame, registered: RegisteredModel) -> dict[str, ModelScores]:
    models = {}
    for name in MODELS:
        interval = clustered_interval(*_events(test, name))
        scores = registered.metrics["models"][name]
        models[name] = ModelScores(**scores, log_loss_low=interval.low, log_loss_high=interval.high)
    return models


def _calibrated(test: pl.DataFrame, registered: RegisteredModel) -> tuple[str, ...]:
    """Models whose reliability is shown: the market-free one before its calibration too, where that changes it."""
    changed = registered.metrics.get("calibration", {"kind": "none"})["kind"] != "none"
    return (*SHOWN, UNCALIBRATED) if changed and UNCALIBRATED in test.columns else SHOWN


def _bins(test: pl.DataFrame, name: str) -> list[ReliabilityBin]:
    found = reliability(test[name].to_numpy(), test["won"].to_numpy(), BINS)
    return [ReliabilityBin(**asdict(one)) for one in found]


def _seasons(outcomes: pl.DataFrame, seasons: Callable[[pl.Series], pl.Series]) -> list[SeasonScores]:
    marked = outcomes.sort("day").with_columns(seasons(outcomes["day"].sort()).alias("season"))
    shown = []
    for (season, part), rows in marked.group_by("season", "part", maintain_order=True):
        losses = {}
        # A model is shown only where it did not learn; the market learns nothing and is shown throughout.
        for name in MODELS_OF_PART[str(part)]:
            interval = clustered_interval(*_events(rows, name))
            losses[name] = (interval.estimate, interval.low, interval.high)
        label = f"{season}{SUFFIX_OF_PART[str(part)]}"
        events = rows["event_id"].n_unique()
        shown.append(SeasonScores(label=label, events=events, losses=losses, unseen=part == "test"))
    return shown


def importance_of(registered: RegisteredModel, root: Path, features: FeatureSet, threads: int) -> list[FeatureShare]:
    """Each feature's share of what a registered model draws from them, largest first, with its words."""
    words = {feature.name: feature.description for feature in features.features}
    shares = registered.load(root, threads=threads).first_stage.importance()
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return [FeatureShare(feature=name, share=share, description=words.get(name, "")) for name, share in ordered]
