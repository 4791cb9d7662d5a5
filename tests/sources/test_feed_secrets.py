"""Username and password reach the feed and nothing else: no log, error, address, archive, database or repr."""

from __future__ import annotations

import logging
import traceback
from base64 import b64encode

import feed_server
import pytest
from feed_server import ask

from morningline.kit.database import Database
from morningline.kit.errors import CredentialsError, MorninglineError
from morningline.sources.credentials import Credentials, read_credentials

USERNAME, PASSWORD = "ann-7f3a9c", "pä$$w0rd-5e1d/77@b2"
ENCODED = b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
SECRETS = (USERNAME, PASSWORD, ENCODED, "7f3a9c", "5e1d")
ECHO = f'{{"detail": "Not authenticated: {USERNAME} {PASSWORD} Basic {ENCODED}"}}'.encode()

ANSWERS = [
    (429, {"Retry-After": "0"}, ECHO),
    (503, {}, ECHO),
    (502, {}, b"<html>" + ECHO),
    (401, {}, ECHO),
    (403, {}, ECHO),
    (404, {}, ECHO),
    (422, {}, ECHO),
    (302, {"Location": "http://127.0.0.1:1/"}, ECHO),
    (200, {}, b"<html>"),
    feed_server.reset,
    feed_server.cut_short,
    feed_server.silence,
    feed_server.drip_header,
]


def everything_stored(url: str) -> str:
    with Database(url).connect() as connection:
        tables = connection.execute(
            b"SELECT format('%I', relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        rows = [connection.execute(f"SELECT t::text FROM {name} t".encode()).fetchall() for (name,) in tables]
    return str(rows)


def test_the_secret_is_found_nowhere_after_successes_and_every_kind_of_failure(rig, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TINY_USERNAME", USERNAME)
    monkeypatch.setenv("TINY_PASSWORD", PASSWORD)
    named = {"username_env": "TINY_USERNAME", "password_env": "TINY_PASSWORD", "total_seconds": 0.6, "attempts": 1}
    rig.feed.limits["all"] = 500.0
    said, behind = [], []
    with rig.client(settings={**named, "failures": 1_000}) as client:
        for number, answer in enumerate(ANSWERS):
            rig.server.script = [answer]
            try:
                client.fetch(ask(number))
            except MorninglineError as error:
                said += ["".join(traceback.format_exception(error)), repr(error), str(error)]
                behind.append(error.__cause__ or error.__context__)
            client.fetch(ask(100 + number))
        said += [repr(client), repr(vars(client)), repr(client._caller), repr(client.settings)]
    assert {h["Authorization"] for _, h in rig.server.requests} == {f"Basic {ENCODED}"}
    assert len(said) > 20
    # What httpx2 raises carries the request, and that the header: it may not hang behind an error of ours.
    assert not [error for error in behind if hasattr(error, "request") or "httpx2" in type(error).__module__]
    archived = b"".join(
        client._archive.folder.joinpath(p).read_bytes() + feed_bytes(p) for p in client._archive.folder.rglob("*.zst")
    )
    logged = "".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records)
    assert "httpx2" in logged or "httpcore2" in logged
    asked = str([path for path, _ in rig.server.requests])
    for place in (*said, logged, asked, everything_stored(rig.url), archived.decode("utf-8", "replace")):
        for secret in SECRETS:
            assert secret not in place


def feed_bytes(path) -> bytes:
    from backports.zstd import decompress

    return decompress(path.read_bytes())


def test_files_win_over_variables_and_a_last_line_break_is_none_of_the_secret(tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    settings = feed_server.settings_of(
        feed_server.TinyFeed(),
        "http://x",
        username_env="U",
        password_env="P",  # noqa: S106  # a name
        password_file=tmp_path / "password",
    )
    assert read_credentials(settings, {"U": USERNAME, "P": "other"}) == Credentials(USERNAME, PASSWORD)
    assert repr(Credentials(USERNAME, PASSWORD)) == "Credentials(***)"


def test_missing_credentials_are_named_and_no_call_is_made(rig, tmp_path, monkeypatch):
    monkeypatch.delenv("TINY_PASSWORD", raising=False)
    monkeypatch.setenv("TINY_USERNAME", USERNAME)
    named = {"username_env": "TINY_USERNAME", "password_env": "TINY_PASSWORD"}
    with rig.client(settings=named) as client, pytest.raises(CredentialsError, match="TINY_PASSWORD") as caught:
        client.fetch(ask())
    assert "password_file" in caught.value.do
    named["password_file"] = tmp_path / "none"
    with rig.client(settings=named) as client, pytest.raises(CredentialsError, match="none: FileNotFoundError"):
        client.fetch(ask())
    assert rig.server.arrivals == []


def test_a_feed_that_needs_none_gets_none(rig):
    with rig.client() as client:
        client.fetch(ask())
    assert "Authorization" not in rig.server.requests[0][1]
