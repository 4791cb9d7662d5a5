"""The synthetic races as somebody's export: one row a runner, the race's fields repeated on every row."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from morningline.domains.racing.world.finish import finish
from morningline.domains.racing.world.horses import Floats, Horses
from morningline.domains.racing.world.races import Run

# What a race leaves behind, unknown when the card is published.
RESULT_COLUMNS = ("pos", "btn", "time", "sp")


@dataclass(frozen=True, kw_only=True)
class Names:
    """What everybody is called, by index.

    Args:
        horses: Horses.
        jockeys: Jockeys.
        trainers: Trainers.
    """

    horses: list[str]
    jockeys: list[str]
    trainers: list[str]


def _race_fields(runs: list[Run]) -> pl.DataFrame:
    """Build the columns of the races, each repeated for every runner."""
    races = [run.race for run in runs]
    frame = pl.DataFrame(
        {
            "race_id": [r.race_id for r in races],
            "date": [f"{r.day:%d/%m/%Y}" for r in races],
            "off": [f"{r.off_minute // 60:02d}:{r.off_minute % 60:02d}" for r in races],
            "course": [r.course.name for r in races],
            "race_no": [r.number for r in races],
            "race_name": [r.name for r in races],
            "type": ["Flat"] * len(races),
            "class": [f"Class {r.grade}" for r in races],
            "dist": [r.distance for r in races],
            "going": [r.going for r in races],
            "surface": [r.course.surface for r in races],
        }
    )
    return frame[np.repeat(np.arange(len(runs)), [len(run.horse) for run in runs])]


def _runner_fields(runs: list[Run], horses: Horses, names: Names) -> pl.DataFrame:
    """Build the columns of the runners that are known before the race."""
    horse = np.concatenate([run.horse for run in runs])
    jockey = np.concatenate([run.jockey for run in runs]).tolist()
    weight = np.concatenate([run.weight for run in runs]).tolist()
    year = np.concatenate([np.full(len(run.horse), run.race.day.year) for run in runs])
    sex = {int(y): horses.sexes(int(y)) for y in np.unique(year)}
    index = horse.tolist()
    return pl.DataFrame(
        {
            "num": np.concatenate([np.arange(1, len(run.horse) + 1) for run in runs]),
            "draw": np.concatenate([run.draw for run in runs]),
            "horse_id": [f"H{i + 1:05d}" for i in index],
            "horse": [names.horses[i] for i in index],
            "age": year - horses.born[horse],
            "sex": [str(sex[y][i]) for y, i in zip(year.tolist(), index, strict=True)],
            "jockey": [names.jockeys[j] for j in jockey],
            "trainer": [names.trainers[t] for t in horses.trainer[horse].tolist()],
            "wgt": [f"{w // 14}-{w % 14}" for w in weight],
            "rating": pl.Series(np.concatenate([run.rating for run in runs])).fill_nan(None).cast(pl.Int64),
        }
    )


def export(runs: list[Run], horses: Horses, names: Names, prices: Floats, rng: np.random.Generator) -> pl.DataFrame:
    """Write the races as one frame with the columns of the export.

    Args:
        runs: The races, in the order of the rows.
        horses: All horses.
        names: What everybody is called.
        prices: Decimal prices of all runners, in the same order.
        rng: The stream of chance of times and non-finishers' codes.

    Returns:
        One row a runner; `pos`, `btn` and `time` are text, `sp` a decimal price.
    """
    finishes = [finish(run, rng) for run in runs]
    results = pl.DataFrame(
        {
            "pos": [text for pos, _, _ in finishes for text in pos],
            "btn": [text for _, btn, _ in finishes for text in btn],
            "time": [text for _, _, times in finishes for text in times],
            "sp": prices,
        },
        schema={"pos": pl.String, "btn": pl.String, "time": pl.String, "sp": pl.Float64},
    )
    return pl.concat([_race_fields(runs), _runner_fields(runs, horses, names), results], how="horizontal")
