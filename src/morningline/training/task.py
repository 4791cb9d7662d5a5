"""A task: what is predicted of which events, from what is known when, and what the truth was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    import polars as pl
    import psycopg

    from morningline.features.cutoffs import Cutoff
    from morningline.features.state import Events


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
class Task:
    """Who wins an event.

    Args:
        name: `<domain>.<what>`, such as `racing.win`.
        events: Entrants and outcomes for the feature engine.
        cutoffs: The distinct cut-offs of a local day's events under a policy, UTC instants in order.
        answers: What came of every entrant known at an instant: `event_id`, `entrant_id`, `day`, `won` (a half in
            a dead heat of two), `odds` (decimal closing price or null), `excluded` (why the event is left out of
            scores, null where it counts). Only entrants that took part.
        seasons: Local days to the label of their season.
    """

    name: str
    events: EventsOf
    cutoffs: Callable[..., list[datetime]]
    answers: Callable[..., pl.DataFrame]
    seasons: Callable[[pl.Series], pl.Series]
