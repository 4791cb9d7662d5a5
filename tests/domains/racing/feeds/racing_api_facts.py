"""Bodies of The Racing API as a test wants them, and the way from a body to the facts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from morningline.domains.racing import domain
from morningline.domains.racing.feeds.racing_api import feed
from morningline.sources.assembling import shape_rows
from morningline.sources.convert import CONVERTERS
from morningline.sources.feed import Payload
from morningline.sources.importing import take_in
from morningline.sources.joining import complete
from morningline.sources.mapping import read_mapping
from morningline.sources.reading import Source, SourceFile

if TYPE_CHECKING:
    from morningline.kit.database import Database
    from morningline.sources.assembly import Assembly

SAMPLES = Path(__file__).parents[5] / "shared" / "reference" / "racing_api" / "samples"
LONG_AFTER = datetime(2026, 6, 1, 12, tzinfo=UTC)


def quote(bookmaker: str = "Bet365", /, **keys: Any) -> dict[str, Any]:
    given = {"fractional": "4/1", "decimal": "5", "updated": "2025-07-01 14:00:00", "history": []}
    return {"bookmaker": bookmaker, "ew_places": "3", "ew_denom": "5", **given, **keys}


def card_runner(number: int, /, **keys: Any) -> dict[str, Any]:
    """A runner of a pro card; its number is in every name and id."""
    names = {"horse": f"Horse {number}", "sire": f"Sire {number}", "dam": f"Dam {number}", "damsire": f"Old {number}"}
    people = {"trainer": f"Trainer {number}", "owner": f"Owner {number}", "jockey": f"Jockey {number}"}
    ids = {
        f"{role}_id": f"{prefix}_{number}"
        for role, prefix in zip([*names, *people], ["hrs", "sir", "dam", "dsi", "trn", "own", "jky"], strict=True)
    }
    given = {"dob": "2020-03-01", "age": "5", "sex": "gelding", "sex_code": "G", "region": "IRE", "number": str(number)}
    more = {"draw": str(number), "headgear": "", "lbs": "130", "ofr": "70", "rpr": "-", "ts": "-", "odds": []}
    return {**names, **people, **ids, **given, **more, **keys}


def card(race: str = "rac_1", /, *runners: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A race of a pro card."""
    given = {
        "race_id": race,
        "course": "Ascot",
        "course_id": "crs_52",
        "date": "2025-07-01",
        "off_time": "2:30",
        "off_dt": "2025-07-01T14:30:00+01:00",
        "race_name": "A Handicap",
        "distance": "1m53y",
        "distance_f": "8.0",
        "region": "GB",
        "pattern": "",
        "race_class": "Class 4",
        "type": "Flat",
        "age_band": "3yo+",
        "rating_band": "0-80",
        "prize": "£4,193",
        "going": "Good To Firm",
        "surface": "Turf",
        "is_abandoned": False,
    }
    return {**given, "runners": list(runners) or [card_runner(1), card_runner(2)], **keys}


def result_runner(number: int, /, **keys: Any) -> dict[str, Any]:
    """A runner of a result, the same as `card_runner` has."""
    same = card_runner(number)
    kept = [name for name in same if name.endswith("_id")]
    named = {name: f"{same[name]} (IRE)" for name in ("horse", "sire", "dam")}
    people = {name: same[name] for name in ("damsire", "trainer", "owner", "jockey")}
    given = {
        "sp": "7/2",
        "sp_dec": "4.50",
        "number": str(number),
        "position": str(number),
        "draw": str(number),
        "btn": "0" if number == 1 else ".5",
        "ovr_btn": "0" if number == 1 else ".5",
        "age": "5",
        "sex": "G",
        "weight": "9-4",
        "weight_lbs": "130",
        "headgear": "",
        "time": "1:43.25",
        "or": "70",
        "rpr": "75",
        "tsr": "60",
        "prize": "3245.08",
        "jockey_claim_lbs": "0",
        "comment": "Led",
    }
    return {**{name: same[name] for name in kept}, **named, **people, **given, **keys}


def result(race: str = "rac_1", /, *runners: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A race of the results, the same as `card` has."""
    given = {
        "race_id": race,
        "date": "2025-07-01",
        "region": "GB",
        "course": "Ascot",
        "course_id": "crs_52",
        "off": "2:30",
        "off_dt": "2025-07-01T14:30:00+01:00",
        "race_name": "A Handicap",
        "type": "Flat",
        "class": "Class 4",
        "pattern": "",
        "rating_band": "0-80",
        "age_band": "3yo+",
        "sex_rest": "",
        "dist": "1m",
        "dist_y": "1813",
        "dist_m": "1658",
        "dist_f": "8f",
        "going": "Good",
        "surface": "Turf",
        "winning_time_detail": "1m 43.25s (slow by 5.55s)",
        "non_runners": "",
    }
    return {**given, "runners": list(runners) or [result_runner(1), result_runner(2)], **keys}


def cards(*races: dict[str, Any], **keys: Any) -> bytes:
    page = {"racecards": list(races), "total": len(races), "limit": 500, "skip": 0, "query": []}
    return json.dumps({**page, **keys}).encode()


def results(*races: dict[str, Any], **keys: Any) -> bytes:
    page = {"results": list(races), "total": len(races), "limit": 50, "skip": 0, "query": []}
    return json.dumps({**page, **keys}).encode()


def payload(
    body: bytes,
    endpoint: str = "",
    *,
    day: date | None = date(2025, 7, 1),
    fetched_at: datetime = LONG_AFTER,
    number: int = 1,
) -> Payload:
    """A body as the archive has it; of which endpoint it is, it says itself where not given."""
    endpoint = endpoint or ("racecards" if b'"racecards"' in body else "results")
    digest = sha256(body).hexdigest()
    return Payload(
        id=number,
        feed="racing_api",
        endpoint=endpoint,
        request=digest,
        path=f"/v1/{endpoint}",
        params=(),
        day=None if endpoint not in feed.days else day,
        generation=1,
        status=200,
        fetched_at=fetched_at,
        sha256=digest,
        size=len(body),
        body=body,
    )


def sample(name: str) -> Payload:
    """A body of the samples beside the checkout."""
    body = (SAMPLES / name).read_bytes()
    named = {"racecards": "racecards", "regions": "regions", "courses_regions": "regions", "courses": "courses"}
    endpoint = next((e for prefix, e in named.items() if name.startswith(prefix)), "")
    if name.startswith(("horse_pro", "horse_standard")):
        endpoint = "horses"
    return payload(body, endpoint or "results")


@dataclass
class Collected:
    """A database into which payloads are loaded as a collection does it."""

    database: Database

    def load(self, *payloads: Payload | bytes) -> Assembly:
        """Load payloads in one transaction."""
        whole = [payload(p) if isinstance(p, bytes) else p for p in payloads]
        mapping = read_mapping(feed.mapping)
        rows = feed.read(whole)
        known = {p.label: _known_at(p) for p in whole}
        sources = {}
        for name in mapping.files:
            frame = rows.frames.get(name, pl.DataFrame(schema={"#file": pl.String, "#row": pl.UInt32}))
            known_at = pl.col("#file").replace_strict(known, default=None, return_dtype=pl.String).alias("known_at")
            frame = frame.with_columns(known_at)
            sources[name] = Source(frame, frame, broken=list(rows.broken.get(name, ())))
            if frame.height:
                sources[name].files.append(SourceFile(name, "", frame.height))
        converters = {**CONVERTERS, **domain.converters}
        complete(mapping, sources, converters)
        shaped = shape_rows(mapping, sources, domain.catalog, converters)
        with self.database.connect() as connection:
            return take_in(connection, mapping, shaped, domain, lambda *_: None)[0]

    def rows(self, sql: str) -> list[Any]:
        """The rows of a query; of one column, its values."""
        with self.database.connect() as connection:
            found = connection.execute(sql.encode()).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]


def _known_at(payload: Payload) -> str | None:
    if payload.day is None:
        return payload.fetched_at.isoformat()
    end = datetime.combine(payload.day + timedelta(days=1), datetime.min.time(), ZoneInfo(feed.time_zone))
    return payload.fetched_at.isoformat() if payload.fetched_at < end else None


def again(payload: Payload, **keys: Any) -> Payload:
    """A payload with other circumstances."""
    return replace(payload, **keys)
