"""Routes of access: which tokens there are, letting one be accepted no more, and the audit of changing calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from morningline.access import audit, tokens
from morningline.access.audit import Entry
from morningline.access.tokens import Token
from morningline.api.guard import said
from morningline.api.pages import Cursor, Limit, decode, encode
from morningline.api.service import Served, service_of
from morningline.api.shapes import list_of, page_of, shape_of
from morningline.api.words import HexId, Since, Until, Word
from morningline.kit.errors import InputError

router = APIRouter(tags=["access"])

TokenShape = shape_of(Token)
EntryPage = page_of(shape_of(Entry), "calls")


@router.get("/tokens", response_model=list_of(TokenShape), **said("tokens list", scope="admin"))
def list_tokens(program: Served) -> Any:  # noqa: ANN401 - as the shape says
    """List every token there ever was, newest first; none can be read back."""
    with program.database.connect(read_only=True) as connection:
        return tokens.list_tokens(connection)


@router.delete("/tokens/{token_id:hex}", response_model=TokenShape, **said("tokens revoke", scope="admin"))
def revoke_token(request: Request, program: Served, token_id: HexId) -> Any:  # noqa: ANN401 - as the shape says
    """Let a token be accepted no more, from now on."""
    with program.database.connect() as connection:
        revoked = tokens.revoke(connection, token_id)
    service_of(request.app).accepted.forget()
    return revoked


@router.get("/audit", response_model=EntryPage, **said("audit", scope="admin"))
def read_audit(
    program: Served,
    actor: Annotated[Word | None, Query(description="Only calls of this one.")] = None,
    outcome: Annotated[
        Literal["begun", "done", "refused", "failed"] | None, Query(description="Only calls that ended so.")
    ] = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:  # noqa: ANN401 - as the shape says
    """Read who changed what, when, from where, and how it ended; newest first."""
    before = None if cursor is None else _number(decode(cursor, 1)[0])
    chosen = audit.Chosen(actor=actor, outcome=outcome, since=since, until=until, before=before, limit=limit + 1)
    with program.database.connect(read_only=True) as connection:
        found = audit.read(connection, chosen)
    more = len(found) > limit
    return {"items": found[:limit], "next": encode(str(found[limit - 1].id)) if more else None}


def _number(given: str) -> int:
    if not given.isdecimal() or not given.isascii() or len(given) > 18:
        raise InputError("The cursor names no entry.", allowed="`next` of a page")
    return int(given)
