"""The made-up world as the demo needs it: written to disk, with the days that split it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from morningline.domains.contract import World

if TYPE_CHECKING:
    from pathlib import Path


def make_world(folder: Path, seed: int) -> World:
    """Write two seasons of racing, tomorrow's card and its results.

    Args:
        folder: Where; made if missing.
        seed: Which world.
    """
    from morningline.domains.racing import world as made

    simulation = made.simulate(made.World(seed=seed))
    made.write_world(simulation, folder)
    return World(
        mapping="world",
        history=folder / "history",
        card=folder / "card",
        results=folder / "results",
        truth=folder / "truth.csv",
        tomorrow=simulation.tomorrow,
        train_until=date(2024, 4, 30),
        test_from=date(2024, 8, 1),
        test_to=date(2024, 11, 30),
    )
