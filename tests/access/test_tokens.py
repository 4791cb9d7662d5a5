"""Tokens: shown once, kept as a hash, accepted while they live."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from databases import new_database
from morningline.access import audit, tokens
from morningline.access.accepted import AcceptedTokens
from morningline.access.audit import Call
from morningline.access.records import SCOPES
from morningline.access.tries import ADDRESSES, FailedTries
from morningline.kit.clock import utc_now
from morningline.kit.errors import InputError, NotFoundError, StateError, TokenError, TooManyTriesError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with new_database(postgres_url) as database, database.connect() as opened:
        opened.autocommit = True
        yield opened


def test_a_token_is_accepted_as_itself_and_as_nothing_else(connection: psycopg.Connection[Any]):
    made, whole = tokens.create(connection, "ann", "operate", created_by="bob")
    other, _ = tokens.create(connection, "eve", "read", created_by="bob")
    assert tokens.accept(connection, whole).id == made.id
    swapped = whole.replace(made.id, other.id)
    for wrong in (whole[:-1], whole + "x", whole.upper(), swapped, "", "ml_", "ml__x", f"ml_{made.id}_", "é\0_x_y"):
        with pytest.raises(TokenError):
            tokens.accept(connection, wrong)


def test_only_a_hash_of_it_is_kept(connection: psycopg.Connection[Any]):
    made, whole = tokens.create(connection, "ann", "read", created_by="bob")
    ((kept, row),) = connection.execute("SELECT sha256, t::text FROM api_tokens AS t WHERE id = %s", [made.id])
    assert kept == sha256(whole.encode()).hexdigest()
    assert whole.rsplit("_", 1)[1] not in row


def test_tokens_hold_256_bits_of_chance(connection: psycopg.Connection[Any]):
    secrets = [tokens.create(connection, "x", "read", created_by="x")[1].split("_", 2)[2] for _ in range(200)]
    assert {len(secret) for secret in secrets} == {43}
    assert len(set(secrets)) == 200
    # Of 8,600 characters each of 64 comes some 134 times.
    assert max(Counter("".join(secrets)).values()) < 220


def test_its_use_is_written_down_once_a_minute(connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch):
    made, whole = tokens.create(connection, "ann", "read", created_by="bob")
    assert made.last_used_at is None
    begin = utc_now()
    for seconds, written in ((0, 0), (59, 0), (60, 60), (100, 60), (121, 121)):
        monkeypatch.setattr(tokens, "utc_now", lambda at=begin + timedelta(seconds=seconds): at)
        tokens.accept(connection, whole)
        assert tokens.find(connection, made.id).last_used_at == begin + timedelta(seconds=written)


def test_a_revoked_token_is_accepted_no_more_and_cannot_be_revoked_twice(connection: psycopg.Connection[Any]):
    made, whole = tokens.create(connection, "ann", "read", created_by="bob")
    tokens.revoke(connection, made.id)
    with pytest.raises(TokenError, match="revoked"):
        tokens.accept(connection, whole)
    with pytest.raises(StateError):
        tokens.revoke(connection, made.id)
    with pytest.raises(NotFoundError):
        tokens.revoke(connection, "nothing")


@pytest.mark.parametrize(
    ("name", "scope", "ago"),
    [("", "read", None), ("a\nb", "read", None), ("a" * 201, "read", None), ("a", "root", None), ("a", "read", 1)],
)
def test_a_token_that_makes_no_sense_is_refused(
    connection: psycopg.Connection[Any], name: str, scope: str, ago: int | None
):
    expires_at = None if ago is None else utc_now() - timedelta(seconds=ago)
    with pytest.raises(InputError):
        tokens.create(connection, name, scope, created_by="bob", expires_at=expires_at)


def test_scopes_reach_as_far_as_their_order_says(connection: psycopg.Connection[Any]):
    made = {scope: tokens.create(connection, "a", scope, created_by="b")[0] for scope in SCOPES}
    reach = {scope: [other for other in SCOPES if made[scope].reaches(other)] for scope in SCOPES}
    assert reach == {"read": ["read"], "operate": ["read", "operate"], "admin": ["read", "operate", "admin"]}


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"])
def test_what_is_in_the_audit_stays_as_it_was_written(connection: psycopg.Connection[Any], change: str):
    audit.end(connection, Call(surface="shell", actor="ann", act="create_token", target="tokens/x"), "done")
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        connection.execute(change.encode())


def test_whatever_is_written_into_the_book_fits(connection: psycopg.Connection[Any]):
    call = Call(surface="http", actor="a" * 300, act="x", target="/\0" * 3_000, address="b" * 300)
    audit.end(connection, call, "failed", detail="d" * 5_000)
    entry = audit.read(connection, audit.Chosen(limit=1))[0]
    assert (len(entry.actor), len(entry.target), len(entry.detail or "")) == (200, 2_000, 2_000)


def test_an_address_waits_until_its_oldest_try_is_old_enough():
    now = [0.0]
    tries = FailedTries(tries=3, window_seconds=60, clock=lambda: now[0])
    for at in (0.0, 10.0, 20.0):
        now[0] = at
        tries.require_room("192.0.2.7")
        tries.note("192.0.2.7")
    with pytest.raises(TooManyTriesError):
        tries.require_room("192.0.2.7")
    assert tries.seconds_left("192.0.2.7") == 40
    tries.require_room("192.0.2.8")
    now[0] = 60.0
    tries.require_room("192.0.2.7")
    tries.note("192.0.2.7")
    assert tries.seconds_left("192.0.2.7") == 10


def test_addresses_of_one_subscriber_are_one_and_those_that_are_written_otherwise_too():
    tries = FailedTries(tries=1)
    tries.note("2001:db8:1:2::5")
    assert tries.seconds_left("2001:db8:1:2:ffff::9") > 0
    assert tries.seconds_left("2001:db8:1:3::5") == 0
    tries.note("::ffff:192.0.2.7")
    assert tries.seconds_left("192.0.2.7") > 0


def test_no_more_addresses_are_remembered_than_may_be():
    tries = FailedTries(tries=1)
    for number in range(ADDRESSES + 5):
        tries.note(f"host {number}")
    assert tries.seconds_left("host 4") == 0
    assert tries.seconds_left("host 5") > 0


def test_what_was_accepted_counts_for_a_moment_and_only_for_that_token(connection: psycopg.Connection[Any]):
    now = [0.0]
    accepted = AcceptedTokens(seconds=1.0, clock=lambda: now[0])
    made, whole = tokens.create(connection, "ann", "read", created_by="bob")
    accepted.note(whole, made)
    assert accepted.find(whole) == made
    assert accepted.find(f"{whole}x") is None
    now[0] = 0.99
    assert accepted.find(whole) == made
    now[0] = 1.0
    assert accepted.find(whole) is None
    accepted.note(whole, made)
    accepted.forget()
    assert accepted.find(whole) is None


def test_what_was_accepted_expires_at_its_instant(connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch):
    expires_at = utc_now() + timedelta(hours=1)
    made, whole = tokens.create(connection, "ann", "read", created_by="bob", expires_at=expires_at)
    accepted = AcceptedTokens()
    accepted.note(whole, made)
    assert accepted.find(whole) == made
    monkeypatch.setattr("morningline.access.accepted.utc_now", lambda: expires_at)
    assert accepted.find(whole) is None
