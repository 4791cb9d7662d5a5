"""Every key that the vendor documents is known, so that what is counted as unknown is news."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from racing_api_facts import SAMPLES

from morningline.domains.racing.feeds.racing_api import shapes

if TYPE_CHECKING:
    from morningline.domains.racing.feeds.racing_api.shapes import Shape

DOCUMENT = SAMPLES.parent / "openapi-1.4.3.json"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DOCUMENT.is_file(), reason="needs the vendor's document beside the checkout"),
]

LEVELS = {
    "RacecardBasic": shapes.CARD,
    "Racecard": shapes.CARD,
    "RacecardOdds": shapes.CARD,
    "RacecardOddsPro": shapes.CARD,
    "app__models__racecards__RunnerBasic": shapes.CARD_RUNNER,
    "app__models__racecards__Runner": shapes.CARD_RUNNER,
    "app__models__racecards__RunnerOdds": shapes.CARD_RUNNER,
    "RunnerOddsPro": shapes.CARD_RUNNER,
    "OddsNoHistory": shapes.QUOTE,
    "OddsHistory": shapes.QUOTE,
    "ResultFree": shapes.RESULT,
    "ResultBasic": shapes.RESULT,
    "ResultStandard": shapes.RESULT,
    "RunnerFree": shapes.RESULT_RUNNER,
    "app__models__result__RunnerBasic": shapes.RESULT_RUNNER,
    "RunnerStandard": shapes.RESULT_RUNNER,
    "Region": shapes.REGION,
    "Horse": shapes.HORSE,
    "HorsePro": shapes.HORSE,
}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    schemas: dict[str, Any] = document["components"]["schemas"]
    return schemas


def known(shape: Shape) -> set[str]:
    return {*shape.texts, *shape.flags, *shape.skipped, shape.items} - {""}


@pytest.mark.parametrize("name", LEVELS)
def test_every_documented_key_of_every_level_is_known(name: str, schemas: dict[str, Any]) -> None:
    assert set(schemas[name]["properties"]) <= known(LEVELS[name])


def test_no_key_is_known_that_nobody_documents(schemas: dict[str, Any]) -> None:
    for shape in (shapes.CARD, shapes.CARD_RUNNER, shapes.QUOTE, shapes.RESULT, shapes.RESULT_RUNNER, shapes.HORSE):
        documented = {key for name, each in LEVELS.items() if each is shape for key in schemas[name]["properties"]}
        assert known(shape) <= documented
