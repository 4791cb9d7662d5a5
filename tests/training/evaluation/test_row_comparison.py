import numpy as np
import pytest

from morningline.kit.errors import DataError, InputError
from morningline.training import clustered_interval
from morningline.training.evaluation.row_comparison import compare_losses


def losses(seed, *, entities=60, days=80, apart=0.0):
    """Losses of two models on each entity and day; the difference depends on the entity."""
    random = np.random.default_rng(seed)
    entity, day = np.repeat(np.arange(entities), days), np.tile(np.arange(days), entities)
    reference = random.gamma(2.0, size=len(day))
    gain = random.normal(size=entities)[entity] + 0.3 * random.normal(size=len(day)) + apart
    return reference - gain, reference, day, [f"entity {each}" for each in entity]


def test_the_estimate_is_what_the_reference_loses_more():
    new, reference, day, _ = losses(1)
    found = compare_losses(new, reference, day)
    assert found.estimate == pytest.approx(reference.mean() - new.mean())
    assert (found.loss_new, found.loss_reference) == (new.mean(), reference.mean())
    assert found.skill == pytest.approx(1 - new.mean() / reference.mean())
    assert found.mde == pytest.approx(2.801585 * found.standard_error)
    assert (found.rows, found.clusters) == (4800, 80)


def test_labels_cluster_as_numbers_do():
    new, reference, _, entity = losses(2)
    numbers = [int(each.split()[1]) for each in entity]
    by_label, by_number = (clustered_interval(reference - new, each) for each in (entity, numbers))
    # The same clusters in another order: other draws of the same distribution.
    assert by_label.estimate == by_number.estimate
    assert by_label.standard_error == pytest.approx(by_number.standard_error, rel=0.1)
    assert by_label.days == by_number.days == 60


def test_where_entities_differ_only_clustering_by_entity_holds_the_truth():
    covered = {"day": 0, "entity": 0}
    for seed in range(200):
        new, reference, day, entity = losses(seed, entities=40, days=10, apart=0.5)
        for name, clusters in (("day", day), ("entity", entity)):
            found = compare_losses(new, reference, clusters, replicates=200, seed=seed)
            covered[name] += found.low <= 0.5 <= found.high
    assert covered["day"] < 100
    assert covered["entity"] >= 178


def test_the_three_verdicts():
    new, reference, _, entity = losses(3, apart=1.5)
    assert compare_losses(new, reference, entity).verdict == "adopt"
    assert compare_losses(reference, new, entity).verdict == "reject"
    assert compare_losses(new, new, entity).verdict == "not_decided"
    few = np.arange(4800) % 29
    assert compare_losses(new, reference, few).verdict == "not_decided"


def test_a_perfect_reference_leaves_no_share_to_save():
    found = compare_losses(np.ones(40), np.zeros(40), np.arange(40))
    assert found.skill is None
    assert found.verdict == "reject"


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="were compared with losses"):
        compare_losses(np.ones(3), np.ones(4), np.arange(3))
    with pytest.raises(InputError, match="clusters"):
        compare_losses(np.ones(3), np.ones(3), np.arange(4))
    with pytest.raises(InputError, match="clusters"):
        compare_losses(np.array([np.nan, 1.0]), np.ones(2), np.arange(2))
    with pytest.raises(DataError, match="in one cluster"):
        compare_losses(np.ones(3), np.ones(3), ("a", "a", "a"))
