"""The racing features, first cut: form, market memory, speed against par, fitness, weight, draw, people, conditions."""

from __future__ import annotations

from pathlib import Path

from morningline.domains.racing.features.field import card_steps, rival_steps
from morningline.domains.racing.features.horse import horse_steps
from morningline.domains.racing.features.past import past_steps
from morningline.domains.racing.features.people import draw_steps, people_steps
from morningline.features.feature_set import FeatureSet

_HERE = Path(__file__).parent

FEATURES = FeatureSet(
    name="racing",
    steps=(*past_steps(), *horse_steps(), *people_steps(), *draw_steps(), *card_steps(), *rival_steps()),
    # Besides the definitions: what prepares the events, and the words it reads goings with.
    code=(
        *sorted(_HERE.glob("*.py")),
        _HERE.parent / "events.py",
        _HERE.parent / "vocabulary.py",
    ),
)
"""The racing feature set."""

__all__ = ["FEATURES"]
