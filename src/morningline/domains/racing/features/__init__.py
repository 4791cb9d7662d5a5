"""The racing features, family by family, and the sets they make at two cut-offs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from morningline.domains.racing.features.condition import affinity_steps, change_steps, fitness_steps
from morningline.domains.racing.features.field import card_steps, standing_steps
from morningline.domains.racing.features.form import form_steps, market_steps, movement_steps
from morningline.domains.racing.features.past import past_steps
from morningline.domains.racing.features.people import draw_steps, people_steps
from morningline.domains.racing.features.rivals import field_strength_steps, meeting_steps, rating_steps
from morningline.domains.racing.features.speed import pace_steps, sectional_steps, speed_steps
from morningline.features.cutoffs import BeforeOff
from morningline.features.feature_set import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from morningline.features.definitions import Step

_HERE = Path(__file__).parent

FAMILIES: Mapping[str, Sequence[Step]] = MappingProxyType(
    {
        "past": past_steps(),
        "form": form_steps(),
        "market memory": market_steps(),
        "odds movement": movement_steps(),
        "speed": speed_steps(),
        "pace": pace_steps(),
        "sectionals": sectional_steps(),
        "fitness": fitness_steps(),
        "changes": change_steps(),
        "affinity": affinity_steps(),
        "people": people_steps(),
        "draw": draw_steps(),
        "ratings": rating_steps(),
        "head-to-head": meeting_steps(),
        "field strength": field_strength_steps(),
        "card": card_steps(),
        "standings": standing_steps(),
    }
)
"""The definitions by what they are about; `past` makes the values of history rows and has no feature."""

FEATURES = FeatureSet(
    name="racing",
    steps=tuple(step for family in FAMILIES.values() for step in family),
    # Besides the definitions: what prepares the events, and the words it reads goings with.
    code=(
        *sorted(_HERE.glob("*.py")),
        *(_HERE.parent / name for name in ("cards.py", "events.py", "outcomes.py", "prices.py", "vocabulary.py")),
    ),
)
"""The racing feature set, as of the morning."""

LATE_FEATURES = replace(FEATURES, name="racing_late", cutoff=BeforeOff(10))
"""The same ten minutes before the off: it knows the earlier races of the day, and who was withdrawn since."""

__all__ = ["FAMILIES", "FEATURES", "LATE_FEATURES"]
