"""Learning curves: what a fit says of itself after each step, and to whom."""

from collections.abc import Callable
from typing import TypeAlias

Step: TypeAlias = Callable[[str, int, float], None]
"""Told a name such as `validation_loss`, how many trees there are (or which step it is), and the value."""


def unrecorded(_name: str, _step: int, _value: float) -> None:
    """Let a step be."""
