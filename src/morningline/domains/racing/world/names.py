"""The names of the synthetic racing world: courses, horses, jockeys, trainers and races, all invented."""

from dataclasses import dataclass

import numpy as np

from morningline.kit.errors import InputError

# One furlong is 220 yards and one mile is eight furlongs.
YARDS = {
    "5f": 1100,
    "6f": 1320,
    "7f": 1540,
    "1m": 1760,
    "1m1f": 1980,
    "1m2f": 2200,
    "1m4f": 2640,
    "1m4f110y": 2750,
    "1m6f": 3080,
    "2m": 3520,
}


@dataclass(frozen=True, kw_only=True)
class Course:
    """One racecourse.

    Args:
        name: Its name on the racecard.
        code: Three letters, part of every race id.
        surface: "Turf" or "AW" (all-weather).
        slowness: Its standard times as a multiple of the average course's.
        drainage: How much wetter than the average turf course it lies, in standard deviations.
        distances: The distances raced there, as keys of `YARDS`.
    """

    name: str
    code: str
    surface: str
    slowness: float
    drainage: float
    distances: tuple[str, ...]


COURSES = (
    Course(
        name="Wexmoor",
        code="WEX",
        surface="Turf",
        slowness=1.012,
        drainage=0.4,
        distances=("5f", "6f", "7f", "1m", "1m2f", "1m4f", "1m6f"),
    ),
    Course(
        name="Harrowdene",
        code="HAR",
        surface="Turf",
        slowness=0.992,
        drainage=-0.3,
        distances=("5f", "6f", "7f", "1m", "1m1f", "1m4f", "2m"),
    ),
    Course(
        name="Fallowmere",
        code="FAL",
        surface="Turf",
        slowness=1.022,
        drainage=0.7,
        distances=("6f", "7f", "1m", "1m2f", "1m4f110y", "2m"),
    ),
    Course(
        name="Stanwick Vale",
        code="STA",
        surface="Turf",
        slowness=1.0,
        drainage=0.0,
        distances=("5f", "6f", "7f", "1m1f", "1m2f", "1m6f"),
    ),
    Course(
        name="Kelbridge Park",
        code="KEL",
        surface="AW",
        slowness=0.988,
        drainage=0.0,
        distances=("5f", "6f", "7f", "1m", "1m2f", "1m4f", "2m"),
    ),
    Course(
        name="Eastholm",
        code="EAS",
        surface="AW",
        slowness=0.996,
        drainage=0.0,
        distances=("5f", "6f", "7f", "1m", "1m1f", "1m4f", "1m6f"),
    ),
)


def _words(text: str) -> list[str]:
    """Split a list of words; it reads better than a column of quoted ones."""
    return text.split()


# The accent and the apostrophes are there on purpose: an importer must read them as UTF-8.
_FIRST = _words(
    """
    Amber Arden Barley Beacon Bramble Brass Briar Cadmium Café Candle Carbon Cedar Chalk Cinder Clover
    Cobalt Copper Coral Cotton Crimson Damson Delta Dusky Ember Fabled Feather Fennel Flint Foxglove
    Frosted Gallant Ginger Granite Gravel Hazel Heather Hickory Hidden Honest Humble Indigo Inland Ivory
    Jasper Jolly Juniper Kestrel Lantern Larch Lattice Lively Lofty Lunar Magpie Maple Marble Marram
    Merry Millers' Mistral Mossy Muslin Nettle Nimble Nutmeg Oaken Ochre Olive Opal Orchard Paper
    Patient Pebble Pepper Pewter Plaid Plover Quarry Quiet Rowan Rustic Saffron Sable Salt Sandy Sepia
    Shingle Sorrel Spruce Stone's Sudden Tallow Tartan Teasel Thistle Timber Topaz Umber Velvet Walnut
    Willow Winter Woven
    """
)
_SECOND = _words(
    """
    Abacus Acre Alcove Almanac Anvil Arcade Atlas Axiom Ballad Banner Barge Bellow Bobbin Bonnet Bridge
    Bugle Button Cable Candour Caper Carol Castle Chapter Chorus Cipher Comet Compass Cornet Cradle
    Cricket Dial Dipper Doublet Ferry Fiddle Finch Flagon Folio Fountain Gable Gambit Garland Gazette
    Girder Gondola Gusto Hammock Harbour Hatch Helm Hopper Inkwell Jigsaw Kettle Lagoon Ledger Lever
    Locket Loom Magnet Mantle Mason Meadow Medley Minuet Mirror Motto Needle Novel Oracle Outpost Paddle
    Parade Parcel Pebbles Pilot Pivot Postern Prism Pulley Quill Rafter Ribbon Rudder Saddler Satchel
    Signal Sonnet Spindle Sundial Tandem Tavern Thimble Token Trellis Trinket Turret Vessel Vista
    Whistle Yarn Zephyr
    """
)
_GIVEN = _words(
    """
    Aled Bryn Cass Dara Edie Fenn Gwen Hale Imre Joss Kit Lowen Merrin Niall Orla Perran Reth Senna
    Tamsin Ula Venn Wyn Yestin Zara
    """
)
_SURNAME_STARTS = _words(
    """
    Alver Brack Corve Dunnel Elsk Farro Garv Hesk Ingar Jarrel Kelm Lanver Morv Norrel Oskel Pelver
    Quenn Rosk Selv Torvel Ulver Vesk Wenv Yarrel
    """
)
_SURNAME_ENDS = _words(
    """
    bourn by combe dale garth holt hythe low mere stead thorn wick
    """
)


def _sample(first: list[str], second: list[str], count: int, rng: np.random.Generator, glue: str) -> list[str]:
    """Draw pairs of words without ever drawing one pair twice."""
    if count > len(first) * len(second):
        raise InputError(
            f"The world asks for {count:,} names.",
            allowed=f"up to {len(first) * len(second):,}",
            do="Simulate fewer seasons or fewer horses, jockeys or trainers.",
        )
    picked = rng.permutation(len(first) * len(second))[:count]
    return [f"{first[i // len(second)]}{glue}{second[i % len(second)]}" for i in picked.tolist()]


def horse_names(count: int, rng: np.random.Generator) -> list[str]:
    """Invent horse names, all different.

    Args:
        count: How many.
        rng: The stream of chance used.

    Raises:
        InputError: If there are fewer pairs of words than names asked for.
    """
    return _sample(_FIRST, _SECOND, count, rng, " ")


def people_names(count: int, rng: np.random.Generator) -> list[str]:
    """Invent names of jockeys and trainers, no surname twice.

    Args:
        count: How many.
        rng: The stream of chance used.

    Raises:
        InputError: If there are fewer surnames than names asked for.
    """
    surnames = _sample(_SURNAME_STARTS, _SURNAME_ENDS, count, rng, "")
    given = rng.integers(len(_GIVEN), size=count).tolist()
    return [f"{_GIVEN[i]} {surname}" for i, surname in zip(given, surnames, strict=True)]


def race_title(rng: np.random.Generator) -> str:
    """Invent the first words of a race's name, "Copper Kettle"; two races may share it."""
    return f"{_FIRST[int(rng.integers(len(_FIRST)))]} {_SECOND[int(rng.integers(len(_SECOND)))]}"
