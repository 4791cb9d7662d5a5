"""Retention: old trainings and models go, and nothing goes that anything needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from morningline.kit.clock import utc_now
from morningline.training.registry import (
    Recorder,
    TrainingStart,
    begin,
    finish,
    forget,
    list_models,
    list_trainings,
    pin,
)
from morningline.training.registry.aliases import set_alias
from registered_models import FIRST_DAY, TASK, blurred, world

if TYPE_CHECKING:
    from registered_models import Shelf

ROWS = world(days=5)
PREDICTION = """
    INSERT INTO predictions (id, task, event_id, entrant_id, day, as_of, made_at, model_id, feature_version,
        probability, fair_odds, rank, inputs, inputs_hash)
    VALUES ('p1', 'racing.win', 'e', 'r', '2024-01-01', now(), now(), 'predicts', 'v1', 0.5, 2, 1, '{}', 'x')
"""
PROMOTION = """
    INSERT INTO promotions (task, decided_at, decided_by, outcome, from_model, to_model)
    VALUES ('racing.win', now(), 'ann', 'forced', NULL, 'was_champion')
"""


@pytest.fixture
def full(shelf: Shelf) -> Shelf:
    names = ("idle", "aliased", "predicts", "pinned", "was_champion", "young", "newest")
    for name in names:
        age = timedelta(days=1 if name == "young" else 400)
        shelf.put(
            name,
            ROWS,
            blurred(ROWS, 0.3),
            test_from=FIRST_DAY,
            test_to=FIRST_DAY + timedelta(days=4),
            validate_from=FIRST_DAY,
            created_at=utc_now() - age,
        )
    with shelf.database.connect() as connection:
        set_alias(connection, TASK, "champion", "aliased")
        pin(connection, "pinned", pinned=True)
        connection.execute(PREDICTION)
        connection.execute(PROMOTION)
    for run_id, model, days in (("r1", "idle", 400), ("r2", "aliased", 400), ("r3", None, 400), ("r4", None, 1)):
        train(shelf, run_id, model, days)
    return shelf


def train(shelf: Shelf, run_id: str, model: str | None, days: int) -> None:
    start = TrainingStart(run_id=run_id, experiment="x", task=TASK, configuration={}, asked_by="ann", seed=1)
    with shelf.database.connect() as connection:
        begin(connection, start)
    with Recorder(shelf.database, run_id) as recorder:
        recorder.metric("loss", 0, 1.0)
        if model:
            recorder.model(model)
    with shelf.database.connect() as connection:
        finish(connection, run_id, 1, "succeeded")
        ended = utc_now() - timedelta(days=days)
        connection.execute("UPDATE experiment_runs SET ended_at = %s WHERE id = %s", (ended, run_id))


def left(shelf: Shelf) -> tuple[set[str], set[str], set[str]]:
    with shelf.database.connect(read_only=True) as connection:
        models = {model.id for model in list_models(connection, TASK)}
        return (
            models,
            {path.name for path in (shelf.root / "models").iterdir()},
            {run.id for run in list_trainings(connection, "x")},
        )


@pytest.mark.parametrize("dry_run", [True, False])
def test_only_what_nothing_needs_goes(full: Shelf, dry_run: bool):
    before = left(full)
    with full.database.connect() as connection:
        connection.autocommit = True
        gone = forget(connection, model_days=365, training_days=365, root=full.root, dry_run=dry_run)
    assert (gone.models, sorted(gone.trainings)) == (["idle"], ["r1", "r3"])
    if dry_run:
        assert left(full) == before
        return
    models, folders, runs = left(full)
    assert models == folders == {"aliased", "predicts", "pinned", "was_champion", "young", "newest"}
    assert runs == {"r2", "r4"}


def test_nothing_goes_where_the_settings_keep_all(full: Shelf):
    before = left(full)
    with full.database.connect() as connection:
        connection.autocommit = True
        gone = forget(connection, model_days=0, training_days=0, root=full.root)
    assert (gone.models, gone.trainings) == ([], [])
    assert left(full) == before
