"""Who of a matched event is who: entrants of a second source found among the stored, confirmed, or told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from morningline.facts.store import read_keyed
from morningline.kit.errors import InputError
from morningline.sources.mapping import ENTRANT_ID, EVENT_ID, Column
from morningline.sources.reading import BrokenRecord, payload
from morningline.sources.texts import source_text

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    import psycopg

    from morningline.facts.table import Catalog, Table
    from morningline.sources.mapping import Match
    from morningline.sources.reading import Source

KEY = "key"
ALONE = "its event is in this source alone"
ANOTHER = "it is another by its {}"


def joined(columns: list[str]) -> pl.Expr:
    """Texts of several columns as one key."""
    return pl.concat_str(columns, separator=" ", ignore_nulls=True).alias(KEY)


def entrant_column(table: Table, catalog: Catalog) -> str:
    """The column of a table of entrants that says who it is: of its key, what is neither event nor day."""
    event = table.event_reference(catalog.events.name)
    others = [name for name in table.key if event is None or name not in (*event.columns, catalog.events.day)]
    if event is None or len(others) != 1:
        raise InputError(
            f"The entrants of [match] are {table.name!r}, whose key is {', '.join(table.key)}.",
            allowed="a table whose key is an event and who takes part in it",
            do="Correct `entrants`.",
        )
    return others[0]


def match_entrants(
    connection: psycopg.Connection[Any],
    match: Match,
    sources: Map[str, Source],
    table: Table,
    catalog: Catalog,
    events: pl.Series,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every entrant of either source, and those whose confirmation differs; adds `entrant_id`."""
    here = list(match.entrant)
    stored = _stored_entrants(connection, match, table, catalog, events)
    known = stored.group_by(EVENT_ID, *here).agg(pl.all().first(), pl.len().alias("#n")).filter(pl.col("#n") == 1)
    parts, contradicted = [], []
    for source in sources.values():
        if not set(here) <= set(source.frame.columns):
            source.frame = source.frame.with_columns(pl.lit(None, pl.String).alias(ENTRANT_ID))
            continue
        both = source.frame.join(known.drop("#n"), on=[EVENT_ID, *here], how="left", maintain_order="left")
        wrong = _contradictions(both, match)
        contradicted.append(_set_apart(source, both.filter(wrong), match))
        both = both.with_columns(pl.when(~wrong).then(ENTRANT_ID).alias(ENTRANT_ID))
        parts.append(_given(both.with_columns(wrong.alias("#wrong")), match))
        source.frame = both.filter(~wrong).drop(f"#said {name}" for name in match.confirm)
    if not parts:
        raise InputError(
            f"No file has all the columns of match.entrant: {', '.join(here)}.", do="Derive those that are missing."
        )
    given = pl.concat(parts, how="diagonal")
    second = _second_entrants(given, match)
    shared = pl.col(EVENT_ID).is_in(given[EVENT_ID].drop_nulls().unique().implode())
    first = stored.join(second, on=[EVENT_ID, ENTRANT_ID], how="anti").select(
        EVENT_ID,
        ENTRANT_ID,
        joined(here),
        pl.lit(value=True).alias("stored"),
        pl.lit(value=False).alias("given"),
        pl.when(~shared).then(pl.lit(ALONE)).alias("reason"),
    )
    found = [part for part in contradicted if part.height]
    nothing = pl.DataFrame(schema=dict.fromkeys((EVENT_ID, ENTRANT_ID, "column", "first", "second"), pl.String))
    return pl.concat([second, first], how="diagonal"), pl.concat([nothing, *found]).unique(maintain_order=True)


def _stored_entrants(
    connection: psycopg.Connection[Any], match: Match, table: Table, catalog: Catalog, events: pl.Series
) -> pl.DataFrame:
    """Stored entrants of these events as the files would say them: `event_id`, `entrant_id`, numbers, confirmations."""
    event = next(n for r in table.references if r.to == catalog.events.name for n in r.columns)
    entrant = entrant_column(table, catalog)
    confirm = {n: Column(column=c) if isinstance(c, str) else c for n, c in match.confirm.items()}
    said = [name for column in confirm.values() for name in column.sources()]
    columns = list(dict.fromkeys([event, entrant, *match.entrant.values(), *said]))
    texts = read_keyed(connection, table, columns, events).with_columns(pl.all().cast(pl.String))
    return texts.select(
        pl.col(event).alias(EVENT_ID),
        pl.col(entrant).alias(ENTRANT_ID),
        *(pl.col(there).alias(name) for name, there in match.entrant.items()),
        *(source_text(column).alias(f"#said {name}") for name, column in confirm.items()),
    )


def _contradictions(both: pl.DataFrame, match: Match) -> pl.Expr:
    there = [name for name in match.confirm if name in both.columns]
    differ = [(pl.col(name) != pl.col(f"#said {name}")).fill_null(value=False) for name in there]
    return pl.any_horizontal(pl.lit(value=False), *differ)


def _set_apart(source: Source, wrong: pl.DataFrame, match: Match) -> pl.DataFrame:
    """Quarantine rows of another entrant than the stored one of their number; returns whom they contradict."""
    rows = []
    for row in wrong.iter_rows(named=True):
        for name in match.confirm:
            here, said = row.get(name), row[f"#said {name}"]
            if here is not None and said is not None and here != said:
                kind = f"its {name} is not the stored entrant's"
                reason = f"its {name} is '{here}', that of the stored {row[ENTRANT_ID]} in {row[EVENT_ID]} is '{said}'"
                source.broken.append(BrokenRecord(row["#file"], row["#row"], reason, kind, payload(row)))
                rows.append((row[EVENT_ID], row[ENTRANT_ID], name, said, here))
    schema = dict.fromkeys((EVENT_ID, ENTRANT_ID, "column", "first", "second"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _given(rows: pl.DataFrame, match: Match) -> pl.DataFrame:
    """What the rows of a file say of who took part."""
    named = [match.absent] if match.absent is not None else []
    columns = [*match.event, EVENT_ID, *match.entrant, ENTRANT_ID, *match.confirm, *named, "#wrong"]
    return rows.select(name for name in dict.fromkeys(columns) if name in rows.columns)


def _second_entrants(given: pl.DataFrame, match: Match) -> pl.DataFrame:
    """One row an entrant of the files; those without a number are told apart by what would confirm them."""
    here = list(match.entrant)
    nameless = pl.any_horizontal(pl.col(name).is_null() for name in here)
    confirm = [pl.when(nameless).then(name).alias(f"#who {name}") for name in match.confirm if name in given.columns]
    absent = pl.col(match.absent) if match.absent in given.columns else pl.lit(None, pl.String)
    one = given.group_by(*match.event, *here, *confirm, maintain_order=True).agg(
        pl.col(EVENT_ID).first(),
        pl.col(ENTRANT_ID).drop_nulls().first(),
        pl.col("#wrong").any(),
        absent.drop_nulls().first().alias("absent"),
    )
    reason = (
        pl.when(pl.col(EVENT_ID).is_null())
        .then(pl.lit(ALONE))
        .when("#wrong")
        .then(pl.lit(ANOTHER.format(" and ".join(match.confirm))))
        .otherwise("absent")
    )
    return one.select(
        joined(list(match.event)).alias("event_key"),
        EVENT_ID,
        ENTRANT_ID,
        joined(here),
        pl.col(ENTRANT_ID).is_not_null().alias("stored"),
        pl.lit(value=True).alias("given"),
        reason.alias("reason"),
    )
