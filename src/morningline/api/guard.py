"""Who may come in: the token's scope against the route's, and the audit opened before anything is changed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from morningline.access import audit, tokens
from morningline.api.service import service_of
from morningline.kit.errors import InputError, ScopeError, TokenError

if TYPE_CHECKING:
    import psycopg

    from morningline.access.tokens import Token
    from morningline.api.service import Service

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
AT_THE_MACHINE = "loopback"
"""Who asks while there is no token: whoever has a login on this machine."""

Scope = Literal["read", "operate", "admin"]
_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="A token of `morningline tokens create`.")


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    Attributes:
        name: The token's name, or `loopback` where the service is open.
        token: The token, if one was needed.
    """

    name: str
    token: Token | None = None


def said(*commands: str, scope: Scope) -> dict[str, Any]:
    """What a route says of itself: the commands that do the same, and the scope it asks for."""
    return {
        "dependencies": [Depends(May(scope))],
        "openapi_extra": {"x-command": list(commands), "x-scope": scope},
    }


@dataclass(frozen=True)
class May:
    """The check before a route: an accepted token that reaches far enough, or an open service on this machine."""

    scope: Scope

    async def __call__(
        self, request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> None:
        """Let a request in; one that changes something is first written into the audit.

        Raises:
            AccessError: It may not come in.
        """
        service = service_of(request.app)
        service.tries.require_room(address_of(request))
        known = service.accepted.find(shown.credentials) if shown is not None and request.method in SAFE else None
        if known is None:
            await run_in_threadpool(self._look_up, service, request, shown)
        else:
            self._admit(request, Caller(known.name, known))

    def _look_up(self, service: Service, request: Request, shown: HTTPAuthorizationCredentials | None) -> None:
        with service.program.database.connect() as connection:
            # Each statement for itself: none of them needs another, and most requests make one.
            connection.autocommit = True
            try:
                caller = _caller(service, connection, request, shown)
            except TokenError:
                service.tries.note(address_of(request))
                raise
            if caller.token is not None and shown is not None:
                service.accepted.note(shown.credentials, caller.token)
            self._admit(request, caller)
            if request.method not in SAFE:
                request.state.begun = audit.begin(connection, call_of(request))

    def _admit(self, request: Request, caller: Caller) -> None:
        request.state.caller = caller
        require_scope(request, self.scope)
        _refuse_unknown(request)


def require_scope(request: Request, scope: Scope) -> None:
    """Refuse a caller whose token does not reach as far as what the request asks for.

    Raises:
        ScopeError: It does not.
    """
    token = request.state.caller.token
    if token is not None and not token.reaches(scope):
        raise ScopeError(
            f"The token {token.id} has the scope {token.scope!r}.",
            allowed=f"the scope {scope!r} or one that reaches further",
            do="Use another token.",
        )


def call_of(request: Request) -> audit.Call:
    """A request as the audit has it."""
    caller: Caller = getattr(request.state, "caller", Caller("unknown"))
    return audit.Call(
        surface="http",
        actor=caller.name,
        act=request.scope["route"].name,
        target=request.url.path,
        token_id=caller.token.id if caller.token else None,
        address=address_of(request),
        request_id=request.state.request_id,
    )


def address_of(request: Request) -> str:
    """The address of the other end."""
    return request.client.host if request.client else "unknown"


async def _asked_by(request: Request) -> str:
    caller: Caller = request.state.caller
    return caller.name


AskedBy = Annotated[str, Depends(_asked_by)]
"""What a route takes to know who asks."""


def _caller(
    service: Service,
    connection: psycopg.Connection[Any],
    request: Request,
    shown: HTTPAuthorizationCredentials | None,
) -> Caller:
    if shown is not None:
        token = tokens.accept(connection, shown.credentials)
        return Caller(token.name, token)
    if service.loopback and not tokens.exist(connection):
        _require_this_machine(request)
        return Caller(AT_THE_MACHINE)
    raise TokenError("No token came with the request.", allowed=tokens.WHERE, do="Have a token made, and show it.")


def _refuse_unknown(request: Request) -> None:
    """Refuse a parameter that the route does not have: a name that is mistyped would choose what nobody meant.

    Raises:
        InputError: There is one.
    """
    if not request.query_params:
        return
    known = request.app.state.parameters[request.scope["route"].name]
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise InputError(
            f"There is no parameter {unknown[0][:60]!r} here.",
            allowed=", ".join(sorted(known)) or "no parameters",
            do="Correct its name, or leave it away.",
        )


def _require_this_machine(request: Request) -> None:
    """Refuse what a page in a browser may send here in its reader's name while no token keeps it out.

    Raises:
        ScopeError: The request is addressed to another name, or comes from a page of another site.
    """
    origin = request.headers.get("origin")
    named = [request.url.hostname or "", *([urlsplit(origin).hostname or ""] if origin else [])]
    elsewhere = next((name for name in named if not is_loopback(name)), None)
    if elsewhere is not None or request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise ScopeError(
            f"The request comes by way of {elsewhere or 'another site'}.",
            allowed="requests of programs on this machine to localhost, as long as there is no token",
            do="Make a token with `morningline tokens create`, and show it.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
