"""What a run may be asked with: its parameters against the fields of their kind, before it waits in a queue."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.wiring.program import Program

Asked = TypeVar("Asked")


def parameters_of(given: Mapping[str, Any], kind: type[Asked]) -> Asked:
    """Parameters as their kind declares them.

    Args:
        given: Plain values, as JSON has them.
        kind: A dataclass; what it refuses when it is made is refused here.

    Raises:
        InputError: A field is unknown, is missing, or has no possible value.
    """
    import msgspec

    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(names))
    allowed = f"the fields {', '.join(names)}" if names else "no fields"
    if unknown:
        raise InputError(f"There is no parameter {unknown[0][:60]!r}.", allowed=allowed, do="Correct its name.")
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"The parameters cannot be read: {error}.", allowed=allowed) from error


def require_parameters(program: Program, kind: type[Any], given: Mapping[str, Any]) -> None:
    """Refuse parameters that cannot be read, and names of a domain or a feature set that nothing bears.

    Raises:
        InputError: A field is unknown, is missing, or has no possible value.
        NotFoundError: There is no such domain or set.
    """
    from morningline.wiring.program import domain_named

    asked = parameters_of(given, kind)
    domain, set_name = getattr(asked, "domain", ""), getattr(asked, "set_name", None)
    if domain:
        found = domain_named(domain)
        if set_name is not None:
            program.feature_set(found, set_name)
