"""Who may use the service: this machine alone until there is a token, then only tokens that reach far enough."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from morningline.access import accepted, tokens
from morningline.access.tries import TRIES
from morningline.kit.clock import utc_now
from services import Office, serving

if TYPE_CHECKING:
    from morningline.wiring.program import Program


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_without_any_token_this_machine_may_do_everything(office: Office):
    assert office.ask("GET", "tokens").status_code == 200
    assert office.ask("POST", "fingerprints/start", json={}).status_code == 202


def test_without_any_token_a_service_that_others_reach_lets_nobody_in(program: Program):
    with serving(program, loopback=False) as office:
        refused = office.ask("GET", "runs")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "tokens create" in refused.json()["allowed"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_without_any_token_a_page_of_another_site_is_let_do_nothing(office: Office, headers: dict[str, str]):
    assert office.ask("POST", "fingerprints/start", json={}, headers=headers).status_code == 403
    assert office.rows("SELECT count(*) FROM run_requests") == [(0,)]


def test_the_first_token_closes_the_open_door_at_once(office: Office):
    token = office.token("read")
    assert office.ask("GET", "runs").status_code == 401
    assert office.ask("GET", "runs", headers=bearer(token)).status_code == 200


def test_revoking_the_last_token_does_not_open_the_door_again(office: Office):
    token = office.token("admin")
    revoked = office.ask("DELETE", f"tokens/{token.split('_')[1]}", headers=bearer(token))
    assert revoked.status_code == 200
    assert office.ask("GET", "runs", headers=bearer(token)).status_code == 401
    assert office.ask("GET", "runs").status_code == 401


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("read", {"read"}), ("operate", {"read", "operate"}), ("admin", {"read", "operate", "admin"})],
)
def test_a_scope_may_what_the_ones_before_it_may_and_nothing_more(office: Office, scope: str, allowed: set[str]):
    headers = bearer(office.token(scope))
    calls = {
        "read": ("GET", "runs", None),
        "operate": ("POST", "fingerprints/start", {}),
        "admin": ("GET", "audit", None),
    }
    for needed, (method, path, body) in calls.items():
        status = office.ask(method, path, json=body, headers=headers).status_code
        assert (status < 300) is (needed in allowed), (scope, needed, status)
        assert status < 300 or status == 403


def test_an_expired_token_is_refused_from_its_instant_on(office: Office, monkeypatch: pytest.MonkeyPatch):
    now = utc_now()
    with office.program.database.connect() as connection:
        _, token = tokens.create(connection, "ann", "read", created_by="test", expires_at=now + timedelta(hours=1))
    assert office.ask("GET", "runs", headers=bearer(token)).status_code == 200
    for module in (tokens, accepted):
        monkeypatch.setattr(module, "utc_now", lambda: now + timedelta(hours=1))
    refused = office.ask("GET", "runs", headers=bearer(token))
    assert (refused.status_code, "expired" in refused.json()["detail"]) == (401, True)


def test_an_address_that_fails_too_often_waits_even_with_the_right_token(office: Office):
    token = office.token("read")
    wrong = [office.ask("GET", "runs", headers=bearer(f"{token}x")).status_code for _ in range(TRIES)]
    assert wrong == [401] * TRIES
    for shown in (f"{token}x", token):
        waits = office.ask("GET", "runs", headers=bearer(shown))
        assert waits.status_code == 429
        assert int(waits.headers["retry-after"]) > 0
    assert office.ask("GET", "/health/live").status_code == 200


def test_a_token_of_a_smaller_scope_is_no_failed_try(office: Office):
    headers = bearer(office.token("read"))
    assert {office.ask("GET", "audit", headers=headers).status_code for _ in range(TRIES + 2)} == {403}


def test_nothing_that_the_service_says_or_keeps_holds_a_token(office: Office):
    token = office.token("admin")
    secret = token.rsplit("_", 1)[1]
    office.ask("GET", "runs", headers=bearer(f"{token}x"))
    headers = bearer(token)
    said = [office.ask("GET", path, headers=headers).text for path in ("tokens", "audit", "settings", "runs")]
    kept = office.rows("SELECT t::text FROM api_tokens AS t UNION ALL SELECT a::text FROM audit AS a")
    assert secret not in "".join([*said, *(row[0] for row in kept)])


def test_every_changing_call_leaves_who_what_when_where_and_outcome(office: Office):
    token = office.token("operate", name="nightly")
    headers = {**bearer(token), "X-Request-ID": "night-1"}
    run = office.ask("POST", "fingerprints/start", json={}, headers=headers).json()["id"]
    ((entry,),) = office.rows(
        "SELECT jsonb_build_object('actor', actor, 'token', token_id, 'act', act, 'target', target, 'address', address,"
        " 'status', status, 'outcome', outcome, 'request', request_id, 'detail', detail) FROM audit"
        " WHERE outcome <> 'begun'"
    )
    assert entry == {
        "actor": "nightly",
        "token": token.split("_")[1],
        "act": "start_fingerprint",
        "target": "/api/v1/fingerprints/start",
        "address": "127.0.0.1",
        "status": 202,
        "outcome": "done",
        "request": "night-1",
        "detail": f"/api/v1/runs/{run}",
    }


def test_what_was_refused_is_in_the_audit_too_and_looking_is_not(office: Office):
    headers = bearer(office.token("read", name="watcher"))
    office.ask("GET", "runs", headers=headers)
    office.ask("POST", "fingerprints/start", json={}, headers=headers)
    office.ask("POST", "fingerprints/start", json={})
    assert office.rows("SELECT actor, outcome, status FROM audit ORDER BY id") == [
        ("watcher", "refused", 403),
        ("unknown", "refused", 401),
    ]


def test_an_act_that_cannot_be_written_down_is_not_done(office: Office):
    with office.program.database.connect() as connection:
        connection.execute("ALTER TABLE audit ADD CONSTRAINT closed CHECK (id < 0) NOT VALID")
    assert office.ask("POST", "fingerprints/start", json={}).status_code == 500
    assert office.rows("SELECT count(*) FROM run_requests") == [(0,)]


def test_a_call_that_was_begun_and_never_ended_is_shown_as_begun(office: Office):
    with office.program.database.connect() as connection:
        connection.execute(
            "INSERT INTO audit (at, surface, actor, act, target, outcome) "
            "VALUES (now(), 'http', 'ann', 'start_import', '/x', 'begun')"
        )
    office.start()
    shown = office.get("audit")["items"]
    assert [(e["act"], e["outcome"]) for e in shown] == [("start_fingerprint", "done"), ("start_import", "begun")]


def test_the_audit_comes_in_pages(office: Office):
    for _ in range(5):
        office.start()
    seen, cursor = [], None
    while True:
        page = office.get("audit", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [entry["id"] for entry in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
