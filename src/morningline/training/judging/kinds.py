"""Which judging belongs to which kind of task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from morningline.training.judging.amounts import AMOUNTS
from morningline.training.judging.chances import CHANCES
from morningline.training.judging.groups import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.training.judging.judging import Judging
    from morningline.training.models.learner import Kind

JUDGINGS: Mapping[Kind, Judging] = {"group": GROUPS, "binary": CHANCES, "regression": AMOUNTS}


def judging_of(kind: Kind) -> Judging:
    """The judging of a kind of task."""
    return JUDGINGS[kind]


def kind_of_model(metrics: Mapping[str, Any]) -> Kind:
    """The kind of a registered model, as its backtest's result says; one that says none is of who wins."""
    return cast("Kind", metrics.get("kind", "group"))
