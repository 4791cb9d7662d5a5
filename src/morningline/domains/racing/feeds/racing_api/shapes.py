"""The documents of The Racing API: which keys each record has, and which of them are kept.

A key that is known and not kept is in the raw archive. One that the feed adds some day is kept beside its record and
counted. The keys are those of the vendor's OpenAPI 1.4.3 and of bodies seen since October 2025.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Record = Any
"""A record as it was read: an object with the attributes of its shape, of a class made at run time."""

EXTRA = "#extra"
"""The key under which unknown keys are handed on, as JSON; no key of the feed begins so."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One kind of record.

    Attributes:
        name: What a record is called in reports.
        texts: Keys whose value is kept as text.
        flags: Keys of true or false.
        skipped: Keys that are known and not kept.
        items: The key of a list of further records; empty where there is none.
        item: Their shape.
        complete: Whether that list must be there.
    """

    name: str
    texts: tuple[str, ...]
    flags: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    items: str = ""
    item: Shape | None = None
    complete: bool = False


def attribute(key: str) -> str:
    """The attribute that holds a key: the key itself, but for Python's own words."""
    return f"{key}_" if keyword.iskeyword(key) else key


def struct(shape: Shape, item: type[msgspec.Struct] | None, more: Sequence[str] = ()) -> type[msgspec.Struct]:
    """What a record is decoded to; an unknown key or a value of another kind is an error.

    Args:
        shape: The kind of record.
        item: What the records inside of it are decoded to.
        more: Keys that the shape does not have, to be kept as JSON in the attributes `more_0`, `more_1`...
    """
    added = {f"more_{index}": key for index, key in enumerate(more)}
    lists: list[Any] = []
    if item is not None:
        lists = [(shape.items, list[item]) if shape.complete else (shape.items, list[item] | None, None)]  # type: ignore[valid-type]
    fields = [
        *lists,
        *((attribute(key), str | None, None) for key in shape.texts),
        *((key, bool | str | None, None) for key in shape.flags),
        *((key, msgspec.Raw, msgspec.field(default=msgspec.Raw(b""))) for key in (*shape.skipped, *added)),
        ("extra", str | None, None),
    ]
    renamed = {attribute(key): key for key in shape.texts if attribute(key) != key}
    names = {"extra": EXTRA, **renamed, **added}
    return msgspec.defstruct(shape.name, fields, rename=names, forbid_unknown_fields=True, gc=False)


def _shape(
    name: str,
    texts: str,
    *,
    flags: str = "",
    skipped: str = "",
    items: tuple[str, Shape] | None = None,
    complete: bool = False,
) -> Shape:
    key, item = items or ("", None)
    return Shape(
        name=name,
        texts=tuple(texts.split()),
        flags=tuple(flags.split()),
        skipped=tuple(skipped.split()),
        items=key,
        item=item,
        complete=complete,
    )


CHANGE = _shape("price", "changed_at fractional decimal")
QUOTE = _shape("quote", "bookmaker fractional decimal updated", skipped="ew_places ew_denom", items=("history", CHANGE))
CARD_RUNNER = _shape(
    "runner",
    "horse_id horse dob age sex_code region sire sire_id dam dam_id damsire damsire_id trainer trainer_id owner"
    " owner_id number draw headgear lbs ofr jockey jockey_id",
    skipped="sex colour breeder sire_region dam_region damsire_region trainer_location trainer_14_days prev_trainers"
    " prev_owners comment spotlight quotes stable_tour medical headgear_run wind_surgery wind_surgery_run"
    " past_results_flags rpr ts silk_url last_run form trainer_rtf",
    items=("odds", QUOTE),
)
CARD = _shape(
    "race",
    "race_id date off_dt course course_id region race_name distance distance_f pattern sex_restriction race_class type"
    " age_band rating_band prize going surface",
    flags="is_abandoned",
    skipped="off_time distance_round field_size going_detailed rail_movements stalls weather jumps big_race tip verdict"
    " betting_forecast race_status",
    items=("runners", CARD_RUNNER),
    complete=True,
)
RESULT_RUNNER = _shape(
    "runner",
    "horse_id horse sp sp_dec bsp number position draw ovr_btn age sex weight_lbs headgear time or rpr tsr prize"
    " jockey jockey_claim_lbs jockey_id trainer trainer_id owner owner_id sire sire_id dam dam_id damsire damsire_id"
    " comment",
    skipped="btn weight silk_url",
)
RESULT = _shape(
    "race",
    "race_id date off_dt course course_id region race_name type class pattern rating_band age_band sex_rest dist dist_y"
    " dist_f going surface winning_time_detail comments non_runners",
    skipped="off dist_m jumps tote_win tote_pl tote_ex tote_csf tote_tricast tote_trifecta",
    items=("runners", RESULT_RUNNER),
    complete=True,
)
COURSE = _shape("course", "id course region_code region")
# The list of April 2024 has a code of flags beside each region.
REGION = _shape("region", "region region_code", skipped="region_code_freakflagsprite")
HORSE = _shape(
    "horse", "id name sex_code dob sire sire_id dam dam_id damsire damsire_id", skipped="breeder colour colour_code sex"
)
