"""Tokens of the service: made and shown once, kept as a hash, accepted, revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from morningline.access.records import SCOPES
from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError, NotFoundError, StateError, TokenError

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

PREFIX = "ml"
"""What a token begins with, so that whoever finds one knows what it opens."""
USED_AFRESH = timedelta(minutes=1)
"""How long after one use the next is written down."""

COLUMNS = "id, name, scope, created_at, created_by, expires_at, last_used_at, revoked_at"
NO_HASH = "0" * 64


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is known of a token.

    Attributes:
        id: Its public part.
        name: Who or what uses it.
        scope: read, operate or admin.
        created_at: UTC, as are all instants here.
        created_by: Who made it.
        expires_at: From when on it is no longer accepted; None for never.
        last_used_at: To the minute; None if it never was.
        revoked_at: None while it is accepted.
    """

    id: str
    name: str
    scope: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def reaches(self, scope: str) -> bool:
        """Tell whether it may do what a scope may."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def create(
    connection: psycopg.Connection[Any],
    name: str,
    scope: str,
    *,
    created_by: str,
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """Make a token, in the connection's transaction.

    Args:
        connection: From `Database.connect`.
        name: Who or what is to use it.
        scope: How far it reaches.
        created_by: Who makes it.
        expires_at: From when on it is no longer accepted (UTC); None for never.

    Returns:
        What is known of it, and the token itself, which is kept nowhere.

    Raises:
        InputError: There is no such scope, the name is empty or too long, or it would have expired.
    """
    now = utc_now()
    if scope not in SCOPES:
        raise InputError(f"There is no scope {scope!r}.", allowed=", ".join(SCOPES))
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise InputError(f"A token cannot be named {name[:40]!r}.", allowed="1 to 200 printable characters")
    if expires_at is not None and expires_at <= now:
        raise InputError(f"The token would have expired on {expires_at:%Y-%m-%d %H:%M} UTC.", allowed="a later instant")
    identity = secrets.token_hex(6)
    whole = f"{PREFIX}_{identity}_{secrets.token_urlsafe(32)}"
    connection.execute(
        "INSERT INTO api_tokens (id, name, scope, sha256, created_at, created_by, expires_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [identity, name, scope, _hash(whole), now, created_by, expires_at],
    )
    return find(connection, identity), whole


def find(connection: psycopg.Connection[Any], token_id: str) -> Token:
    """What is known of a token.

    Raises:
        NotFoundError: There is none of that id.
    """
    with connection.cursor(row_factory=class_row(Token)) as cursor:
        row = cursor.execute(f"SELECT {COLUMNS} FROM api_tokens WHERE id = %s".encode(), [token_id]).fetchone()  # noqa: S608
    if row is None:
        raise NotFoundError(f"There is no token {token_id!r}.", do="See `morningline tokens list`.")
    return row


def list_tokens(connection: psycopg.Connection[Any]) -> list[Token]:
    """Every token there ever was, newest first."""
    with connection.cursor(row_factory=class_row(Token)) as cursor:
        return cursor.execute(f"SELECT {COLUMNS} FROM api_tokens ORDER BY created_at DESC, id".encode()).fetchall()  # noqa: S608


def revoke(connection: psycopg.Connection[Any], token_id: str) -> Token:
    """Let a token be accepted no more, from the commit on.

    Raises:
        NotFoundError: There is none of that id.
        StateError: It was revoked before.
    """
    done = connection.execute(
        "UPDATE api_tokens SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL", [utc_now(), token_id]
    ).rowcount
    token = find(connection, token_id)
    if not done:
        raise StateError(f"The token {token_id} was revoked on {token.revoked_at:%Y-%m-%d %H:%M} UTC already.")
    return token


def exist(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a token was ever made: revoking the last one closes the service, it does not open it."""
    row = connection.execute("SELECT EXISTS (SELECT FROM api_tokens)").fetchone()
    return bool(row and row[0])


def accept(connection: psycopg.Connection[Any], whole: str) -> Token:
    """The token that somebody shows; that it was used is written down, at most once a minute.

    Raises:
        TokenError: It is none, or one that has expired or was revoked.
    """
    parts = whole.split("_", 2)
    identity = parts[1] if len(parts) == 3 and parts[0] == PREFIX and parts[1].isalnum() else ""
    row = connection.execute(f"SELECT sha256, {COLUMNS} FROM api_tokens WHERE id = %s".encode(), [identity]).fetchone()  # noqa: S608
    # As long for an id that nothing bears as for a token that is nearly right.
    kept = row[0] if row else NO_HASH
    if not compare_digest(kept, _hash(whole)) or row is None:
        raise TokenError("The token is not accepted.", allowed=WHERE, do="See `morningline tokens list`.")
    token = Token(**dict(zip(COLUMNS.split(", "), row[1:], strict=True)))
    now = utc_now()
    if token.revoked_at is not None:
        raise TokenError(f"The token {token.id} was revoked.", allowed=WHERE, do="Have another one made.")
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenError(f"The token {token.id} has expired.", allowed=WHERE, do="Have another one made.")
    if token.last_used_at is None or now - token.last_used_at >= USED_AFRESH:
        connection.execute("UPDATE api_tokens SET last_used_at = %s WHERE id = %s", [now, token.id])
    return token


WHERE = "a token of `morningline tokens create`, in the header `Authorization: Bearer TOKEN`"


def _hash(whole: str) -> str:
    return sha256(whole.encode()).hexdigest()
