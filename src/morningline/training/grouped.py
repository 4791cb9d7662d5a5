"""Sums, maxima and probabilities within each event, safe for any finite score."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from morningline.kit.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


def check_starts(starts: Integers, rows: int) -> None:
    """Make sure that offsets cut `rows` rows into events without gap, overlap or empty event.

    `reduceat` answers an empty group with a neighbour's value instead of an error, so nothing below may
    see one.

    Args:
        starts: Offsets, shape (events + 1,), integers: the first row of each event, then `rows`.
        rows: How many rows the offsets must cover.

    Raises:
        InputError: If the offsets are not integers rising strictly from 0 to `rows`.
    """
    right = (
        starts.ndim == 1
        and starts.size >= 2
        and np.issubdtype(starts.dtype, np.integer)
        and starts[0] == 0
        and starts[-1] == rows
        and bool((np.diff(starts) > 0).all())
    )
    if not right:
        raise InputError(
            f"The events' offsets (shape {starts.shape}, dtype {starts.dtype}) do not cover {rows} rows.",
            allowed=f"events + 1 integers that rise strictly from 0 to {rows}; no event without rows",
            do="Sort the rows by event, then give the first row of each event and the number of rows.",
        )


def group_sums(values: Floats, starts: Integers) -> Floats:
    """Sum the rows of each event.

    Args:
        values: Shape (rows,) or (rows, columns).
        starts: Offsets, shape (events + 1,).

    Returns:
        Shape (events,) or (events, columns).

    Raises:
        InputError: If the offsets do not cover the rows.
    """
    check_starts(starts, len(values))
    return np.asarray(np.add.reduceat(values, starts[:-1], axis=0), dtype=np.float64)


def group_maxima(values: Floats, starts: Integers) -> Floats:
    """Find the largest value of each event; NaN when any of its values is NaN.

    Args:
        values: Shape (rows,).
        starts: Offsets, shape (events + 1,).

    Returns:
        Shape (events,).

    Raises:
        InputError: If the offsets do not cover the rows.
    """
    check_starts(starts, len(values))
    return np.asarray(np.maximum.reduceat(values, starts[:-1]), dtype=np.float64)


def spread(values: Floats, starts: Integers) -> Floats:
    """Repeat each event's value on each of its rows.

    Args:
        values: Shape (events,) or (events, columns).
        starts: Offsets, shape (events + 1,).

    Returns:
        Shape (rows,) or (rows, columns).
    """
    return np.repeat(values, np.diff(starts), axis=0)


def group_log_softmax(scores: Floats, starts: Integers) -> Floats:
    """Turn scores into natural logarithms of probabilities that sum to one within each event.

    ln p_i = s_i - m - ln Σ_j exp(s_j - m) with m the event's largest score: the largest exponential is 1, so
    nothing overflows and the sum is at least 1 (Blanchard, Higham & Higham 2021, "Accurately computing the
    log-sum-exp and softmax functions", IMA J. Numer. Anal. 41).

    Args:
        scores: Shape (rows,); -inf means impossible.
        starts: Offsets, shape (events + 1,).

    Returns:
        Shape (rows,), at most 0.

    Raises:
        InputError: If a score is NaN or +inf, an event has only -inf, or the offsets do not cover the rows.
    """
    maxima = group_maxima(scores, starts)
    if not np.isfinite(maxima).all():
        event = int(np.flatnonzero(~np.isfinite(maxima))[0])
        raise InputError(
            f"The scores of event number {event} are {scores[starts[event] : starts[event + 1]]}.",
            allowed="finite scores, or -inf for an impossible entrant beside at least one finite score",
            do="Find out why the model gave no number for this event.",
        )
    shifted = scores - spread(maxima, starts)
    return np.asarray(shifted - spread(np.log(group_sums(np.exp(shifted), starts)), starts))


def group_softmax(scores: Floats, starts: Integers) -> Floats:
    """Turn scores into probabilities that sum to one within each event.

    Args:
        scores: Shape (rows,); -inf means impossible.
        starts: Offsets, shape (events + 1,).

    Returns:
        Shape (rows,), within [0, 1].

    Raises:
        InputError: As for `group_log_softmax`.
    """
    return np.exp(group_log_softmax(scores, starts))
