"""Every sample of the real feed becomes facts with nothing turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from racing_api_facts import SAMPLES, sample

if TYPE_CHECKING:
    from racing_api_facts import Collected

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the samples beside the checkout"),
]

NAMES = sorted(
    path.name
    for path in SAMPLES.glob("*.json")
    if path.name.startswith(("racecards_", "courses_", "regions_", "horse_pro", "horse_standard"))
    or "results" in path.name
)
NAMES = [name for name in NAMES if "summaries" not in name]


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_parses_with_nothing_turned_away(name: str, collected: Collected) -> None:
    assembly = collected.load(sample(name))
    assert assembly.problems.to_dicts() == []
