"""The memory of this process: how much it holds, and what is free given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Give back what arrays have freed: glibc keeps it for later ones, and many of many sizes leave gaps.

    Elsewhere nothing is done.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def held_gib() -> float:
    """How much memory the process holds, GiB."""
    import psutil  # type: ignore[import-untyped]

    return float(psutil.Process().memory_info().rss) / 2**30
