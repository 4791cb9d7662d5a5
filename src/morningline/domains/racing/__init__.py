"""Horse racing: races, runners, results, prices, and what they say of the next race."""

from pathlib import Path

from morningline.domains.contract import Domain
from morningline.domains.racing.agreements import AGREEMENTS
from morningline.domains.racing.checks import findings, reject
from morningline.domains.racing.demo import make_world
from morningline.domains.racing.features import FEATURES, LATE_FEATURES
from morningline.domains.racing.notation import NOTATIONS
from morningline.domains.racing.schema import CATALOG
from morningline.domains.racing.second_source import suggest
from morningline.domains.racing.tasks import TASKS

_HERE = Path(__file__).parent

domain = Domain(
    name="racing",
    event_noun="race",
    entrant_noun="runner",
    entrant_key="horse_id",
    catalog=CATALOG,
    migrations=_HERE / "migrations",
    mappings=_HERE / "mappings",
    converters=NOTATIONS,
    reject=reject,
    findings=findings,
    suggest=suggest,
    feature_set=FEATURES,
    tasks=TASKS,
    make_world=make_world,
    agreements=AGREEMENTS,
    further_sets=(LATE_FEATURES,),
)
"""The racing plug-in."""

__all__ = ["domain"]
