"""Schedules over HTTP: made, looked at, paused, resumed, removed; checked and let in like what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.api.app import bare_app
from morningline.api.routes.schedules import ONLY_ADMIN
from morningline.wiring.jobs import kinds

if TYPE_CHECKING:
    from services import Office

DOCUMENT = bare_app(60, 1 << 20).openapi()
TOMORROW = {
    "name": "tomorrow",
    "kind": "predict",
    "parameters": {"domain": "racing", "day": "{day+1}"},
    "cron": "0 20 * * *",
    "zone": "Europe/London",
}


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"parameters": {"day": "tomorrow"}}, 422, "day"),
    ({"parameters": {"day": "{tomorrow}"}}, 422, "{day}"),
    ({"parameters": {}}, 422, "day"),
    ({"parameters": {"day": "{day}", "modle": "x"}}, 422, "modle"),
    ({"parameters": {"day": "{day}", "domain": "chess"}}, 404, "chess"),
    ({"kind": "sing"}, 404, "sing"),
    ({"kind": "tune", "parameters": {}}, 404, "tune"),
    ({"kind": "train", "parameters": {"model": "no_such"}}, 404, "no_such"),
    ({"kind": "train", "parameters": {"splitt": 1}}, 422, "splitt"),
    ({"kind": "features", "parameters": {"engine": "there"}}, 422, "there"),
    ({"kind": "features", "parameters": {"set_name": "none"}}, 404, "none"),
    ({"kind": "collect", "parameters": {"what": ["odds"]}}, 422, "odds"),
    ({"kind": "collect", "parameters": {"what": ["events"], "feed": "none"}}, 404, "none"),
    ({"kind": "collect", "parameters": {"what": ["events"], "first": "{day+1}", "last": "{day}"}}, 422, "days"),
    ({"kind": "import", "parameters": {"mapping": "hk", "folder": "data"}}, 422, "full path"),
    ({"kind": "import", "parameters": {"mapping": "none", "folder": "/data"}}, 422, "none"),
    ({"kind": "vacuum", "parameters": {"keep_days": -1}}, 422, "keep_days"),
    ({"kind": "export", "parameters": {"file": "../x.csv"}}, 422, "file"),
    ({"kind": "report", "parameters": {"about": "nothing"}}, 422, "nothing"),
    (
        {
            "kind": "drift",
            "parameters": {
                "reference_from": "{day-9}",
                "reference_to": "{day-10}",
                "first": "{day}",
                "last": "{day}",
            },
        },
        422,
        "ends before",
    ),
    ({"cron": "@daily"}, 422, "five fields"),
    ({"zone": "Mars"}, 422, "Mars"),
    ({"name": "A b"}, 422, "name"),
    ({"priority": 5}, 422, "priority"),
]
"""What is asked for, the status it is refused with, and what the refusal says."""


def add(office: Office, **changes: Any) -> Any:
    return office.ask("POST", "schedules", json={**TOMORROW, **changes})


def starts() -> list[tuple[str, str, dict[str, Any]]]:
    """Path, scope and an example of the body of every route that asks for a run by its parameters."""
    found = []
    for path, operations in DOCUMENT["paths"].items():
        operation = operations.get("post", {})
        if path.endswith("/start"):
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            model = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            found.append((path, operation["x-scope"], sensible(model["examples"][0])))
    return found


def sensible(example: dict[str, Any]) -> dict[str, Any]:
    """An example with the values that only together make sense."""
    known = {
        "parameters": {},
        "what": ["events"],
        "only": None,
        "version": None,
        "set_name": None,
        "training": None,
        "first": "2026-03-01",
    }
    return {name: known.get(name, value) for name, value in example.items()}


def test_a_schedule_is_made_looked_at_paused_resumed_and_removed(office: Office):
    made = add(office)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/api/v1/schedules/tomorrow"
    row = made.json()
    assert {**TOMORROW, "priority": 0, "enabled": True}.items() <= row.items()
    assert (row["created_by"], row["last_at"], row["last_run"], row["last_status"]) == ("loopback", None, None, None)
    assert row["next_at"][11:16] in {"19:00", "20:00"}
    assert office.get("schedules") == [row]
    assert office.get("schedules/tomorrow") == row
    paused = office.ask("POST", "schedules/tomorrow/pause").json()
    assert (paused["enabled"], paused["next_at"]) == (False, None)
    assert office.ask("POST", "schedules/tomorrow/resume").json() == row
    assert office.ask("DELETE", "schedules/tomorrow").json() == {"name": "tomorrow", "status": "removed"}
    assert office.get("schedules") == []
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run")):
        assert office.ask(method, f"schedules/tomorrow{path}").status_code == 404, path
    acts = office.rows("SELECT act, outcome FROM audit WHERE status < 400 ORDER BY id")
    assert [act for act, outcome in acts if outcome == "done"] == [
        "add_schedule",
        "pause_schedule",
        "resume_schedule",
        "remove_schedule",
    ]


def test_out_of_turn_it_is_asked_for_at_once(office: Office):
    add(office, enabled=False)
    answer = office.ask("POST", "schedules/tomorrow/run")
    assert answer.status_code == 202
    run = office.get(f"runs/{answer.json()['id']}")
    assert (run["kind"], run["asked_by"], run["status"]) == ("predict", "schedule tomorrow", "queued")
    assert run["parameters"]["day"] > "2026"
    (row,) = office.get("schedules")
    assert (row["last_run"], row["last_status"]) == (run["id"], "queued")


def test_what_could_not_be_asked_for_is_refused_now(office: Office):
    for changes, status, says in REFUSED:
        answer = add(office, **changes)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), changes
        assert says in answer.text, changes
    assert office.rows("SELECT count(*) FROM run_schedules") == [(0,)]


def test_whatever_can_be_asked_for_can_be_asked_for_again_and_again(office: Office):
    seen = set()
    for number, (path, _, body) in enumerate(starts()):
        asked = office.ask("POST", path, json=body)
        assert asked.status_code == 202, (path, body, asked.text)
        run = office.get(f"runs/{asked.json()['id']}")
        parameters = run["parameters"]
        made = add(office, name=f"again-{number}", kind=run["kind"], parameters=parameters)
        assert made.status_code == 201, (path, made.text)
        seen.add(run["kind"])
    # One prediction is replayed by its own path, and only a training asks for help in tuning.
    assert seen | {"replay", "tune"} == set(kinds(office.program))


def test_a_schedule_is_no_way_around_a_scope(office: Office):
    only_admin = {path for path, scope, _ in starts() if scope == "admin"}
    operate = {"Authorization": f"Bearer {office.token('operate')}"}
    admin = {"Authorization": f"Bearer {office.token('admin')}"}
    read = {"Authorization": f"Bearer {office.token('read')}"}
    found = {office.ask("POST", path, json={}, headers=admin).json()["kind"] for path in only_admin}
    assert found == ONLY_ADMIN
    for kind in ONLY_ADMIN:
        body = {**TOMORROW, "kind": kind, "parameters": {}}
        assert office.ask("POST", "schedules", json=body, headers=operate).status_code == 403
        assert office.ask("POST", "schedules", json=body, headers=admin).status_code == 201
        for act, status in (("run", 403), ("resume", 403), ("pause", 200)):
            assert office.ask("POST", f"schedules/tomorrow/{act}", headers=operate).status_code == status
    assert office.ask("POST", "schedules", json={**TOMORROW, "name": "mine"}, headers=read).status_code == 403
    assert office.ask("POST", "schedules", json={**TOMORROW, "name": "mine"}, headers=operate).status_code == 201
    assert len(office.get("schedules", headers=read)) == 2


def test_the_service_tells_when_nobody_asks_for_what_is_due(office: Office):
    add(office)
    assert office.get("/health/ready")["scheduler"] is True
    with office.program.database.connect() as connection:
        connection.execute("UPDATE run_schedules SET next_at = now() - interval '1 minute'")
    ready = office.get("/health/ready")
    assert (ready["status"], ready["scheduler"]) == ("ready", False)
