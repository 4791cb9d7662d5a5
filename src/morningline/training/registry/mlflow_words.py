"""Names and values as MLflow takes them."""

from __future__ import annotations

import re

TAG = "morningline"
LONGEST_TAG = 5000
"""Characters that MLflow takes at most of a tag's value."""


def key(name: str) -> str:
    """A name as MLflow takes it."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:250]


def tags(**values: object) -> dict[str, str]:
    """Facts as tags; those that are None are left out."""
    return {key(f"{TAG}.{name}"): str(value)[:LONGEST_TAG] for name, value in values.items() if value is not None}
