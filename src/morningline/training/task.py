"""A task: what is predicted of which events, from what is known when, what the truth was, and what it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    import polars as pl
    import psycopg

    from morningline.features.cutoffs import Cutoff
    from morningline.features.state import Events
    from morningline.training.models.learner import Kind


class EventsOf(Protocol):
    """Entrants and outcomes as they were known at an instant."""

    def __call__(
        self,
        connection: psycopg.Connection[Any],
        *,
        as_of: datetime,
        cutoff: Cutoff,
        first: date | None = None,
        last: date | None = None,
    ) -> Events:
        """Read those of the local days `first` to `last`, both included; null is open."""


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What holds of tasks of a kind where a task says nothing else.

    Attributes:
        learner: What is trained.
        target: Column of the answers that says what came.
        metrics: What is shown; the first decides a promotion.
        deciding: Which may be the first: means over rows, so that two models can be compared row by row.
        baselines: What a model has to beat.
    """

    learner: str
    target: str
    metrics: tuple[str, ...]
    deciding: tuple[str, ...]
    baselines: tuple[str, ...]


USUAL: Mapping[Kind, Usual] = MappingProxyType(
    {
        "group": Usual(
            learner="logit_and_trees",
            target="won",
            metrics=("winner_log_loss", "r2", "brier", "top1", "ece"),
            deciding=("winner_log_loss",),
            baselines=("uniform", "market", "market_power"),
        ),
        "binary": Usual(
            learner="binary_trees",
            target="happened",
            metrics=("log_loss", "r2", "brier", "auc", "ece"),
            deciding=("log_loss", "brier"),
            baselines=("base_rate",),
        ),
        "regression": Usual(
            learner="quantile_trees",
            target="amount",
            metrics=("pinball", "mae", "rmse", "mape", "winkler", "coverage", "width"),
            deciding=("pinball", "winkler", "mae"),
            baselines=("past_quantiles", "mean", "last_value"),
        ),
    }
)
"""Kind to what is usual of its tasks."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is predicted: who wins an event, whether something happens to an entrant, or how much it is.

    Args:
        name: `<domain>.<what>`, such as `racing.win`.
        events: Entrants and outcomes for the feature engine.
        cutoffs: The distinct cut-offs of a local day's events under a policy, UTC instants in order.
        answers: What came of every entrant known at an instant: `event_id`, `entrant_id`, `day`, the target,
            `excluded` (why the row, in a group its event, is left out; null where it counts) and the references.
            Only entrants that took part. Of a group: `won` (a half in a dead heat of two) and `odds` (decimal
            closing price or null).
        seasons: Local days to the label of their season.
        kind: `group` is who wins, `binary` whether it happens, `regression` how much it is.
        target: Column of the answers that says what came: 1.0 or 0.0 of a binary task; null where it is not known.
        unit: Unit of the target of a regression, in words, such as `lengths`.
        metrics: What is shown; the first decides a promotion. The kind's usual ones where none are named.
        baselines: What a model has to beat: names of learners of its kind. The kind's usual ones where none are named.
        references: Columns of the answers with what others said of the same rows, such as a market; of a binary task.
        interval: What keeps the interval of a regression: the `validation` days alone, or a margin that goes on
            `rolling` with the days after them.
        least: The least that the target of a regression can be; no forecast goes below it.

    Raises:
        InputError: A metric is not one of the kind, or cannot decide; or something is said that the kind has not.
    """

    name: str
    events: EventsOf
    cutoffs: Callable[..., list[datetime]]
    answers: Callable[..., pl.DataFrame]
    seasons: Callable[[pl.Series], pl.Series]
    kind: Kind = "group"
    target: str = ""
    unit: str = ""
    metrics: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    interval: Literal["validation", "rolling"] = "validation"
    least: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in USUAL:
            raise InputError(f"The task {self.name} is of kind {self.kind!r}.", allowed=", ".join(USUAL))
        for name in ("target", "metrics", "baselines"):
            object.__setattr__(self, name, getattr(self, name) or getattr(self.usual, name))
        self._check_metrics()
        self._check_kind()

    @property
    def usual(self) -> Usual:
        """What is usual of its kind."""
        return USUAL[self.kind]

    @property
    def metric(self) -> str:
        """The metric that decides a promotion."""
        return self.metrics[0]

    def _check_metrics(self) -> None:
        unknown = sorted(set(self.metrics) - set(self.usual.metrics))
        if unknown or self.metric not in self.usual.deciding:
            raise InputError(
                f"The metrics of the task {self.name} are {', '.join(self.metrics)}.",
                allowed=f"of {', '.join(self.usual.metrics)}, and first one of {', '.join(self.usual.deciding)}",
                do="Put first what a promotion is to be decided by.",
            )

    def _check_kind(self) -> None:
        wrong = {
            "references": self.references if self.kind != "binary" else (),
            "least": self.least if self.kind != "regression" else None,
            "interval": self.interval if self.kind != "regression" and self.interval != "validation" else None,
            "target": self.target if self.kind == "group" and self.target != self.usual.target else None,
            "baselines": self.baselines if self.kind == "group" and self.baselines != self.usual.baselines else None,
        }
        said = {name: value for name, value in wrong.items() if value not in {None, ()}}
        if said:
            raise InputError(
                f"The task {self.name} of kind {self.kind!r} says {said}.",
                allowed="references of binary tasks; least and interval of regressions; target and baselines of both",
                do="Leave these out.",
            )
