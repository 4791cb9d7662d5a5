"""The other model that a card holds a model against, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.kit.errors import DataError

if TYPE_CHECKING:
    from morningline.training.registry import ModelComparison
    from morningline.wiring.program import Program
    from morningline.wiring.registry import ModelVersion


def against_another(
    program: Program, domain_name: str, version: ModelVersion
) -> tuple[str, ModelComparison | None, str]:
    """The other's role and id, the model held against it on unseen days, or why that cannot be."""
    from morningline.training.registry import aliases
    from morningline.wiring.registry import compare_models

    model = version.model
    with program.database.connect(read_only=True) as connection:
        borne = aliases(connection, model.task)
    role = "previous" if "champion" in version.aliases else "champion"
    other = borne.get(role)
    if other is None:
        return "", None, f"There is no {'previous champion' if role == 'previous' else 'champion'} to hold it against."
    try:
        compared = compare_models(program, domain_name, model.id, other, task=model.task).comparison
    except DataError as error:
        return "", None, error.message
    words = "the previous champion" if role == "previous" else "the champion"
    return f"{words} ({other})", compared, ""
