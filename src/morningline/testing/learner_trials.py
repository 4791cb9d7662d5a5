"""Made-up pasts that a learner is tried on: events with a winner, and rows with an outcome or an amount."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from morningline.training.observations import Observations
from morningline.training.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.training.grouped import Floats, Integers
    from morningline.training.models.learner import Kind

NAMES = ("x0", "x1", "often_missing", "constant", "never_known_in_training")
_FIRST_DAY = 738_000


class Trial(Protocol):
    """Data of one kind, and how to look at a model of it.

    Attributes:
        train: What is fitted to. One feature is often missing, one constant, one always missing.
        unseen: Later days, on which the last feature is known.
    """

    @property
    def train(self) -> Any: ...  # noqa: D102 - said above

    @property
    def unseen(self) -> Any: ...  # noqa: D102 - said above

    def outputs(self, model: Any, data: Any) -> dict[str, Floats]:
        """All that the model says of each row, by name."""

    def problems(self, model: Any, data: Any) -> list[str]:
        """What is impossible in what the model says of these rows."""

    def pieces(self) -> Iterator[tuple[Any, Integers]]:
        """Unseen rows in other company and order, each with where they stand in `unseen`."""

    def blinded(self, data: Any) -> Any:
        """The same without what a model must not look at when it predicts."""


@dataclass(frozen=True)
class GroupTrial:
    """Events of 4 to 12 entrants."""

    train: Sample
    unseen: Sample

    def outputs(self, model: Any, data: Sample) -> dict[str, Floats]:
        """Ln p."""
        return {"log_scores": model.log_scores(data)}

    def problems(self, model: Any, data: Sample) -> list[str]:
        """Shapes, numbers that are none, and events whose probabilities do not sum to one."""
        scores = model.log_scores(data)
        if scores.shape != (data.rows,) or not np.isfinite(scores).all():
            return [f"log scores of shape {scores.shape}, {int((~np.isfinite(scores)).sum())} not finite"]
        sums = np.add.reduceat(np.exp(scores), data.starts[:-1])
        return [] if np.abs(sums - 1.0).max() < 1e-9 else [f"probabilities sum to {sums.min()}..{sums.max()}"]

    def pieces(self) -> Iterator[tuple[Sample, Integers]]:
        """Single events, every third one, and all backwards."""
        events = np.arange(self.unseen.events)
        for order in (events[:1], events[7:8], events[::3], events[::-1]):
            yield _events(self.unseen, order)

    def blinded(self, data: Sample) -> Sample:
        """Without winners and prices."""
        unknown = np.full(data.rows, np.nan)
        return replace(data, won=unknown, odds=unknown)


@dataclass(frozen=True)
class RowTrial:
    """Rows of 20 entities, one a day; `binary` says of what kind."""

    train: Observations
    unseen: Observations
    binary: bool

    def outputs(self, model: Any, data: Observations) -> dict[str, Floats]:
        """The probability, or point, low and high."""
        if self.binary:
            return {"probability": model.probability(data)}
        forecast = model.predict(data)
        return {"point": forecast.point, "low": forecast.low, "high": forecast.high}

    def problems(self, model: Any, data: Observations) -> list[str]:
        """Shapes, numbers that are none, probabilities beyond [0, 1], points outside their interval."""
        outputs = self.outputs(model, data)
        found = [f"{name} has shape {each.shape}" for name, each in outputs.items() if each.shape != (data.rows,)]
        found += [f"{name} has numbers that are none" for name, each in outputs.items() if not np.isfinite(each).all()]
        if self.binary:
            p = outputs["probability"]
            return found + ([] if ((p >= 0) & (p <= 1)).all() else [f"probabilities within {p.min()}..{p.max()}"])
        inside = (outputs["low"] <= outputs["point"]) & (outputs["point"] <= outputs["high"])
        return found + ([] if inside.all() else ["points outside their interval"])

    def pieces(self) -> Iterator[tuple[Observations, Integers]]:
        """Single rows, every third one, and all backwards."""
        rows = np.arange(self.unseen.rows)
        for order in (rows[:1], rows[7:8], rows[::3], rows[::-1]):
            yield _rows(self.unseen, order), order

    def blinded(self, data: Observations) -> Observations:
        """Without targets."""
        return replace(data, target=np.full(data.rows, np.nan))


@cache
def trial_of(kind: Kind) -> Trial:
    """The trial of a kind; the same object each time."""
    if kind == "group":
        return GroupTrial(train=_draw_events(1, 400, train=True), unseen=_draw_events(2, 60, train=False))
    binary = kind == "binary"
    return RowTrial(
        train=_draw_rows(1, 130, binary=binary, train=True),
        unseen=_draw_rows(2, 15, binary=binary, train=False),
        binary=binary,
    )


def with_holes(data: Any, seed: int = 3) -> Any:
    """The same with a third of all values missing, and one feature whole."""
    features = data.features.copy()
    features[np.random.default_rng(seed).random(features.shape) < 1 / 3] = np.nan
    features[:, 0] = np.nan
    return replace(data, features=features)


def _features(random: np.random.Generator, rows: int, *, train: bool) -> Floats:
    features = random.normal(size=(rows, len(NAMES)))
    features[random.random(rows) < 0.3, 2] = np.nan
    features[:, 3] = 1.0
    if train:
        features[:, 4] = np.nan
    return features


def _draw_events(seed: int, events: int, *, train: bool) -> Sample:
    """The largest score plus Gumbel noise wins with exactly the softmax probability."""
    random = np.random.default_rng(seed)
    sizes = random.integers(4, 13, events)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    features = _features(random, starts[-1], train=train)
    noisy = features[:, 0] + np.cos(2 * features[:, 1]) + random.gumbel(size=len(features))
    best = np.repeat(np.maximum.reduceat(noisy, starts[:-1]), sizes)
    return Sample(
        features=features,
        names=NAMES,
        starts=starts,
        won=(noisy == best).astype(np.float64),
        odds=1.0 + 10.0 * random.random(len(features)),
        days=_FIRST_DAY + (0 if train else 1000) + np.arange(events) // 5,
        event_ids=tuple(f"event-{seed}-{event}" for event in range(events)),
    )


def _draw_rows(seed: int, days: int, *, binary: bool, train: bool) -> Observations:
    random, entities = np.random.default_rng(seed), 20
    rows = days * entities
    features = _features(random, rows, train=train)
    signal = features[:, 0] + np.cos(2 * features[:, 1])
    happened = signal + random.logistic(size=rows) > 0
    amount = signal + (1 + np.abs(features[:, 1])) * random.normal(size=rows)
    return Observations(
        features=features,
        names=NAMES,
        target=happened.astype(np.float64) if binary else np.where(happened, 100.0 * amount, 0.0),
        days=_FIRST_DAY + (0 if train else 1000) + np.repeat(np.arange(days), entities),
        entities=tuple(f"entity-{entity}" for entity in np.tile(np.arange(entities), days)),
        row_ids=tuple(f"row-{seed}-{row}" for row in range(rows)),
    )


def _rows(data: Observations, order: Integers) -> Observations:
    return Observations(
        features=data.features[order],
        names=data.names,
        target=data.target[order],
        days=data.days[order],
        entities=tuple(data.entities[row] for row in order),
        row_ids=tuple(data.row_ids[row] for row in order),
    )


def _events(sample: Sample, order: Integers) -> tuple[Sample, Integers]:
    rows = np.concatenate([np.arange(sample.starts[event], sample.starts[event + 1]) for event in order])
    part = Sample(
        features=sample.features[rows],
        names=sample.names,
        starts=np.concatenate([[0], np.cumsum(sample.sizes[order])]),
        won=sample.won[rows],
        odds=sample.odds[rows],
        days=sample.days[order],
        event_ids=tuple(sample.event_ids[event] for event in order),
    )
    return part, rows
