"""The synthetic world: same seed same bytes, exact probabilities, a biased market with a margin."""

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize_scalar

from morningline.domains.racing.world import Simulation, World, simulate, write_world
from morningline.domains.racing.world.finish import lengths_text, time_text
from morningline.domains.racing.world.market import softmax_within
from morningline.kit.errors import InputError

COLUMNS = (
    "race_id date off course race_no race_name type class dist going surface num draw horse_id horse age sex "
    "jockey trainer wgt rating pos btn time sp"
)
WEEK = date(2023, 5, 7)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(World())


@pytest.fixture(scope="module")
def runs(simulation: Simulation) -> pl.DataFrame:
    """All runners with the truth, the share of the win and the market's probability."""
    everything = pl.concat([simulation.runs, simulation.results])
    won = (pl.col("pos") == "1").cast(pl.Float64)
    price = 1 / pl.col("sp")
    return everything.join(simulation.truth, on=["race_id", "horse_id"], validate="1:1").with_columns(
        share=won / won.sum().over("race_id"),
        book=price.sum().over("race_id"),
        market=price / price.sum().over("race_id"),
        field=pl.len().over("race_id"),
    )


def starts(runs: pl.DataFrame) -> np.ndarray:
    ids = runs["race_id"].to_numpy()
    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))


def fitted_exponent(runs: pl.DataFrame, target: str) -> float:
    logs, goal, first = np.log(runs["market"].to_numpy()), runs[target].to_numpy(), starts(runs)
    loss = minimize_scalar(
        lambda k: -float(goal @ np.log(softmax_within(k * logs, first))), bounds=(0.5, 2), method="bounded"
    )
    return float(loss.x)


def mcfadden(runs: pl.DataFrame, column: str) -> float:
    model = float((runs["share"] * runs[column].log()).sum())
    return 1 + model / float((runs["share"] * runs["field"].cast(pl.Float64).log()).sum())


def digests(world: World, folder: Path) -> dict[str, str]:
    paths = write_world(simulate(world), folder)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def seconds(text: str) -> float:
    minutes, _, rest = text.rpartition(":")
    return 60 * int(minutes or 0) + float(rest)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = digests(World(last_day=WEEK), tmp_path / "a")
    assert digests(World(last_day=WEEK), tmp_path / "b") == first
    other = digests(World(last_day=WEEK, seed=21), tmp_path / "c")
    assert all(other[name] != digest for name, digest in first.items())


def test_the_files_have_the_promised_names_columns_and_encoding(tmp_path: Path) -> None:
    simulation = simulate(World(last_day=WEEK))
    names = [p.relative_to(tmp_path).as_posix() for p in write_world(simulation, tmp_path)]
    day = simulation.tomorrow.isoformat()
    assert names == [
        "history/runs_2023.csv",
        f"card/runs_{day}.csv",
        f"results/runs_{day}.csv",
        "truth.csv",
    ]
    history, card = (tmp_path / n for n in names[:2])
    assert history.read_text(encoding="utf-8").splitlines()[0] == COLUMNS.replace(" ", ",")
    assert "Café" in history.read_text(encoding="utf-8")
    assert all(line.endswith(",,,,") for line in card.read_text(encoding="utf-8").splitlines()[1:])


def test_one_history_file_a_calendar_year_and_tomorrow_is_the_day_after(simulation: Simulation, tmp_path: Path) -> None:
    names = {p.name for p in write_world(simulation, tmp_path)}
    assert {"runs_2023.csv", "runs_2024.csv", "runs_2024-12-01.csv"} <= names
    assert simulation.runs["date"][0] == "01/03/2023"
    assert simulation.runs["date"][-1] == "30/11/2024"
    read = pl.read_csv(tmp_path / "history" / "runs_2024.csv", schema_overrides={"pos": pl.String})
    assert read.height == simulation.runs.filter(pl.col("date").str.ends_with("2024")).height


def test_the_card_is_the_results_without_what_happened(simulation: Simulation) -> None:
    after = ["pos", "btn", "time", "sp"]
    assert simulation.card.drop(after).equals(simulation.results.drop(after))
    assert simulation.card.select(pl.col(after).null_count()).row(0) == (simulation.card.height,) * 4
    assert simulation.card.height > 40


def test_a_demo_has_thousands_of_races_and_tens_of_thousands_of_runners(runs: pl.DataFrame) -> None:
    assert 3_600 < runs["race_id"].n_unique() < 4_600
    assert 36_000 < runs.height < 46_000
    assert runs["field"].min() >= 6
    assert runs["field"].max() <= 14


def test_every_race_has_a_winner_and_dead_heats_are_rare(runs: pl.DataFrame) -> None:
    winners = runs.group_by("race_id").agg(n=(pl.col("pos") == "1").sum(), btn=(pl.col("btn") == "0").sum())
    assert winners["n"].min() == 1
    assert winners["n"].equals(winners["btn"])
    assert 0 < (winners["n"] > 1).mean() < 0.006


def test_positions_lengths_and_times_tell_one_story(runs: pl.DataFrame) -> None:
    out = runs["pos"].is_in(["PU", "UR", "F"])
    assert 0.004 < out.mean() < 0.010
    assert runs.filter(out).select(pl.col("btn", "time").null_count()).row(0) == (out.sum(),) * 2
    finished = runs.filter(~out).with_columns(
        place=pl.col("pos").cast(pl.Int64),
        clock=pl.col("time").map_elements(seconds, return_dtype=pl.Float64),
    )
    ranked = finished.with_columns(rank=pl.col("place").rank("min").over("race_id"))
    assert (ranked["rank"] == ranked["place"]).all()
    ordered = finished.sort("race_id", "place").with_columns(gap=pl.col("clock").diff().over("race_id"))
    assert ordered["gap"].drop_nulls().min() >= 0


def test_races_on_soft_ground_are_slower(runs: pl.DataFrame) -> None:
    mile = runs.filter((pl.col("dist") == "6f") & (pl.col("pos") == "1") & (pl.col("surface") == "Turf"))
    clock = mile.with_columns(clock=pl.col("time").map_elements(seconds, return_dtype=pl.Float64))
    mean = dict(clock.group_by("going").agg(pl.col("clock").mean()).iter_rows())
    assert mean["Good To Firm"] < mean["Good"] < mean["Good To Soft"] < mean["Soft"]


def test_numbers_draws_and_identities_are_unique(runs: pl.DataFrame) -> None:
    for column in ("num", "draw"):
        races = runs.group_by("race_id").agg(pl.col(column).sort(), n=pl.len())
        assert all(sorted(values) == list(range(1, n + 1)) for _, values, n in races.iter_rows())
    horses = runs.select("horse_id", "horse").unique()
    assert horses["horse_id"].n_unique() == horses["horse"].n_unique() == horses.height
    assert not set(runs["jockey"]) & set(runs["trainer"])
    for once in (["date", "horse_id"], ["race_id", "jockey"], ["race_id", "horse_id"]):
        assert not runs.select(once).is_duplicated().any()
    assert runs.group_by("date", "jockey").agg(pl.col("course").n_unique())["course"].max() == 1


def test_ratings_are_empty_for_unexposed_horses_and_classes_order_the_rest(runs: pl.DataFrame) -> None:
    assert 0.02 < runs["rating"].is_null().mean() < 0.15
    by_class = runs.group_by("class").agg(pl.col("rating").mean()).sort("class")["rating"]
    assert by_class.is_sorted(descending=True)


def test_true_probabilities_sum_to_one(simulation: Simulation) -> None:
    sums = simulation.truth.group_by("race_id").agg(pl.col("true_probability").sum())["true_probability"]
    assert (sums - 1).abs().max() < 1e-12
    assert simulation.truth.height == simulation.runs.height + simulation.results.height


def test_winners_come_as_often_as_the_truth_says(runs: pl.DataFrame) -> None:
    log = pl.col("true_probability").log()
    first = log * pl.col("true_probability")
    races = runs.group_by("race_id").agg(
        observed=(log * pl.col("share")).sum(),
        expected=first.sum(),
        variance=(log * first).sum() - first.sum() ** 2,
    )
    excess = (races["observed"] - races["expected"]).sum() / races["variance"].sum() ** 0.5
    assert abs(excess) < 4
    # In ten bands of equal size the winners are a sum of nearly independent trials.
    p = pl.col("true_probability")
    bands = (
        runs.sort("true_probability")
        .with_columns(band=pl.int_range(pl.len()) * 10 // pl.len())
        .group_by("band")
        .agg(z=(pl.col("share") - p).sum() / (p * (1 - p)).sum().sqrt())
    )
    assert bands["z"].pow(2).sum() < 38


def test_the_market_knows_a_lot_and_less_than_the_truth(runs: pl.DataFrame) -> None:
    truth, market = mcfadden(runs, "true_probability"), mcfadden(runs, "market")
    assert 0.20 < truth < 0.25
    assert 0.165 < market < 0.205
    assert market < truth


def test_the_book_has_a_margin(runs: pl.DataFrame) -> None:
    book = runs.group_by("race_id").agg(pl.col("book").first())["book"]
    assert 1.15 < book.mean() < 1.20
    assert book.min() > 1.03
    assert book.max() < 1.30


def test_long_shots_are_overbet(runs: pl.DataFrame) -> None:
    # Against the truth itself the exponent is free of the luck of the winners; rounding of prices remains.
    assert fitted_exponent(runs, "true_probability") == pytest.approx(1.08, abs=0.02)
    assert fitted_exponent(runs, "share") == pytest.approx(1.08, abs=0.08)
    long_shots = runs.filter(pl.col("sp") > 20)
    favourites = runs.filter(pl.col("sp") < 4)
    assert (long_shots["share"] * long_shots["sp"]).mean() < (favourites["share"] * favourites["sp"]).mean()


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        (0, "0"),
        (0.05, "SH"),
        (0.2, "HD"),
        (0.3, "NK"),
        (0.5, "1/2"),
        (0.7, "3/4"),
        (0.9, "1"),
        (1.5, "1-1/2"),
        (3.3, "3-1/4"),
        (4.95, "5"),
        (6.4, "6-1/2"),
        (12.3, "12"),
    ],
)
def test_lengths_are_written_as_the_judge_calls_them(lengths: float, text: str) -> None:
    assert lengths_text(lengths) == text


@pytest.mark.parametrize(("value", "text"), [(95.36, "1:35.36"), (58.4, "58.40"), (59.999, "1:00.00")])
def test_times_carry_their_minutes(value: float, text: str) -> None:
    assert time_text(value) == text


@pytest.mark.parametrize("wrong", [{"seasons": 0}, {"last_day": date(2023, 2, 1)}, {"horses": 100}])
def test_parameters_without_a_world_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="Allowed"):
        World(**wrong)
