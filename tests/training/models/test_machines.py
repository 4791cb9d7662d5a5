"""Which learners many machines can help, and what those are told that they cannot."""

from __future__ import annotations

import sys

import pytest

from morningline.kit.errors import InputError
from morningline.training.models.learner import chosen_parameters, group_learner, learner_names
from morningline.training.models.machines import spreads
from morningline.wiring.training import checked

ABLE = ["ensemble", "logit_and_trees", "ranking_trees", "softmax_trees"]


def able(name: str, **given) -> bool:
    learner = group_learner(name)
    return spreads(learner, chosen_parameters(learner, given))


def test_softmax_trees_and_all_that_reuse_them_can_grow_on_many_machines():
    # What an ensemble can is what its members can.
    assert [name for name in learner_names("group") if able(name)] == ABLE
    assert not able("ensemble", learner="conditional_logit")
    assert not able("softmax_trees", booster={"linear_tree": True})
    assert not able("ensemble", learner="softmax_trees", parameters={"booster": {"linear_tree": True}})


@pytest.mark.parametrize(
    "given",
    [
        {"model": "conditional_logit"},
        {"model": "softmax_trees", "parameters": {"booster": {"linear_tree": True}}},
        {"model": "binary_trees", "task": "racing.place"},
    ],
)
def test_what_cannot_is_refused_before_it_waits_and_those_that_can_are_named(given):
    with pytest.raises(InputError, match="cannot grow on many machines") as caught:
        checked({"engine": "ray", **given})
    assert ", ".join(ABLE) in str(caught.value.allowed)
    # The trials of any learner can be judged there.
    assert checked({"engine": "ray", "tuning": {"trials": 2}, **given}).engine == "ray"


def test_an_engine_that_is_none_is_refused():
    with pytest.raises(InputError, match="engine"):
        checked({"engine": "there"})


def test_without_ray_a_training_is_refused_before_it_waits(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"needs Ray") as caught:
        checked({"engine": "ray"})
    assert 'pip install "morningline[ray]"' in str(caught.value.do)


def test_to_ask_for_the_engine_does_not_import_it():
    # What Ray reads from the environment when it is imported is set when a cluster is asked for.
    import subprocess

    asks = "from morningline.wiring.training import checked; checked({'engine': 'ray'})"
    code = f"import sys; {asks}; print('ray' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
