"""Pieces of JSON that come again and again: a horse, a stable, an owner, a rider, each written once."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from morningline.domains.racing.simulator import words
from morningline.domains.racing.simulator.board import STARTING, STARTING_DECIMAL
from morningline.domains.racing.simulator.chance import uniform
from morningline.domains.racing.simulator.population import breed

if TYPE_CHECKING:
    from collections.abc import Mapping

encode = msgspec.json.Encoder().encode
# Horses come in cohorts: once so many are written, the early ones do not run any more.
_HORSES_KEPT = 60_000
COLOURS = ("b", "b", "b", "b", "ch", "ch", "br", "gr", "b/br", "bl", "br/bl")
SEX_WORDS = {"C": "colt", "F": "filly", "G": "gelding", "M": "mare", "H": "horse"}


def members(values: Mapping[str, object]) -> str:
    """Write members of a JSON object without its braces, each with a comma behind it."""
    return encode(values).decode()[1:-1] + ","


@cache
def trainer(index: int) -> str:
    """A trainer in results."""
    return members({"trainer": words.trainer(index), "trainer_id": words.trainer_id(index)})


@cache
def trainer_on_card(index: int) -> str:
    """A trainer on a card, with where the stable is."""
    return trainer(index) + members({"trainer_location": words.TOWNS[index % len(words.TOWNS)]})


@cache
def owner(index: int) -> str:
    """An owner and the colours."""
    return members({"owner": words.owner(index), "owner_id": words.owner_id(index), "silk_url": words.silks(index)})


@cache
def rider(index: int, claim: int) -> str:
    """A jockey in results: the name is bare and the claim stands apart."""
    return members({"jockey": words.jockey(index), "jockey_claim_lbs": str(claim), "jockey_id": words.jockey_id(index)})


@cache
def weight(lbs: int) -> str:
    """A weight in results, as stones and pounds and as pounds."""
    return members({"weight": f"{lbs // 14}-{lbs % 14}", "weight_lbs": str(lbs)})


@cache
def starting_price(rung: int, mark: str, abroad: int) -> str:
    """A starting price; those of far countries are decimals written as tenths, rounded as they come.

    Args:
        rung: Index on the board.
        mark: F, J or C for favourites, or "".
        abroad: Tenths of the odds abroad, zero at home.
    """
    if abroad:
        return members({"sp": f"{abroad}/10{mark}", "sp_dec": f"{1 + abroad / 10:.2f}"})
    return members({"sp": STARTING[rung] + mark, "sp_dec": STARTING_DECIMAL[rung]})


@cache
def lengths(value: float) -> str:
    """Lengths as the feed writes them: ".5" and ".75", but "0.3".

    Args:
        value: Rounded to hundredths.
    """
    text = f"{value:g}"
    return text[1:] if text in {"0.5", "0.75"} else text


class HorseFragments:
    """Who a horse is, in the two vocabularies.

    Args:
        seed: The world.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._horses = seed, breed(seed)
        self._written: dict[int, str] = {}
        self._moved: dict[int, str] = {}
        self.moves_on = self._horses.moves_on

    def name(self, horse: int, day: int) -> str:
        """The name of a horse on a day; a few were renamed."""
        return words.new_name(horse) if day >= self._horses.renamed_on[horse] else words.horse(horse)

    def _kept(self, key: int, text: str) -> str:
        if len(self._written) >= _HORSES_KEPT:
            self._written.clear()
        self._written[key] = text
        return text

    def in_results(self, horse: int, day: int) -> str:
        """A horse and its parents, with their countries."""
        found = self._written.get(horse)
        if found is not None:
            return found
        country, dam = words.COUNTRIES[int(self._horses.country[horse])], int(self._horses.dam[horse])
        sire, by = int(self._horses.sire[horse]), words.damsire_of(dam)
        text = members(
            {
                "horse_id": words.horse_id(horse),
                "horse": f"{self.name(horse, day)} ({country})",
                "sire": words.with_country("sire", sire),
                "sire_id": words.stallion_id("sir", sire),
                "dam": words.with_country("dam", dam),
                "dam_id": words.dam_id(dam),
                "damsire": words.stallion(by),
                "damsire_id": words.stallion_id("dsi", by),
            }
        )
        return self._kept(horse, text) if self._horses.renamed_on[horse] > 3_000_000 else text

    def on_card(self, horse: int, day: int) -> str:
        """A horse and its parents by their bare names, with their countries apart."""
        found = self._written.get(-1 - horse)
        if found is not None:
            return found
        dam, sire = int(self._horses.dam[horse]), int(self._horses.sire[horse])
        by = words.damsire_of(dam)
        text = members(
            {
                "horse_id": words.horse_id(horse),
                "horse": self.name(horse, day),
                "dob": str(date.fromordinal(int(self._horses.birthday[horse]))),
                "colour": self.colour(horse),
                "region": words.COUNTRIES[int(self._horses.country[horse])],
                "breeder": words.breeder(dam),
                "dam": words.dam(dam),
                "dam_id": words.dam_id(dam),
                "dam_region": words.country("dam", dam),
                "sire": words.stallion(sire),
                "sire_id": words.stallion_id("sir", sire),
                "sire_region": words.country("stallion", sire),
                "damsire": words.stallion(by),
                "damsire_id": words.stallion_id("dsi", by),
                "damsire_region": words.country("stallion", by),
            }
        )
        return self._kept(-1 - horse, text) if self._horses.renamed_on[horse] > 3_000_000 else text

    def colour(self, horse: int) -> str:
        """The colour of its coat."""
        return COLOURS[int(uniform(self._seed, "coat", horse)[0] * len(COLOURS))]

    def before(self, horse: int) -> str:
        """Who trained and owned a horse before it moved on."""
        found = self._moved.get(horse)
        if found is None:
            trainer, owner = int(self._horses.trainer[horse]), int(self._horses.owner[horse])
            on = str(date.fromordinal(int(self._horses.moves_on[horse])))
            trained = {"trainer": words.trainer(trainer), "trainer_id": words.trainer_id(trainer), "change_date": on}
            owned = {"owner": words.owner(owner), "owner_id": words.owner_id(owner), "change_date": on}
            found = self._moved[horse] = members({"prev_trainers": [trained], "prev_owners": [owned]})
        return found
