"""The rehearsal: a program that lives through days of a domain's made-up world, and collects from it over HTTP."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from morningline.kit import clock
from morningline.wiring.collecting import CollectRequest
from morningline.wiring.program import Program, domain_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from morningline.domains.contract import World
    from morningline.training.registry import RegisteredModel


@dataclass(frozen=True)
class Rehearsal:
    """A program in a made-up world: what it is to collect, and how far it is from the truth.

    Args:
        program: Collects from the world.
        world: The world.
        turn_clock_to: Lets the clock of this process stand at an instant (UTC).
    """

    program: Program
    world: World
    turn_clock_to: Callable[[datetime], None]

    def turn_to(self, instant: datetime) -> None:
        """Let the clocks of the world and of this process stand at an instant (UTC)."""
        self.world.turn_to(instant)
        self.turn_clock_to(instant)

    @property
    def history(self) -> CollectRequest:
        """What is over in the world's evening: the lists, and the results of every day."""
        world, what = self.world, ["masters", "events"]
        return CollectRequest(feed=world.feed, what=what, first=world.first, last=world.evening.date(), only="results")

    @property
    def cards(self) -> CollectRequest:
        """What is known in the world's evening of the days to come."""
        return CollectRequest(feed=self.world.feed, what=["today"])

    @property
    def results(self) -> CollectRequest:
        """What came of the day that was to come; ask when it is over."""
        return CollectRequest(feed=self.world.feed, what=["results"], last=self.world.tomorrow)

    def gap_to_truth(self, registered: RegisteredModel) -> dict[str, float]:
        """Mean absolute distance of each model's test probabilities from the true ones."""
        import polars as pl

        outcomes = pl.read_parquet(self.program.workspace.root / registered.artefact / "backtest.parquet")
        truth = self.world.truth(self.world.test_from, self.world.test_to)
        test = outcomes.filter(pl.col("part") == "test").join(truth, on=["event_id", "entrant_id"])
        names = ("uniform", "market", "market_free", "combined")
        return {name: float((test[name] - test["truth"]).abs().mean()) for name in names}  # type: ignore[arg-type]


@contextmanager
def rehearse(program: Program, domain_name: str, seed: int) -> Iterator[Rehearsal]:
    """Serve a domain's made-up world on this machine, and turn the clock of this process to the world's evening.

    Args:
        program: The workspace.
        domain_name: Whose world.
        seed: Which world.

    Yields:
        The rehearsal; its program collects from the world, whatever the settings file says of that feed.
    """
    with ExitStack() as stack:
        world = stack.enter_context(domain_named(domain_name).make_world(seed))
        stack.enter_context(_variables(world.credentials))
        turn_clock_to = stack.enter_context(clock.rehearsal())
        feeds = {**program.settings.feeds, world.feed: world.table}
        living = stack.enter_context(Program(program.workspace, replace(program.settings, feeds=feeds)))
        found = Rehearsal(living, world, turn_clock_to)
        found.turn_to(world.evening)
        yield found


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process's environment, which had not been there."""
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
