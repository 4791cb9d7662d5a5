"""The command lineage: where a number came from, back to the payloads and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from morningline.wiring.feature_rows import FeaturesOf
    from morningline.wiring.lineage import EventLineage, ModelLineage, PredictionLineage

FILES_SHOWN = 5
"""Files of an import that are listed one by one; `--json` has all."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(lineage)


def lineage(
    what: Annotated[str, typer.Argument(help="race, prediction or model.")],
    identity: Annotated[str, typer.Argument(help="Its id.")],
    *,
    json: AsJson = False,
) -> None:
    """Follow a race, a prediction or a model back: features, computations, facts, payloads, files and code."""
    from morningline.wiring.lineage import EventLineage, ModelLineage, lineage

    with open_program() as program:
        found = lineage(program, what, identity)
    if json:
        show.as_json(found)
    elif isinstance(found, EventLineage):
        _show_event(found)
    elif isinstance(found, ModelLineage):
        _show_model(found)
    else:
        _show_prediction(found)


def _show_event(event: EventLineage) -> None:
    then = f", as it was known at {_instant(event.as_of)}" if event.as_of else ""
    show.line(f"{event.what} {event.id} of {event.day}{then}")
    facts = [
        (f.table, f.rows, f.corrected, _span(f.event_at), _span(f.known_at), f.change, _instant(f.changed_at))
        for f in event.facts
    ]
    numbers = ("rows", "corrected since", "change")
    _table("Facts", ("table", *numbers[:2], "happened", "known", "change", "changed at"), facts, numbers)
    bodies = [
        (p.id, p.feed, p.endpoint, p.generation, _instant(p.fetched_at), p.names_event, p.archive, p.sha256)
        for p in event.payloads
    ]
    columns = ("payload", "feed", "endpoint", "generation", "fetched", f"names the {event.what}", "archive", "sha256")
    _table("Payloads of that day", columns, bodies)
    files = [
        (one.id, one.mapping, _instant(one.finished_at), f["file"], f["sha256"])
        for one in event.imports
        for f in one.files[:FILES_SHOWN]
    ]
    _table("Imports that wrote to these tables", ("import", "mapping", "finished", "file", "sha256"), files)
    for one in event.imports:
        if len(one.files) > FILES_SHOWN:
            show.line(f"and {len(one.files) - FILES_SHOWN:,} files more of {one.id}")
    for features in event.features:
        _show_features(features)
    _show_words(event.words)


def _show_model(model: ModelLineage) -> None:
    _table(f"model {model.id}", ("what", "is"), [(key, _plain(value)) for key, value in model.row.items()])
    if model.features is not None:
        _show_features(model.features)
    _show_words(model.words)


def _show_prediction(prediction: PredictionLineage) -> None:
    rows = [(key, _plain(value)) for key, value in prediction.row.items()]
    _table(f"prediction {prediction.id}", ("what", "is"), rows)
    _show_words(prediction.words)
    _show_event(prediction.event)
    _show_model(prediction.model)


def _show_features(features: FeaturesOf) -> None:
    show.line()
    named = f"Features {features.feature_set}, version {features.feature_version}"
    show.line(f"{named}, Delta version {features.delta_version} of {_instant(features.written_at)}")
    rows = [
        (c.id, c.rows, f"{c.first_day} to {c.last_day}", _instant(c.as_of), c.mark, c.code_version)
        for c in features.computations
    ]
    numbers = ("rows", "mark")
    show.table(("computation", "rows", "days", "facts as of", "mark", "code"), rows, numbers=numbers)
    for computation in features.computations:
        read = ", ".join(f"{table} {change:,}" for table, change in computation.tables.items())
        show.line(f"{computation.id} read, each with its newest change: {read or 'nothing that is written down'}")


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], numbers: Sequence[str] = ()) -> None:
    if rows:
        show.line()
        show.table(columns, rows, title=title, numbers=numbers)


def _show_words(words: Sequence[str]) -> None:
    for said in words:
        show.line()
        show.line(said)


def _plain(value: object) -> str:
    from datetime import datetime

    import msgspec

    if isinstance(value, datetime):
        return _instant(value)
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)


def _span(instants: tuple[datetime, datetime]) -> str:
    first, last = (_instant(instant) for instant in instants)
    return first if first == last else f"{first} to {last}"


def _instant(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant else ""
