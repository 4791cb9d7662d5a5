"""What went wrong in a run, as JSON and back: whoever follows it is told what the work would have told him."""

from __future__ import annotations

import traceback
from typing import Any

from morningline.kit import errors
from morningline.kit.errors import MorninglineError


class Failure(Exception):  # noqa: N818 - it carries an error, it is none of its own
    """An error on its way through the engine, which keeps `data` beside its message.

    Attributes:
        data: Name, what is allowed, what to do, and, for a fault of the program, the traceback.
    """

    def __init__(self, error: Exception) -> None:
        refused = isinstance(error, MorninglineError)
        super().__init__(error.message if isinstance(error, MorninglineError) else str(error) or repr(error))
        self.data: dict[str, Any] = {"name": type(error).__name__}
        if isinstance(error, MorninglineError):
            self.data |= {"allowed": error.allowed, "do": error.do}
        if not refused:
            self.data["traceback"] = "".join(traceback.format_exception(error))


def restore(recorded: dict[str, Any]) -> MorninglineError:
    """The error that a run ended with.

    Args:
        recorded: As the engine keeps it: `message`, and `data` of a `Failure`.

    Returns:
        An error of the class it was of, if that is one of ours; of the root class otherwise.
    """
    data = recorded.get("data") or {}
    name = data.get("name", recorded.get("name", ""))
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, MorninglineError):
        return kind(recorded["message"], allowed=data.get("allowed"), do=data.get("do"))
    return MorninglineError(f"{name}: {recorded['message']}")


def is_fault(recorded: dict[str, Any]) -> bool:
    """Tell whether the program was at fault, not what it was given."""
    return "traceback" in (recorded.get("data") or {})


def is_transient(error: BaseException | None) -> bool:
    """Tell whether doing the same again can help: the database was away, or the error says so of itself."""
    import psycopg

    return isinstance(error, psycopg.OperationalError) or bool(getattr(error, "transient", False))
