"""What everybody in the simulated world is called, and the ids by which the feed knows them."""

from __future__ import annotations

from functools import cache

import numpy as np

from morningline.domains.racing.simulator.chance import mixed
from morningline.domains.racing.world.names import horse_names, people_names

COUNTRIES = ("IRE", "GB", "FR", "USA", "GER", "AUS")
STALLIONS, _DAMSIRES_FROM = 1100, 400
_PAIRS, _SURNAMES = 9000, 260
_HORSE_FORMS = (
    "{0} {1}", "{1} {0}", "The {0} {1}", "{0} Of {1}", "{1} In {0}", "{0} {1} Boy", "Miss {0} {1}", "{0} And {1}",
    "Sir {0} {1}", "{1}'s {0}", "{0} {1} Lass", "My {0} {1}", "{0} By {1}", "Just {0} {1}", "Lady {0} {1}",
    "{0} {1} Too", "Go {0} {1}", "{0} To {1}", "{0} {1} Again", "Old {0} {1}",
)  # fmt: skip
_DAM_FORMS = ("{0} {1} Girl", "{1} Maid {0}", "{0} Queen {1}", "Dame {0} {1}", "{1} Belle {0}")
_OWNER_FORMS = (
    "{p}", "{p} Racing Limited", "The {n} Partnership", "Mr & Mrs {p}", "{n} Syndicate", "{p}, {n} Et Al",
    "{p} & Partner", "Team {n}",
)  # fmt: skip
TOWNS = (
    "Aldbourne, Wilts", "Brackwell, Berks", "Corvedale, Shropshire", "Dunnelthorpe, N Yorks", "Elskmere, Cumbria",
    "Farroway, Devon", "Garvhill, Co Kildare", "Heskton, Suffolk", "Ingarmoor, Co Meath", "Kelmbury, Glos",
    "Lanverston, Co Tipperary", "Morvwick, Northumberland", "Norrelby, Lincs", "Oskelcombe, Somerset",
)  # fmt: skip
_HORSE_IDS, _HORSE_STEP = 3_000_000, 353


@cache
def _pairs() -> list[list[str]]:
    return [name.split(" ") for name in horse_names(_PAIRS, np.random.Generator(np.random.PCG64(7)))]


@cache
def _people() -> tuple[list[str], list[str]]:
    """Given names and surnames."""
    found = [name.split(" ") for name in people_names(_SURNAMES, np.random.Generator(np.random.PCG64(8)))]
    return sorted({given for given, _ in found}), [surname for _, surname in found]


def _formed(forms: tuple[str, ...], index: int) -> str:
    # A multiplier without a factor in common with the count walks through all of them in no visible order.
    place = index * 7_368_787 % (_PAIRS * len(forms))
    form, pair = divmod(place, _PAIRS)
    return forms[form].format(*_pairs()[pair])


@cache
def horse(index: int) -> str:
    """Name a horse; no two horses share a name."""
    return _formed(_HORSE_FORMS, index)


def new_name(index: int) -> str:
    """Name a horse that was renamed."""
    return f"{horse(index)} II"


@cache
def dam(index: int) -> str:
    """Name a dam."""
    return _formed(_DAM_FORMS, index)


@cache
def stallion(index: int) -> str:
    """Name a sire or damsire, both out of one list."""
    first, second = _pairs()[index * 7 + 11]
    return first.replace("'", "") + second.lower()


@cache
def damsire_of(dam_index: int) -> int:
    """The stallion that sired a dam."""
    return _DAMSIRES_FROM + mixed(dam_index, 1) % (STALLIONS - _DAMSIRES_FROM)


@cache
def country(role: str, index: int) -> str:
    """The country of a sire or dam."""
    return COUNTRIES[(0, 0, 0, 1, 1, 1, 2, 3, 4, 0)[mixed(index, len(role)) % 10]]


@cache
def _person(role: str, index: int) -> str:
    given, surnames = _people()
    turn = index * 131 + len(role) * 17 % _SURNAMES
    chosen = given[(turn // _SURNAMES + mixed(index, len(role))) % len(given)]
    return f"{chosen} {surnames[turn % _SURNAMES]}"


@cache
def jockey(index: int) -> str:
    """Name a jockey."""
    return _person("jockey", index)


@cache
def trainer(index: int) -> str:
    """Name a trainer."""
    return _person("trainer", index)


@cache
def owner(index: int) -> str:
    """Name an owner; commas and ampersands are part of such names."""
    form = _OWNER_FORMS[mixed(index, 3) % len(_OWNER_FORMS)]
    return form.format(p=_person("owner", index), n=" ".join(_pairs()[index * 5 % _PAIRS]))


@cache
def breeder(dam_index: int) -> str:
    """Name who bred the foals of a dam."""
    return f"{_pairs()[dam_index % 2600][1]} Stud"


def race_title(draw: int) -> str:
    """Name a race's first words; two races may share them."""
    return " ".join(_pairs()[draw % _PAIRS])


@cache
def horse_id(index: int) -> str:
    """The id of a horse."""
    return f"hrs_{_HORSE_IDS + index * _HORSE_STEP}"


def horse_of(identity: str, count: int) -> int | None:
    """Find the horse of an id, or None if there is none such among `count` horses."""
    digits = identity.removeprefix("hrs_")
    if digits == identity or not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
        return None
    index, rest = divmod(int(digits) - _HORSE_IDS, _HORSE_STEP)
    return index if rest == 0 and 0 <= index < count else None


@cache
def stallion_id(prefix: str, index: int) -> str:
    """The id of a sire (`sir`) or damsire (`dsi`): the digits are those of the animal, whatever its role."""
    return f"{prefix}_{500_000 + index * 9173}"


@cache
def dam_id(index: int) -> str:
    """The id of a dam."""
    return f"dam_{2_000_003 + index * 131}"


@cache
def jockey_id(index: int) -> str:
    """The id of a jockey."""
    return f"jky_{41_097 + index * 449}"


@cache
def trainer_id(index: int) -> str:
    """The id of a trainer."""
    return f"trn_{9_837 + index * 577}"


@cache
def owner_id(index: int) -> str:
    """The id of an owner."""
    return f"own_{199_380 + index * 137}"


@cache
def silks(owner_index: int) -> str:
    """Where the picture of an owner's colours would lie."""
    number = f"{(owner_index * 7919) % 1_000_000:06d}"
    return f"https://silks.example/svg/{number[0]}/{number[1]}/{number[2]}/{number}.svg"


@cache
def with_country(role: str, index: int) -> str:
    """Name a sire, dam or damsire as results do, "Coppercandle (IRE)"."""
    name = dam(index) if role == "dam" else stallion(index)
    return f"{name} ({country('dam' if role == 'dam' else 'stallion', index)})"
