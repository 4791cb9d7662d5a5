"""Model versions: one row and one set of files for one training, found by id, alias, version or as the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest

from morningline.kit.errors import IntegrityError, NotFoundError
from morningline.training.backtest import Backtest, run_backtest
from morningline.training.dataset import Dataset, Source
from morningline.training.models.learner import Fitting, chosen_parameters, group_learner
from morningline.training.registry import Provenance, RegisteredModel, find, list_models, register, unseen
from morningline.training.registry.aliases import set_alias
from morningline.training.splits import PeriodSplit
from registered_models import FIRST_DAY, TASK, blurred, world
from synthetic_events import draw_sample

if TYPE_CHECKING:
    from pathlib import Path

    from morningline.kit.database import Database
    from registered_models import Shelf

LEARNER = "logit_and_trees"
CHOSEN = chosen_parameters(group_learner(LEARNER), {"rounds": 5, "early_stopping_rounds": 2})


@pytest.fixture(scope="module")
def trained() -> tuple[Backtest, Dataset]:
    sample = draw_sample(4, 600, [0.8, -0.3], events_per_day=10)
    first = date.fromordinal(int(sample.days[0]))
    split = PeriodSplit(*(first + timedelta(days=days) for days in (30, 42, 59)))
    entrants = pl.Series([f"r{row}" for row in range(sample.rows)])
    source = Source(task=TASK, feature_version="v1", delta_version=3, first=None, last=split.test_to, gate=None)
    dataset = Dataset(
        sample=sample,
        entrants=entrants,
        excluded={},
        excluded_days={},
        fingerprint="ab" * 32,
        source=source,
        labels="cd" * 32,
    )
    fitting = Fitting(seed=20, threads=1, progress=lambda *_: None)
    return run_backtest(dataset, [split], LEARNER, CHOSEN, fitting), dataset


def kept(database: Database, trained: tuple[Backtest, Dataset], root: Path, **other: object) -> RegisteredModel:
    backtest, dataset = trained
    provenance = Provenance(
        task=TASK,
        feature_set="form",
        feature_version="v1",
        delta_version=3,
        learner=LEARNER,
        parameters=CHOSEN,
        seed=20,
        threads=1,
        summary=backtest.summary("races"),
        registered_by="ann",
    )
    with database.connect() as connection:
        return register(connection, backtest, dataset, replace(provenance, **other), root)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_training_finds_the_same_row_and_touches_no_file(database: Database, trained, tmp_path: Path):
    first = kept(database, trained, tmp_path)
    before = {name: content for name, content in files(tmp_path).items() if not name.endswith("manifest.json")}
    again = kept(database, trained, tmp_path, registered_by="bob", delta_version=9)
    assert again == first
    assert (first.version, first.registered_by) == ("logit_and_trees:1", "ann")
    after = files(tmp_path)
    assert {name: after[name] for name in before} == before
    with database.connect(read_only=True) as connection:
        assert list_models(connection, TASK) == [first]
    assert (
        unseen(first, tmp_path).rows.height == trained[0].outcomes.filter(trained[0].outcomes["part"] == "test").height
    )


def test_numbers_count_up_by_name(database: Database, trained, tmp_path: Path):
    found = [
        kept(database, trained, tmp_path, seed=seed, name=name) for seed, name in ((1, None), (2, None), (3, "mine"))
    ]
    assert [one.version for one in found] == ["logit_and_trees:1", "logit_and_trees:2", "mine:1"]


def test_files_that_were_broken_are_whole_after_the_same_training(database: Database, trained, tmp_path: Path):
    model = kept(database, trained, tmp_path)
    broken = tmp_path / model.artefact / "second_stage.json"
    broken.write_text("{}")
    with pytest.raises(IntegrityError):
        model.load(tmp_path, threads=1)
    again = kept(database, trained, tmp_path)
    assert again.load(tmp_path, threads=1).learner == LEARNER
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [model.id]


def test_a_training_that_gives_another_model_than_the_first_time_is_refused(
    database: Database, trained, tmp_path: Path
):
    model = kept(database, trained, tmp_path)
    before = files(tmp_path)
    backtest, dataset = trained
    changed = replace(backtest.model, market_power=msgspec.structs.replace(backtest.model.market_power, exponent=1.7))
    with pytest.raises(IntegrityError, match="another model than the first time"):
        kept(database, (replace(backtest, model=changed), dataset), tmp_path)
    assert files(tmp_path) == before
    assert model.load(tmp_path, threads=1).market_power == backtest.model.market_power


def test_a_row_that_is_rolled_back_is_no_model(database: Database, trained, tmp_path: Path):
    backtest, dataset = trained
    model = kept(database, trained, tmp_path)
    with database.connect() as connection:
        connection.execute("DELETE FROM models")
    with database.connect() as connection, pytest.raises(NotFoundError, match="no model of"):
        find(connection, TASK)
    assert kept(database, (backtest, dataset), tmp_path).id == model.id


def test_a_model_is_found_by_id_alias_or_version_and_the_champion_before_the_newest(shelf: Shelf):
    rows = world(days=30)
    day = FIRST_DAY + timedelta(days=20)
    for name in ("old", "middle", "new"):
        shelf.put(name, rows, blurred(rows, 0.3), test_from=day, test_to=day + timedelta(days=9))
    shelf.put("elsewhere", rows, blurred(rows, 0.3), test_from=day, test_to=day, task="other.task", number=1)
    with shelf.database.connect() as connection:
        assert find(connection, TASK).id == "new"
        set_alias(connection, TASK, "champion", "old")
        set_alias(connection, TASK, "challenger", "middle")
        set_alias(connection, "other.task", "champion", "elsewhere")
        wanted = {None: "old", "champion": "old", "challenger": "middle", "new": "new", "logit_and_trees:2": "middle"}
        assert {one: find(connection, TASK, one).id for one in wanted} == wanted
        for nothing in ("previous", "logit_and_trees:9", "elsewhere", ""):
            with pytest.raises(NotFoundError) as refused:
                find(connection, TASK, nothing)
        assert refused.value.allowed == "new, middle, old"
