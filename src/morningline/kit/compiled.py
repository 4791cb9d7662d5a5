"""Loops over numbers as machine code: compiled at their first call, and kept for the next process."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers with Numba; what it computes is said by its code alone.

    Sums are taken in the order in which they are written and nothing is contracted, so bits are those of the same loop
    in Python; dividing by zero gives infinity or NaN. Threads run compiled functions side by side. Machine code is
    kept beside the source, or in the user's cache where that cannot be written; it is made anew when the file changes,
    so a compiled function calls no other but those of its own file.
    """
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        # Nowhere can be written: it is compiled again in the next process.
        return njit(nogil=True, error_model="numpy")(function)


@compiled
def _nothing() -> None:
    """Do nothing, compiled."""


def load_beside() -> None:
    """Have Numba load its machinery beside what does not need it: once in a process it takes half a second."""
    Thread(target=_nothing).start()
