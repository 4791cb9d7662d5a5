"""The description of the service as a page for people: every route with its parameters, body and answer."""

from __future__ import annotations

import json
from typing import Any

Document = dict[str, Any]
HEAD = """\
# HTTP API

Made from the service's own description: `morningline openapi --markdown` writes this page, `morningline openapi` the
OpenAPI document, which the service has at `/api/v1/openapi.json` too. How to begin:
[serve over HTTP](../how-to/serve-over-http.md).
"""


def as_markdown(document: Document) -> str:
    """The page of an OpenAPI document."""
    schemas = document["components"]["schemas"]
    parts = [HEAD, document["info"]["description"].strip(), ""]
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            text = _route(f"{method.upper()} {path}", operation, schemas)
            by_tag.setdefault(operation["tags"][0], []).append(text)
    for tag, routes in by_tag.items():
        parts += [f"## {tag.capitalize()}", "", *routes]
    parts += [_problems(document)]
    return "\n".join(parts).rstrip()


def _route(heading: str, operation: Document, schemas: Document) -> str:
    lines = [f"### `{heading}`", "", f"{operation['summary']} {operation['description']}", ""]
    rows: list[tuple[str, ...]] = [
        (f"`{p['name']}`", p["in"], _kind(p["schema"]), _default(p["schema"]), p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        rows += _fields("", _resolved(body, schemas), schemas)
    if rows:
        lines += ["| name | in | what | if not given | meaning |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
        lines.append("")
    status, answer = next(iter(operation["responses"].items()))
    for kind, content in answer.get("content", {}).items():
        if "example" in content and kind == "application/json":
            lines += [f"Answers {status}:", "", "```json", json.dumps(content["example"], indent=2), "```", ""]
        else:
            lines += [f"Answers {status} with `{kind}`.", ""]
    return "\n".join(lines)


def _fields(within: str, schema: Document, schemas: Document) -> list[tuple[str, ...]]:
    """The fields of a body, and of the objects in it."""
    rows: list[tuple[str, ...]] = []
    needed = schema.get("required", [])
    for name, part in schema["properties"].items():
        default = "needed" if name in needed else "" if part.get("default") is None else f"`{_json(part['default'])}`"
        rows.append((f"`{within}{name}`", "body", _kind(part), default, part.get("description", "")))
        options = [one for option in part.get("anyOf", [part]) for one in option.get("oneOf", [option])]
        for inner in options:
            if "$ref" in inner:
                found = _resolved(inner, schemas)
                word = found["properties"].get("kind", {}).get("const")
                rows += _fields(f"{name}.{f'{word}.' if word else ''}", found, schemas)
    return rows


def _json(value: object) -> str:
    return json.dumps(value)


def _problems(document: Document) -> str:
    """What can go wrong, once for all routes."""
    schema = document["components"]["schemas"]["Problem"]
    said = [f"| `{name}` | {part.get('description', '')} |" for name, part in schema["properties"].items()]
    found: dict[str, str] = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            found |= {s: r["description"] for s, r in operation["responses"].items() if int(s) >= 400}
    rows = [f"| {status} | {found[status]} |" for status in sorted(found)]
    head = ["## Errors", "", "Every error is a document of this shape.", "", "| field | meaning |", "| --- | --- |"]
    return "\n".join([*head, *said, "", "| status | meaning |", "| --- | --- |", *rows, ""])


def _resolved(schema: Document, schemas: Document) -> Document:
    found: Document = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _kind(schema: Document) -> str:
    """What a value may be, in a few words."""
    if options := schema.get("anyOf"):
        return " or ".join(_kind(option) for option in options if option.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema or "oneOf" in schema:
        return "object"
    kind = schema.get("format") or schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    least, most = schema.get("minimum"), schema.get("maximum")
    return f"{kind}, {least:.0f} to {most:.0f}" if least is not None and most is not None else str(kind)


def _default(schema: Document) -> str:
    default = schema.get("default")
    if "default" not in schema and not any(option.get("type") == "null" for option in schema.get("anyOf", [])):
        return "needed" if "items" not in schema else ""
    return "" if default is None else f"`{_json(default)}`"
