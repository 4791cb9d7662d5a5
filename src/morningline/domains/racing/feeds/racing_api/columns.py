"""The frames of each endpoint: what stands in several columns of the feed, or means two things in one, set right.

Everything stays text. What one column says by itself is left to the mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from morningline.domains.racing.feeds.racing_api.bookmakers import BETFAIR, LEAST_EXCHANGE_BOOK, STARTING_PRICE, house

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from morningline.domains.racing.feeds.racing_api.bookmakers import House

    Levels = Mapping[str, pl.DataFrame]

_NON_RUNNER = r"(?i)^\s*non[ -]?runner"
_COUNTRY = r"\(([A-Z]{2,3})\)$"
_CLAIM = r"\((\d{1,2})\)\s*$"
_FRACTION = r"(?i)^\s*(\d+/\d+|ev[a-z]*?)\s*[jc]?[fjc]?\s*$"


def _fraction(name: str) -> pl.Expr:
    return pl.col(name).str.extract(_FRACTION)


def _above_zero(name: str) -> pl.Expr:
    """A decimal price as it is written; "0", "SP" and words say that there is none."""
    return pl.when(pl.col(name).cast(pl.Float64, strict=False) > 0).then(pl.col(name))


def _race_ids(runners: pl.DataFrame, races: pl.DataFrame, *names: str) -> pl.DataFrame:
    """Runners with columns of their races."""
    return runners.with_columns(races.select(names)[runners["#parent"]].get_columns()).drop("#parent")


def _cards(levels: Levels) -> dict[str, pl.DataFrame]:
    races = levels["race"]
    # Either sign is enough; a price of "-" is none, a market that has not opened looks the same.
    gone = pl.any_horizontal(
        pl.col("number").str.to_uppercase().eq("NR").fill_null(value=False),
        pl.col("jockey").str.contains(_NON_RUNNER).fill_null(value=False),
    )
    runs = pl.col("non_runner").is_null()
    runners = (
        _race_ids(levels["runner"], races, "race_id", "is_abandoned")
        .with_columns(pl.when(gone).then(pl.lit("yes")).alias("non_runner"))
        .with_columns(
            pl.when(runs).then(pl.col("jockey").str.replace(_CLAIM, "").str.strip_chars()).alias("rider"),
            pl.when(runs).then("jockey_id").alias("rider_id"),
            # A name without brackets claims nothing; without a name nobody knows.
            pl.when(runs & pl.col("jockey").is_not_null())
            .then(pl.coalesce(pl.col("jockey").str.extract(_CLAIM), pl.lit("0")))
            .alias("claim"),
            # What it would have carried, and from where, an earlier card says better than that of a non-runner.
            pl.when(runs).then("number").alias("number"),
            pl.when(runs).then("draw").alias("draw"),
        )
        .with_columns(
            # A card's weight is before the claim, a result's after it: what the horse carries is the same in both.
            pl.when(runs)
            .then(
                pl.coalesce(
                    (pl.col("lbs").cast(pl.Int32, strict=False) - pl.col("claim").cast(pl.Int32)).cast(pl.String), "lbs"
                )
            )
            .alias("weight")
        )
    )
    return {
        "card_races": races.drop("#parent").with_columns(pl.format("{}f", "distance_f").alias("furlongs")),
        "card_runners": runners,
        **_prices(levels["quote"], levels["price"], runners),
    }


def _prices(quotes: pl.DataFrame, history: pl.DataFrame, runners: pl.DataFrame) -> dict[str, pl.DataFrame]:
    names = quotes["bookmaker"].drop_nulls().unique().to_list()
    houses = {name: house(name) for name in names}
    price = pl.coalesce(_above_zero("decimal"), _fraction("fractional")).alias("price")
    id_of, kind_of = ({name: getattr(each, what) for name, each in houses.items()} for what in ("id", "price_kind"))
    quoted = _race_ids(quotes, runners, "race_id", "horse_id").with_columns(
        pl.col("bookmaker").replace_strict(id_of, default=None, return_dtype=pl.String).alias("bookmaker_id"),
        pl.col("bookmaker").replace_strict(kind_of, default=None, return_dtype=pl.String).alias("price_kind"),
        price,
    )
    changes = _race_ids(history, quoted, "race_id", "horse_id", "bookmaker_id", "price_kind").with_columns(price)
    return {
        "card_odds": quoted,
        "card_history": changes,
        "card_bookmakers": _makers(quoted.select("#file", "bookmaker_id"), houses.values()),
    }


def _makers(seen: pl.DataFrame, houses: Iterable[House]) -> pl.DataFrame:
    """The houses of each body, a row each."""
    names, least = {}, {}
    for each in houses:
        names[each.id] = each.name
        if each.price_kind == "exchange":
            least[each.id] = LEAST_EXCHANGE_BOOK
    distinct = seen.drop_nulls().unique().sort("#file", "bookmaker_id")
    return distinct.with_columns(
        pl.col("bookmaker_id").replace_strict(names, default=None, return_dtype=pl.String).alias("bookmaker"),
        pl.col("bookmaker_id").replace_strict(least, default=None, return_dtype=pl.String).alias("least_book"),
        pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("#file").alias("#row"),
    )


def _results(levels: Levels) -> dict[str, pl.DataFrame]:
    races = levels["race"]
    runners = _race_ids(levels["runner"], races, "race_id").with_columns(
        pl.col("jockey").str.replace(_CLAIM, "").str.strip_chars().alias("rider"),
        pl.col("horse").str.extract(_COUNTRY).alias("country"),
        # The fraction is exact, the feed's decimal is rounded half to even.
        pl.coalesce(_fraction("sp"), _above_zero("sp_dec")).alias("sp_price"),
        _above_zero("bsp").alias("bsp_price"),
    )
    seen = pl.concat(
        runners.filter(pl.col(price).is_not_null()).select("#file", pl.lit(each.id).alias("bookmaker_id"))
        for price, each in (("sp_price", STARTING_PRICE), ("bsp_price", BETFAIR))
    )
    return {
        "result_races": races.drop("#parent").with_columns(pl.format("{}y", "dist_y").alias("yards")),
        "result_runners": runners,
        "result_bookmakers": _makers(seen, (STARTING_PRICE, BETFAIR)),
    }


def _masters(name: str) -> Callable[[Levels], dict[str, pl.DataFrame]]:
    def frames(levels: Levels) -> dict[str, pl.DataFrame]:
        (frame,) = levels.values()
        return {name: frame.drop("#parent")}

    return frames


FRAMES: dict[str, Callable[[Levels], dict[str, pl.DataFrame]]] = {
    "racecards": _cards,
    "results": _results,
    "courses": _masters("courses"),
    "regions": _masters("regions"),
    "horses": _masters("horses"),
}
"""By endpoint: from a frame for each shape to the frames of the mapping."""
