"""Random bytes and random tables give an error of ours or rows set aside with reasons, never another traceback."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest
from folder_imports import Facts, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morningline.domains.racing.world import Simulation, World, simulate
from morningline.kit.errors import MorninglineError

SETTINGS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SUFFIXES = [".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst"]
MAGIC = {".parquet": (b"PAR1", b"PAR1"), ".csv.gz": (b"\x1f\x8b\x08", b""), ".csv.zst": (b"\x28\xb5\x2f\xfd", b"")}
HK = {
    "races.csv": "raceId,raceIndex,date,racecourse,raceNo,raceClass,distance,ratingBand,surface,course,going",
    "runners.csv": "raceId,horseId,horseName,placing,horseNo,jockey,trainer,actualWeight,declaredHorseWeight,draw,lbw,"
    "runningPosition,finishSeconds,winOdds",
    "dividends.csv": "raceId,pool,combination,dividend_per_10",
}


def bring(facts: Facts, mapping: str) -> None:
    """Import; what comes out is either an error of ours and nothing written, or books that balance."""
    facts.empty()
    try:
        report = facts.bring(mapping)
    except MorninglineError:
        assert facts.rows("SELECT count(*) FROM imports") == [0]
        return
    for table in report.tables:
        assert table.read == table.accepted + table.merged + table.quarantined
        assert facts.rows(f"SELECT count(*) FROM {table.table}") == [table.accepted]


@pytest.mark.parametrize("suffix", SUFFIXES)
@SETTINGS
@given(content=st.binary(max_size=400), dressed=st.booleans())
def test_random_bytes_of_every_format_are_refused_or_set_aside(
    facts: Facts, suffix: str, content: bytes, *, dressed: bool
):
    head, tail = MAGIC.get(suffix, (b"race,day,horse\n", b"")) if dressed else (b"", b"")
    facts.write(f"rows{suffix}", head + content + tail)
    bring(facts, tiny(file='encoding = "latin-1"' if dressed else ""))


@SETTINGS
@given(cut=st.integers(0, 2_000), flip=st.integers(0, 2_000), bit=st.integers(0, 255))
def test_a_damaged_parquet_file_is_refused_or_read(facts: Facts, cut: int, flip: int, bit: int):
    frame = pl.DataFrame({"race": ["r1"] * 50, "day": ["2024-05-01"] * 50, "horse": [f"h{i}" for i in range(50)]})
    path = facts.folder / "rows.parquet"
    frame.write_parquet(path)
    content = bytearray(path.read_bytes())
    content[flip % len(content)] ^= bit
    path.write_bytes(bytes(content[: len(content) - cut]) if cut < len(content) else b"")
    bring(facts, tiny())


def text_cells(header: str) -> st.SearchStrategy[list[str]]:
    likely = st.sampled_from(
        [
            "",
            "1",
            "0",
            "-1",
            "2020-01-01",
            "2020-01-01-ST-1",
            "ST",
            "HV",
            "A B",
            "9.5",
            "1e400",
            "NaN",
            "\0",
            "\\u0000",
            "'",
            '"',
            "é",
        ]
    )
    cell = st.one_of(likely, likely, st.text(st.characters(codec="utf-8"), max_size=8))
    return st.lists(cell, min_size=header.count(",") + 1, max_size=header.count(",") + 1)


@SETTINGS
@given(data=st.data())
def test_random_text_through_the_hong_kong_mapping_is_accounted_for(facts: Facts, data: st.DataObject):
    for name, header in HK.items():
        rows = data.draw(st.lists(text_cells(header), min_size=1, max_size=6))
        frame = pl.DataFrame(rows, schema=dict.fromkeys(header.split(","), pl.String), orient="row")
        frame.write_csv(facts.folder / name)
    bring(facts, "hk")


@cache
def races() -> Simulation:
    return simulate(World(seed=7, horses=600, last_day=World().first_day))


@SETTINGS
@given(data=st.data())
def test_random_damage_to_the_synthetic_world_is_accounted_for(facts: Facts, data: st.DataObject):
    runs = races().runs.head(30).cast(pl.String)
    for _ in range(data.draw(st.integers(1, 6))):
        column = data.draw(st.sampled_from(runs.columns))
        row = data.draw(st.integers(0, runs.height - 1))
        cell = data.draw(text_cells("x"))[0]
        runs = runs.with_columns(
            pl.when(pl.int_range(pl.len()) == row).then(pl.lit(cell)).otherwise(column).alias(column)
        )
    runs.write_csv(facts.folder / "runs_x.csv")
    bring(facts, "world")
