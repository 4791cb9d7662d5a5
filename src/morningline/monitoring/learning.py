"""The parts of a page that say how a model was found: the study of its parameters and its learning curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from morningline.monitoring.charts import MISSING, fixed
from morningline.monitoring.curve_figures import learning_curves
from morningline.monitoring.pages import render_page
from morningline.monitoring.report import NARROW, WIDE
from morningline.monitoring.study_figures import study_history
from morningline.monitoring.verdicts import interval_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from morningline.monitoring.learning_data import CurvePart, StudyData, TrainingPage, TriedPoint

FIGURES = 4
"""Figures of a parameter that are shown."""


@dataclass(frozen=True, kw_only=True)
class ShownStudy:
    """A study as the page shows it.

    Attributes:
        words: What came of it, in a sentence or two.
        history: Its picture, wide and narrow; None while nothing is to draw.
        importance: Parameter, its share, and its value in the best trial; the largest first.
        names: The parameters, as columns.
        rows: Every trial.
    """

    words: str
    history: tuple[Markup | None, Markup | None]
    importance: Sequence[tuple[str, float, str]]
    names: Sequence[str]
    rows: Sequence[TriedPoint]

    @staticmethod
    def short(value: str | None) -> str:
        """A parameter's value with as many figures as matter."""
        return short(value)


@dataclass(frozen=True, kw_only=True)
class ShownCurves:
    """Learning curves as the page shows them: the picture, wide and narrow, and how many parts are in it or not."""

    pictures: tuple[Markup | None, Markup | None]
    count: int
    left_out: int


def shown_study(study: StudyData) -> ShownStudy:
    """Draw a study, and say what came of it."""
    best = study.best
    return ShownStudy(
        words=_told(study),
        history=(study_history(study, width=WIDE), study_history(study, width=NARROW)),
        importance=[
            (name, share, short(best.parameters.get(name)) if best else "")
            for name, share in sorted(study.importance.items(), key=lambda pair: -pair[1])
        ],
        names=list(dict.fromkeys(name for one in study.tried for name in one.parameters)),
        rows=study.tried,
    )


def shown_curves(parts: Sequence[CurvePart], left_out: int) -> ShownCurves:
    """Draw learning curves."""
    pictures = (learning_curves(parts, width=WIDE), learning_curves(parts, width=NARROW))
    return ShownCurves(pictures=pictures, count=len(parts), left_out=left_out)


def render_training(data: TrainingPage) -> str:
    """Write the page of a training as one HTML page that needs nothing else: no script, no font, no host."""
    context = {
        "data": data,
        "results": _tables(data.results),
        "study": shown_study(data.study) if data.study else None,
        "curves": shown_curves(data.curves, data.left_out) if data.curves else None,
    }
    return render_page("training.html.j2", context)


def short(value: str | None) -> str:
    """A parameter's value with as many figures as matter."""
    try:
        return MISSING if value is None else f"{float(value):.{FIGURES}g}"
    except ValueError:
        return str(value)


def _told(study: StudyData) -> str:
    ended = sum(one.status in {"succeeded", "pruned"} for one in study.tried)
    early = sum(one.status == "pruned" for one in study.tried)
    words = f"{ended} sets of parameters were tried on days before the test, {early} of them given up early."
    best, default = study.best, study.default_loss
    kept_default = best is not None and best.loss is not None and default is not None and best.loss >= default
    if best is not None and best.loss is not None and default is not None:
        if best.loss < default:
            words += f" There the loss fell from {fixed(default, 4)} with the defaults to {fixed(best.loss, 4)}"
            words += f" in trial {best.number}, whose parameters were taken."
        else:
            words += f" None was better than the defaults, whose loss there is {fixed(default, 4)}; they were kept."
    if study.over_default is not None and not kept_default:
        worth = interval_words(study.over_default, study.gain)
        words += f" On the test, which no trial has seen, over the defaults: {worth}."
    return words


def _tables(results: Sequence[tuple[str, float, int]]) -> list[tuple[list[str], list[tuple[str, list[str]]]]]:
    """Results such as `combined.r2` as tables: what was measured alike stands in one, a row each."""
    rows: dict[str, dict[str, float]] = {}
    for name, value, _ in results:
        what, _, measure = name.rpartition(".")
        rows.setdefault(what, {})[measure] = value
    tables: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for what, measured in rows.items():
        cells = [fixed(value, 4) for value in measured.values()]
        tables.setdefault(tuple(measured), []).append((what.replace("_", " "), cells))
    return [([measure.replace("_", " ") for measure in measures], found) for measures, found in tables.items()]
