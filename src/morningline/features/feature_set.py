"""A feature set: definitions under a name, with a version that changes whenever a value could."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from morningline.features.cutoffs import MORNING
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from morningline.features.cutoffs import Cutoff
    from morningline.features.definitions import Expression, History, Step, WithinEvent

ENGINE = (
    *("asking.py", "columns.py", "conditions.py", "cutoffs.py", "definitions.py", "engine.py", "histories.py"),
    *("listings.py", "meetings.py", "order_statistics.py", "past.py", "planning.py", "rated.py", "rating.py"),
    *("scans.py", "sorting.py", "state.py", "sums.py", "windows.py", "within.py"),
)
"""The files whose code decides a value."""


@dataclass(frozen=True)
class FeatureSet:
    """Definitions that are computed, stored and pinned together.

    Args:
        name: As users say it.
        steps: Definitions, in any order.
        code: Files besides the engine whose code decides a value: how the domain prepares its events.
        cutoff: Until when facts count for an event.

    Raises:
        InputError: Two definitions bear one name.
    """

    name: str
    steps: tuple[Step, ...]
    code: tuple[Path, ...] = ()
    cutoff: Cutoff = MORNING

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InputError(
                f"The feature set {self.name!r} defines {', '.join(repeated)} twice.",
                do="Give each a name of its own.",
            )

    @property
    def features(self) -> Sequence[History | Expression | WithinEvent]:
        """The definitions that are features, in their order."""
        return [step for step in self.steps if getattr(step, "kept", False)]  # type: ignore[misc]

    @property
    def names(self) -> list[str]:
        """The features' names, in the order of their columns."""
        return [step.name for step in self.features]

    @cached_property
    def version(self) -> str:
        """Hash of the definitions and of the code that computes them, 12 hexadecimal digits.

        The libraries are part of it through the program's locked dependencies, not through this hash.
        """
        files = [Path(__file__).with_name(name) for name in ENGINE] + sorted(self.code)
        code = [path.read_bytes() for path in files]
        definitions = repr((self.steps, self.cutoff)).encode()
        return sha256(definitions + b"".join(code)).hexdigest()[:12]
