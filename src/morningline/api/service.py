"""What the routes share: the open workspace on lent connections, who may come in, and whether the service stops."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request

from morningline.access.accepted import AcceptedTokens
from morningline.access.tries import FailedTries
from morningline.kit.pool import PooledDatabase
from morningline.wiring.program import Program

if TYPE_CHECKING:
    from morningline.kit.database import Database


@dataclass(frozen=True)
class ServedProgram(Program):
    """The workspace as the routes see it: every act borrows its connections.

    Attributes:
        pool: Lends them.
    """

    pool: PooledDatabase

    @cached_property
    def database(self) -> Database:
        """The database, on lent connections; it was brought to this version before."""
        return self.pool

    @cached_property
    def bare_database(self) -> Database:
        """The same."""
        return self.pool


@dataclass(frozen=True)
class Service:
    """The service of one process.

    Attributes:
        program: The workspace.
        loopback: Whether only this machine can reach it; then it is open until the first token is made.
        tries: Failed tries, by address.
        accepted: Tokens that were accepted a moment ago.
        stopping: Set when the service is about to end, so that nothing waits for what will not come.
    """

    program: ServedProgram
    loopback: bool = True
    tries: FailedTries = field(default_factory=FailedTries)
    accepted: AcceptedTokens = field(default_factory=AcceptedTokens)
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, program: Program, *, loopback: bool) -> Service:
        """A service over an open workspace, which stays the caller's to close."""
        pool = PooledDatabase(program.database, statement_seconds=program.settings.http_timeout_seconds)
        return cls(ServedProgram(program.workspace, program.settings, pool), loopback=loopback)

    def close(self) -> None:
        """Give the connections up."""
        self.stopping.set()
        self.program.pool.close()


def service_of(scope_app: Any) -> Service:  # noqa: ANN401 - Starlette's application
    """The service behind an application."""
    return cast("Service", scope_app.state.service)


async def _served(request: Request) -> ServedProgram:
    return service_of(request.app).program


Served = Annotated[ServedProgram, Depends(_served)]
"""What a route takes to have the workspace."""
