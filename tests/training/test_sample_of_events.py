import dataclasses

import numpy as np
import pytest

from morningline.kit.errors import DataError, InputError
from morningline.training import Sample
from synthetic_events import draw_sample

GOOD = {
    "features": [[1.0], [np.nan], [3.0], [4.0], [5.0]],
    "names": ("form",),
    "starts": [0, 2, 5],
    "won": [0.0, 1.0, 0.0, 0.0, 1.0],
    "odds": [2.0, 2.0, 3.0, np.nan, 3.0],
    "days": [738000, 738001],
    "event_ids": ("a", "b"),
}


def test_a_sample_knows_its_events_rows_sizes_and_winners():
    sample = Sample(**GOOD)
    assert (sample.events, sample.rows) == (2, 5)
    assert sample.sizes.tolist() == [2, 3]
    assert sample.group_of_rows().tolist() == [0, 0, 1, 1, 1]
    assert sample.winner_rows().tolist() == [1, 4]
    assert sample.priced_events().tolist() == [True, False]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"features": [1.0, 2.0]}, InputError, "features have shape"),
        ({"names": ("form", "weight")}, InputError, "1 features have 2 names"),
        ({"starts": [0, 2, 2, 5]}, InputError, "do not cover 5 rows"),
        ({"starts": [0, 2, 6]}, InputError, "do not cover 5 rows"),
        ({"starts": [1, 2, 5]}, InputError, "do not cover 5 rows"),
        ({"starts": [0.0, 2.0, 5.0]}, InputError, "`starts` has dtype float64"),
        ({"won": [0.0, 1.0]}, InputError, "`won` has shape"),
        ({"odds": [2.0]}, InputError, "`odds` has shape"),
        ({"days": [738000]}, InputError, "`days` has shape"),
        ({"days": [738000.0, 738001.0]}, InputError, "`days` has dtype float64"),
        ({"event_ids": ("a", "a")}, InputError, "1 different"),
        ({"won": [0.0, 1.0, 0.0, 1.0, 1.0]}, DataError, "Event b has `won`"),
        ({"won": [0.0, 0.0, 0.0, 0.0, 1.0]}, DataError, "Event a has `won`"),
        ({"won": [0.5, 0.5, 0.0, 0.0, 1.0]}, DataError, "Event a has `won`"),
        ({"won": [np.nan, 1.0, 0.0, 0.0, 1.0]}, DataError, "Event a has `won`"),
        ({"features": [[1.0], [np.inf], [3.0], [4.0], [5.0]]}, DataError, "'form' holds an infinite"),
        ({"odds": [0.0, 2.0, 3.0, 3.0, 3.0]}, DataError, "A market price is 0.0"),
        ({"odds": [np.inf, 2.0, 3.0, 3.0, 3.0]}, DataError, "A market price is inf"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_do(change, error, words):
    with pytest.raises(error, match=words) as caught:
        Sample(**{**GOOD, **change})
    assert caught.value.allowed
    assert caught.value.do


def test_taking_events_keeps_their_rows_together():
    sample = draw_sample(1, 30, [1.0, 0.5], missing=0.1)
    mask = np.arange(30) % 3 == 0
    taken = sample.take_events(mask)
    for place, event in enumerate(np.flatnonzero(mask)):
        before = slice(sample.starts[event], sample.starts[event + 1])
        after = slice(taken.starts[place], taken.starts[place + 1])
        for field in ("features", "won", "odds"):
            np.testing.assert_array_equal(getattr(taken, field)[after], getattr(sample, field)[before])
        assert taken.days[place] == sample.days[event]
        assert taken.event_ids[place] == sample.event_ids[event]
    assert taken.events == mask.sum()


@pytest.mark.parametrize("mask", [np.ones(3, dtype=bool), np.array([0, 1]), np.zeros(2, dtype=bool)])
def test_a_mask_that_does_not_choose_events_is_refused(mask):
    with pytest.raises(InputError, match="mask of events"):
        Sample(**GOOD).take_events(mask)


def test_features_in_another_order_are_not_the_models_features():
    sample = Sample(**{**GOOD, "features": np.ones((5, 2)), "names": ("form", "weight")})
    sample.require_names(("form", "weight"))
    with pytest.raises(InputError, match="order differs"):
        sample.require_names(("weight", "form"))
    with pytest.raises(InputError, match=r"absent \['age'\], unknown \['weight'\]"):
        sample.require_names(("form", "age"))


def test_a_sample_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample(**GOOD).names = ("other",)


def test_a_part_of_events_that_stand_together_is_not_copied_and_nobody_can_write_to_it():
    sample = draw_sample(1, 30, [1.0, 0.5], missing=0.1)
    together = sample.take_events(np.arange(30) >= 7)
    apart = sample.take_events(np.arange(30) % 3 == 0)

    np.testing.assert_array_equal(together.features, sample.features[sample.starts[7] :])
    assert np.shares_memory(together.features, sample.features)
    assert not np.shares_memory(apart.features, sample.features)
    for part in (together, apart):
        with pytest.raises(ValueError, match="read-only"):
            part.features[0, 0] = 1.0
