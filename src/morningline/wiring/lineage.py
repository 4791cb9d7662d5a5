"""Lineage: a race, a prediction or a model followed back to feature tables, facts, payloads and files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import DataError, InputError, NotFoundError
from morningline.wiring.feature_rows import stored_of, written_of
from morningline.wiring.program import domains
from morningline.wiring.provenance import facts_of, imports_of, payloads_of, words_of
from morningline.wiring.tasks import domain_of_task, tasks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import psycopg

    from morningline.domains.contract import Domain
    from morningline.wiring.feature_rows import FeaturesOf
    from morningline.wiring.program import Program
    from morningline.wiring.provenance import FactsOf, ImportOf, PayloadOf


@dataclass(frozen=True, kw_only=True)
class EventLineage:
    """Where what is known of an event came from.

    Attributes:
        what: What the domain calls an event.
        as_of: UTC instant as of which it is told; None: as everything is known now.
        features: Its rows in the feature tables of the domain's sets, none of a set that has no such rows.
        words: What cannot be followed.
    """

    what: str
    id: str
    day: date
    as_of: datetime | None
    facts: Sequence[FactsOf]
    payloads: Sequence[PayloadOf]
    imports: Sequence[ImportOf]
    features: Sequence[FeaturesOf]
    words: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ModelLineage:
    """Where a model came from.

    Attributes:
        row: Its row of the registry: task, periods, feature set and version, data fingerprint, code, seed, files' hash.
        features: The feature table it was trained on; None where its files are gone.
        words: What cannot be followed.
    """

    what: str
    id: str
    row: dict[str, Any]
    features: FeaturesOf | None
    words: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PredictionLineage:
    """Where a locked prediction came from.

    Attributes:
        row: The locked row, without its inputs.
        event: Its event, as it was known at the prediction's `as_of`.
        model: The model that made it.
        words: What cannot be followed.
    """

    what: str
    id: str
    row: dict[str, Any]
    event: EventLineage
    model: ModelLineage
    words: Sequence[str]


Lineage = EventLineage | PredictionLineage | ModelLineage


def lineage(program: Program, what: str, identity: str) -> Lineage:
    """Follow something back to where it came from.

    Args:
        program: The program.
        what: `prediction`, `model`, or what a domain calls an event.
        identity: Its id.

    Raises:
        InputError: There is no such kind of thing.
        NotFoundError: Nothing bears the id.
    """
    nouns = {domain.event_noun: domain for domain in domains()}
    if what not in {"prediction", "model", *nouns}:
        raise InputError(
            f"The lineage of a {what!r} cannot be told.", allowed=", ".join([*nouns, "prediction", "model"])
        )
    with program.database.connect(read_only=True) as connection:
        if what == "model":
            return _of_model(program, connection, identity)
        if what == "prediction":
            return _of_prediction(program, connection, identity)
        return _of_event(program, connection, nouns[what], identity, as_of=None)


def _of_event(
    program: Program, connection: psycopg.Connection[Any], domain: Domain, event_id: str, *, as_of: datetime | None
) -> EventLineage:
    events = domain.catalog.events
    row = connection.execute(
        f"SELECT {events.day} FROM {events.name} WHERE {events.key[0]} = %s".encode(),  # noqa: S608 - our own names
        (event_id,),
    ).fetchone()
    if row is None:
        look = f"SELECT {events.key[0]} FROM {events.name}"  # noqa: S608 - our own names
        raise NotFoundError(
            f"There is no {domain.event_noun} {event_id!r}.", do=f'Look for its id: morningline db query "{look}"'
        )
    day = row[0]
    facts = facts_of(connection, domain.catalog, event_id, day, as_of)
    payloads, imports = payloads_of(connection, program.archive, event_id, day, as_of), imports_of(connection, facts)
    # A prediction is computed from facts, not from what is stored of features.
    features = [] if as_of is not None else stored_of(program, connection, domain, event_id, day)
    words = words_of(facts, payloads, imports)
    if as_of is None and not features:
        words.append(f"No stored features speak of this {domain.event_noun}.")
    return EventLineage(
        what=domain.event_noun,
        id=event_id,
        day=day,
        as_of=as_of,
        facts=facts,
        payloads=payloads,
        imports=imports,
        features=features,
        words=words,
    )


def _of_prediction(program: Program, connection: psycopg.Connection[Any], prediction_id: str) -> PredictionLineage:
    from morningline.predictions.replaying import find_prediction

    locked = find_prediction(connection, prediction_id)
    inputs = locked.pop("inputs")
    domain = domain_of_task(locked["task"])
    said = (
        f"Its {len(inputs)} inputs are locked with it. They were computed from the facts that were known at "
        f"{locked['as_of']:%Y-%m-%d %H:%M:%S} UTC, of this {domain.event_noun} and of those before it; `morningline "
        f"replay {prediction_id}` computes them again and compares every bit."
    )
    return PredictionLineage(
        what="prediction",
        id=prediction_id,
        row=locked,
        event=_of_event(program, connection, domain, locked["event_id"], as_of=locked["as_of"]),
        model=_of_model(program, connection, locked["model_id"]),
        words=[said],
    )


def _of_model(program: Program, connection: psycopg.Connection[Any], model_id: str) -> ModelLineage:
    from morningline.features.monthly_table import MonthlyTable
    from morningline.training.registry import list_models

    models = {model.id: model for name in tasks() for model in list_models(connection, name)}
    if model_id not in models:
        raise NotFoundError(f"There is no model {model_id!r}.", allowed=", ".join(models) or None)
    model = models[model_id]
    row = {name: value for name, value in asdict(model).items() if name != "metrics"}
    root = program.settings.feature_store or program.workspace.features
    where = f"{root}/{model.feature_set}/{model.feature_version}"
    table = MonthlyTable(f"{where}/features", f"The features {model.feature_set!r} of version {model.feature_version}")
    words, features = [], None
    try:
        features = written_of(connection, table, model.feature_set, model.feature_version, model.delta_version)
    except (DataError, NotFoundError, FileNotFoundError):
        words.append(
            f"Delta version {model.delta_version} of the features {model.feature_set!r}, version "
            f"{model.feature_version}, is no longer in {where}: what computed its rows cannot be told."
        )
    return ModelLineage(what="model", id=model_id, row=row, features=features, words=words)
