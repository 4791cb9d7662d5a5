"""A training that is asked for on a cluster goes the whole way there, and says who grew its trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusters import needs_ray, two_nodes
from feature_desk import database, desk, full, program
from morningline.cli.following import follow
from morningline.wiring import registry
from morningline.wiring.program import Program
from morningline.wiring.training import Quietly, checked, train

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["database", "desk", "full", "program"]
pytestmark = [needs_ray, pytest.mark.proof]
FEW = {"rounds": 6, "early_stopping_rounds": 3, "booster": {"min_data_in_leaf": 30}}


@pytest.fixture
def there(program: Program) -> Iterator[Program]:
    """A workspace whose settings name a cluster of two nodes."""
    with two_nodes() as cluster:
        settings = {
            "MORNINGLINE_DATABASE_URL": program.database.url,
            "MORNINGLINE_RAY_ADDRESS": cluster.address,
        }
        with Program.at(program.workspace.root, settings) as found:
            yield found


def asked(**given: Any) -> dict[str, Any]:
    found = {"model": "softmax_trees", "parameters": FEW, "accept_quality": True, "threads": 1, "engine": "ray"}
    return {**found, **given}


def test_a_training_on_a_cluster_is_a_run_like_any_other(there: Program):
    first = follow(there, "train", asked(), title="")
    # Twice for each model: the trees on trial, and those of all days.
    assert first["machines"] == "2 x 2"
    again = follow(there, "train", asked(), title="")
    assert again["model"] == first["model"]
    model = registry.show_model(there, "racing", first["model"]).model
    assert model.parameters["machines"] == "2 x 2"
    here = train(there, checked(asked(engine="here")), Quietly())
    assert here.registered.id != first["model"]
    assert "machines" not in here.registered.parameters
    tuned = follow(there, "train", asked(tuning={"trials": 2, "folds": 2}), title="")
    assert len(tuned["tuning"]["trials"]) == 2
    # The logit's trials are judged there, and the logit is fitted here.
    logit = follow(there, "train", asked(model="conditional_logit", parameters={}, tuning={"trials": 2}), title="")
    assert "machines" not in logit
