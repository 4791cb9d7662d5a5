"""Examples for the description of the service, made of its schemas and of words for the names that fields have."""

from __future__ import annotations

from typing import Any

SHOWN: dict[str, Any] = {
    "id": "3f9a0c12b7de",
    "run_id": "3f9a0c12b7de",
    "kind": "train",
    "name": "nightly",
    "domain": "racing",
    "feed": "racing_api",
    "endpoint": "results",
    "asked_by": "nightly",
    "actor": "nightly",
    "created_by": "ann",
    "mapping": "hk",
    "folder": "/data/hk",
    "file": "features.parquet",
    "month": "2026-03",
    "set_name": "racing",
    "feature_set": "racing",
    "sentence": "Fitting trees",
    "table": "ra_results",
    "worker": True,
    "what": "race",
    "next": None,
    "train_until": "2024-12-31",
    "train_from": None,
    "until": None,
    "test_from": "2025-06-01",
    "test_to": "2026-05-31",
    "parameters": {"l2": 20},
    "delta_version": None,
    "tuning": None,
    "memory_gib": None,
    "threads": None,
    "experiment": None,
    "task": "racing.win",
    "model": "logit_and_trees",
    "figures": {"rows": 1200},
    "result": {"rows": 1200},
    "error": None,
    "version": None,
    "only": None,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "retry_of": None,
    "errors": [],
    "detail": "There is no run '3f9a0c12b7de'.",
    "title": "There is no such thing",
    "type": "urn:morningline:problem:not-found",
    "instance": "/api/v1/runs/3f9a0c12b7de",
    "priority": 0,
    "status": "queued",
    "outcome": "done",
}
"""By name of a field; what is not here follows from its type."""
SCHEDULE = {
    "name": "tomorrow",
    "kind": "predict",
    "parameters": {"domain": "racing", "day": "{day+1}"},
    "cron": "0 20 * * *",
    "zone": "Europe/London",
    "priority": 0,
    "enabled": True,
}
WHOLE: dict[str, Any] = {
    "Schedule": SCHEDULE,
    "ScheduleRow": {
        **SCHEDULE,
        "next_at": "2026-03-02T20:00:00Z",
        "last_at": "2026-03-01T20:00:00Z",
        "last_run": "3f9a0c12b7de",
        "last_status": "succeeded",
        "created_by": "ann",
        "created_at": "2026-02-11T09:30:00Z",
    },
}
"""By name of a schema, where the fields make sense together only."""
BY_FORMAT = {"date": "2026-03-01", "date-time": "2026-03-01T06:30:00Z"}
DEEPEST = 8


def example_of(schema: dict[str, Any], schemas: dict[str, Any], name: str = "", depth: int = 0) -> Any:  # noqa: ANN401
    """A value that a schema allows.

    Args:
        schema: What it has to keep to.
        schemas: Those that others refer to, by name.
        name: Of the field it is for.
        depth: How deep within the whole it stands.
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, "", depth + 1)
    given = schema.get("examples") or schema.get("enum") or [schema.get("const")]
    if given[0] is not None:
        return given[0]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        if name in SHOWN and any(_fits(SHOWN[name], option) for option in options):
            return SHOWN[name]
        return example_of(options[0], schemas, name, depth)
    if name in SHOWN and _fits(SHOWN[name], schema):
        return SHOWN[name]
    return _by_type(schema, schemas, name, depth)


def _by_type(schema: dict[str, Any], schemas: dict[str, Any], name: str, depth: int) -> Any:  # noqa: ANN401 - JSON
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            return {field: example_of(part, schemas, field, depth + 1) for field, part in parts.items()}
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})]
            return [] if depth > DEEPEST else [example_of(item, schemas, name, depth + 1) for item in items]
        case "string":
            return BY_FORMAT.get(schema.get("format", ""), name.replace("_", " ") or "text")
        case "integer" | "number":
            return schema.get("default", max(1, schema.get("minimum", 1)))
        case "boolean":
            return schema.get("default", False)
    return None


TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def _fits(value: object, schema: dict[str, Any]) -> bool:
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema.get("type")
    if kind is None:
        return "$ref" not in schema
    return isinstance(value, TYPES[kind]) and not (isinstance(value, bool) and kind != "boolean")
