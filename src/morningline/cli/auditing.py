"""The audit of what is changed from the shell: one place for every command, and which of them only look."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from morningline.kit.database import Database
    from morningline.wiring.program import Program

LOOKS = frozenset(
    {
        *("audit", "doctor", "lineage", "mappings", "reconcile", "replay", "report", "settings", "collect status"),
        *("db fingerprint", "db query", "db url"),
        *(f"experiments {act}" for act in ("compare", "export", "list", "show")),
        *(f"features {act}" for act in ("diff", "drift", "export", "list", "quality", "show", "status", "verify")),
        *(f"models {act}" for act in ("compare", "learners", "list", "show")),
        *("predictions show", "quality check", "quality report", "schedules list", "tokens list"),
        *(f"runs {act}" for act in ("list", "logs", "show", "stats")),
    }
)
"""Commands that change nothing of the workspace; a file that is written for who asks is not of it. Every other command
leaves an entry: a new one does until it is named here."""

ELSEWHERE: Mapping[str, str] = {
    "init": "makes the workspace, which has no database yet",
    "demo": "makes a workspace of its own, of a made-up world",
    "simulate": "serves a made-up world and opens no workspace",
    "openapi": "says what the service offers, without a workspace",
}
"""Commands that leave none because they do nothing in a workspace that is there, and why."""

HAS_AUDIT = "SELECT to_regclass('audit') IS NOT NULL"


@dataclass
class Asked:
    """A command that changes something, as it was typed.

    Attributes:
        words: The command, such as `models promote`.
        target: What it was given.
        detail: What came of it so far, such as the run that was made.
    """

    words: str
    target: str
    detail: str | None = None


_ASKED: ContextVar[Asked | None] = ContextVar("asked", default=None)


class ChangingCommand(TyperCommand):
    """A command that changes something: whatever workspace it opens has an entry of it."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the library's own context
        """Do it, known to `audited`."""
        words: list[str] = []
        place = ctx
        while place.parent is not None:
            words.insert(0, place.info_name)
            place = place.parent
        given = [_shown(each, ctx.params.get(each.name)) for each in self.params]
        before = _ASKED.set(Asked(" ".join(words), " ".join(filter(None, given))))
        try:
            return super().invoke(ctx)
        finally:
            _ASKED.reset(before)


def who() -> str:
    """Who asks: the user's name, as far as the system knows it."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "somebody"


def audit_changes(app: typer.Typer, *words: str) -> None:
    """Have every command of the command line audited that does not only look."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "").replace("_", "-")
        if " ".join((*words, name)) not in LOOKS:
            command.cls = ChangingCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            audit_changes(group.typer_instance, *words, str(group.name))


def note(detail: str) -> None:
    """Keep with the entry what came of the command, such as the run that it asked for."""
    asked = _ASKED.get()
    if asked is not None:
        asked.detail = detail


@contextmanager
def audited(program: Program) -> Iterator[None]:
    """Write down before and after what is done in it, where the command changes something.

    Raises:
        DatabaseError: It cannot be written down, so it is not done.
    """
    asked = _ASKED.get()
    if asked is None:
        yield
        return
    entry = _Entry(program.bare_database, asked)
    entry.begin()
    try:
        yield
    except BaseException as error:
        entry.end(*_outcome(error, asked.detail))
        raise
    entry.end("done", asked.detail)


class _Entry:
    """The entries of one command: that it was begun, and how it ended."""

    def __init__(self, database: Database, asked: Asked) -> None:
        from morningline.access.audit import Call

        self._database = database
        self._call = Call(surface="shell", actor=who(), act=asked.words, target=asked.target)
        self._begun: int | None = None

    def begin(self) -> None:
        import psycopg

        from morningline.access import audit
        from morningline.kit.errors import DatabaseError

        try:
            with self._database.connect() as connection:
                # A workspace whose tables are not made yet has no audit; its first command has an end alone.
                if (connection.execute(HAS_AUDIT).fetchone() or (False,))[0]:
                    self._begun = audit.begin(connection, self._call)
        except psycopg.Error as error:
            raise DatabaseError(
                f"What is changed is written into the audit first, which could not be done: {error}",
                do="See `morningline doctor`; nothing was changed.",
            ) from error

    def end(self, outcome: str, detail: str | None) -> None:
        """Write how it ended; where that fails, the entry that it was begun stays, and a line says so."""
        import psycopg

        from morningline.access import audit
        from morningline.kit.errors import DatabaseError

        try:
            with self._database.connect() as connection:
                if (connection.execute(HAS_AUDIT).fetchone() or (False,))[0]:
                    audit.end(connection, self._call, outcome, begun=self._begun, detail=detail)
        except (psycopg.Error, DatabaseError) as error:
            sys.stderr.write(f"morningline: how this ended is not in the audit: {error}\n")


def _outcome(error: BaseException, detail: str | None) -> tuple[str, str | None]:
    """How a command ended that raised something, and what is kept of that."""
    from morningline.kit.errors import MorninglineError

    if isinstance(error, typer.Exit) and error.exit_code == 0:
        return "done", detail
    said = error.message if isinstance(error, MorninglineError) else type(error).__name__
    if isinstance(error, typer.Exit):
        said = f"exit code {error.exit_code}"
    outcome = "refused" if isinstance(error, MorninglineError) else "failed"
    return outcome, f"{detail}: {said}" if detail else said


def _shown(parameter: Any, value: Any) -> str:  # noqa: ANN401 - whatever a command takes
    """A parameter as it could be typed; nothing where it is what it would be anyway."""
    if value is None or value == parameter.default:
        return ""
    texts = [str(one) for one in (value if isinstance(value, list | tuple) else [value])]
    if parameter.param_type_name == "argument":
        return " ".join(texts)
    if isinstance(value, bool):
        return str(max(parameter.opts if value else parameter.secondary_opts, key=len, default=""))
    return " ".join(f"{max(parameter.opts, key=len)} {text}" for text in texts)
