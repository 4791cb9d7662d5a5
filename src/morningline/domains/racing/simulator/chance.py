"""Chance without a sequence: every draw is a hash of what it is about, so any of them can be had alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Key = int | Ints

# The constants of SplitMix64 (Steele, Lea and Flood 2014), as Vigna's reference code has them.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _finish(state: Hashes) -> Hashes:
    """Scramble 64 bits so that every input bit moves half of the output bits."""
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def hashes(seed: int, stream: str, *keys: Key) -> Hashes:
    """Hash keys into 64 even bits.

    Args:
        seed: The world.
        stream: What is drawn; different names give independent draws.
        keys: Whole numbers or arrays of them, broadcast against each other.

    Returns:
        One hash for each element; an array of one element if all keys are plain numbers.
    """
    start = int.from_bytes(stream.encode().ljust(8, b".")[:8], "little") ^ (hash_text(stream) << 8)
    state = np.array([(start + seed * int(_STEP)) % 2**64], dtype=np.uint64)
    for key in keys:
        words = np.atleast_1d(np.asarray(key, dtype=np.int64)).astype(np.uint64)
        state = _finish((state + _STEP) ^ (words * _STEP + _FIRST))
    return _finish(state)


def hash_text(text: str) -> int:
    """Hash a text to 32 bits (FNV-1a); Python's own hash differs from one process to the next."""
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) % 2**32
    return value


def mixed(number: int, salt: int) -> int:
    """Scramble a plain number to 24 bits: Knuth's multiplicative hashing, for words where speed counts most."""
    return ((number + 7919 * salt) * 2654435761 % 2**32) >> 8


def uniform(seed: int, stream: str, *keys: Key) -> Floats:
    """Draw from [0, 1)."""
    return (hashes(seed, stream, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def whole(below: int, seed: int, stream: str, *keys: Key) -> Ints:
    """Draw whole numbers from zero up to, not including, `below`."""
    return (uniform(seed, stream, *keys) * below).astype(np.int64)


def normal(seed: int, stream: str, *keys: Key) -> Floats:
    """Draw standard normals (Box and Muller 1958), both uniforms from the halves of one hash."""
    bits = hashes(seed, stream, *keys)
    radius = ((bits >> np.uint64(32)).astype(np.float64) + 0.5) * 2.0**-32
    angle = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64) * (2 * np.pi * 2.0**-32)
    return np.sqrt(-2.0 * np.log(radius)) * np.cos(angle)


def drift(seed: int, stream: str, who: Ints, day: Key, days: int) -> Floats:
    """Draw a slowly wandering standard normal for each of `who`: new knots every `days` days, eased in between.

    Args:
        seed: The world.
        stream: What wanders.
        who: Indices, each with knots on days of its own.
        day: The day, an ordinal; one for all, or one each.
        days: Days between knots.
    """
    moved = np.asarray(day, dtype=np.int64) + who * 37 % days
    knot, part = moved // days, (moved % days) / days
    before, after = normal(seed, stream, who, knot), normal(seed, stream, who, knot + 1)
    # Dividing by the length of the weights keeps the deviation at one between the knots as well.
    return ((1 - part) * before + part * after) / np.sqrt((1 - part) ** 2 + part**2)
