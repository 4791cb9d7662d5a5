"""Runs over HTTP: asked for, listed page by page, followed, cancelled and repeated; those of training likewise."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from morningline.runs import store
from morningline.runs.failure import is_fault
from morningline.runs.worker import Worker
from morningline.wiring.jobs import kinds
from services import Office, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.wiring.program import Program

SPLIT = {"kind": "hold_out", "train_until": "2024-12-31", "test_from": "2025-06-01", "test_to": "2026-05-31"}
TRAIN = {"split": SPLIT}
PATIENCE_SECONDS = 60


@pytest.fixture
def worker(program: Program) -> Iterator[Worker]:
    made = Worker(program.database, kinds(program).values(), slots=2, poll_seconds=0.05, log_level="error")
    made.start()
    yield made
    made.stop()


def ended(office: Office, run: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found: dict[str, Any] = office.get(f"runs/{run}")
        if found["status"] in store.ENDED:
            return found
        time.sleep(0.05)
    pytest.fail(f"run {run} did not end")


def say(office: Office, run: str, *lines: str) -> None:
    with office.program.database.connect() as connection:
        for line in lines:
            connection.execute(store.SAY, ["info", line, run])


def end(office: Office, run: str, status: str) -> None:
    with office.program.database.connect() as connection:
        for word in ("PENDING", status):
            connection.execute("UPDATE dbos.workflow_status SET status = %s WHERE workflow_uuid = %s", [word, run])


def test_a_run_that_is_asked_for_says_where_it_is_seen(office: Office):
    answer = office.ask("POST", "training/jobs/start", json={**TRAIN, "parameters": {"l2": 3}, "priority": 2})
    assert answer.status_code == 202
    place = answer.headers["location"]
    assert place == f"/api/v1/training/jobs/{answer.json()['id']}"
    run = office.ask("GET", place).json()
    assert (run["status"], run["priority"], run["asked_by"]) == ("queued", 2, "loopback")
    assert run["parameters"] == {
        "task": "racing.win",
        "split": {**SPLIT, "embargo_days": 0},
        "parameters": {"l2": 3},
        "engine": "here",
        "register": True,
        "promote": "never",
        "accept_quality": False,
    }


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"split": {**SPLIT, "test_to": "2025-01-01"}}, "2025-01-01"),
        ({"task": "no.such"}, "no.such"),
        ({"model": "no_such"}, "no_such"),
        ({"parameters": {"no_such": 1}}, "no_such"),
        ({"split": {"kind": "random"}}, "split"),
        ({"register": False, "promote": "if_better"}, "promoted"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_it_waits(office: Office, more: dict[str, Any], says: str):
    answer = office.ask("POST", "training/jobs/start", json={**TRAIN, **more})
    assert answer.status_code in {404, 422}
    assert says in answer.text
    assert office.rows("SELECT count(*) FROM run_requests") == [(0,)]


def test_whoever_asks_is_told_whether_a_worker_will_take_it(office: Office):
    assert office.ask("POST", "fingerprints/start", json={}).json()["worker"] is False


def test_whoever_has_a_token_is_whom_the_run_names(office: Office):
    headers = {"Authorization": f"Bearer {office.token('operate', name='nightly')}"}
    run = office.ask("POST", "fingerprints/start", json={}, headers=headers).json()["id"]
    assert office.get(f"runs/{run}", headers=headers)["asked_by"] == "nightly"


def test_training_has_the_same_routes_under_its_bare_name(office: Office):
    run = office.ask("POST", "/training/jobs/start", json=TRAIN).json()["id"]
    assert office.get(f"/training/jobs/{run}")["id"] == run
    assert [row["id"] for row in office.get("/training/jobs")["items"]] == [run]
    assert [row["kind"] for row in office.get("/training/stats")] == ["train"]
    assert office.get(f"/training/jobs/{run}/logs") == {"items": [], "next": None}
    assert office.ask("DELETE", f"/training/jobs/{run}").status_code == 200
    assert office.ask("POST", f"/training/jobs/{run}/retry").status_code == 202


def test_a_run_of_another_kind_is_no_training_job(office: Office):
    run = office.start()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("GET", "/logs")):
        assert office.ask(method, f"training/jobs/{run}{path}").status_code == 404, path
    assert office.get("training/jobs")["items"] == []
    assert office.get("training/stats") == []
    assert office.get("training/jobs?kind=fingerprint")["items"] == []
    assert office.get(f"runs/{run}")["status"] == "queued"


def test_a_list_comes_in_pages_that_hold_every_run_once(office: Office):
    asked = [office.enqueue(priority=number % 3) for number in range(7)]
    for sort in ("-created_at", "created_at", "priority", "-finished_at", "kind"):
        seen, query = [], {"sort": sort, "limit": 3}
        while True:
            page = office.get("runs", params=query)
            seen += [row["id"] for row in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert sorted(seen) == sorted(asked), sort
    assert [row["id"] for row in office.get("runs")["items"]] == asked[::-1]


@pytest.mark.parametrize("cursor", ["x", "é", "W10", "WyJhIl0", "bm9uZQ", "." * 400])
def test_a_cursor_that_is_none_is_refused(office: Office, cursor: str):
    for path in ("runs", "audit", f"runs/{office.start()}/logs"):
        assert office.ask("GET", path, params={"cursor": cursor}).status_code == 422


def test_a_cursor_of_another_order_is_refused(office: Office):
    for _ in range(2):
        office.start()
    cursor = office.get("runs", params={"limit": 1})["next"]
    assert office.ask("GET", "runs", params={"cursor": cursor, "sort": "kind"}).status_code == 422


def test_runs_are_chosen_by_status_kind_and_who_asked(office: Office):
    office.enqueue("import")
    failed = office.enqueue("train")
    end(office, failed, "ERROR")
    mine = office.start()
    for query, ids in (
        ({"status": ["failed", "running"]}, [failed]),
        ({"kind": ["train", "fingerprint"]}, [mine, failed]),
        ({"asked_by": "loopback"}, [mine]),
        ({"since": "2100-01-01"}, []),
        ({"until": "2100-01-01T00:00:00+02:00", "kind": "train"}, [failed]),
    ):
        assert [row["id"] for row in office.get("runs", params=query)["items"]] == ids, query


@pytest.mark.parametrize(
    "query", ["statu=failed", "status=asleep", "limit=501", "since=5", "since=soon", "sort=result"]
)
def test_a_list_that_makes_no_sense_is_refused(office: Office, query: str):
    assert office.ask("GET", f"runs?{query}").status_code == 422


def test_a_queued_run_is_cancelled_once(office: Office):
    run = office.start()
    assert office.ask("DELETE", f"runs/{run}").json() == {"id": run, "status": "cancelled"}
    assert office.get(f"runs/{run}")["status"] == "cancelled"
    assert office.ask("DELETE", f"runs/{run}").status_code == 409
    assert office.ask("DELETE", "runs/0123456789ab").status_code == 404


@pytest.mark.parametrize(
    ("status", "again"), [("ERROR", 202), ("CANCELLED", 202), ("SUCCESS", 409), ("PENDING", 409), ("ENQUEUED", 409)]
)
def test_only_training_that_failed_or_was_cancelled_is_repeated(office: Office, status: str, again: int):
    run = office.enqueue("train")
    if status != "ENQUEUED":
        end(office, run, status)
    assert office.ask("POST", f"training/jobs/{run}/retry").status_code == again


def test_a_run_is_repeated_once_at_a_time_with_the_same_parameters(office: Office):
    run = office.enqueue("train", n=5)
    end(office, run, "SUCCESS")
    again = office.ask("POST", f"runs/{run}/retry")
    assert again.status_code == 202
    made = office.get(f"runs/{again.json()['id']}")
    assert (made["retry_of"], made["parameters"], made["attempt"]) == (run, {"n": 5}, 2)
    assert office.ask("POST", f"runs/{run}/retry").status_code == 409


def test_a_log_comes_in_pages_in_order(office: Office):
    run = office.start()
    say(office, run, *(f"line {number}" for number in range(5)))
    first = office.get(f"runs/{run}/logs", params={"limit": 3})
    rest = office.get(f"runs/{run}/logs", params={"limit": 3, "cursor": first["next"]})
    assert [line["message"] for line in first["items"] + rest["items"]] == [f"line {number}" for number in range(5)]
    assert rest["next"] is None


def events(office: Office, run: str, **headers: str) -> Iterator[tuple[str, str, Any]]:
    """Name, id and data of each event of a stream."""
    found: dict[str, str] = {}
    with office.client.stream("GET", f"/api/v1/runs/{run}/logs?follow=true", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line == "" and "data" in found:
                yield found.get("event", ""), found.get("id", ""), json.loads(found["data"])
                found = {}
            elif name:
                found[name] = value


def test_a_log_is_followed_to_the_end_of_the_run_and_no_line_comes_twice_or_not_at_all(office: Office):
    run = office.start()
    say(office, run, "one")

    def go_on() -> None:
        for number in range(20):
            say(office, run, f"and {number}")
        end(office, run, "SUCCESS")

    other = threading.Thread(target=go_on)
    seen = []
    for event in events(office, run):
        if not seen:
            other.start()
        seen.append(event)
    other.join()
    assert [data["message"] for name, _, data in seen if name == "line"] == ["one", *(f"and {n}" for n in range(20))]
    assert seen[-1][0] == "end"
    assert seen[-1][2] == {"status": "succeeded"}


def test_a_long_log_of_a_run_that_has_ended_is_followed_to_its_last_line(office: Office):
    run = office.start()
    with office.program.database.connect() as connection:
        connection.execute(
            "INSERT INTO run_logs (run_id, attempt, level, message) "
            "SELECT %s, 1, 'info', 'line ' || n FROM generate_series(1, 2500) AS n ORDER BY n",
            [run],
        )
    end(office, run, "SUCCESS")
    said = [data["message"] for name, _, data in events(office, run) if name == "line"]
    assert said == [f"line {number}" for number in range(1, 2501)]


def test_a_stream_that_broke_off_goes_on_behind_its_last_line(office: Office):
    run = office.start()
    say(office, run, "one", "two", "three")
    end(office, run, "ERROR")
    all_of_them = list(events(office, run))
    assert [data.get("message") for _, _, data in all_of_them] == ["one", "two", "three", None]
    rest = list(events(office, run, **{"Last-Event-ID": all_of_them[0][1]}))
    assert rest == all_of_them[1:]


def test_who_follows_a_run_is_let_go_when_the_service_stops(office: Office):
    run = office.start()
    say(office, run, "one")
    stream = events(office, run)
    assert next(stream)[2]["message"] == "one"
    office.app.state.service.stopping.set()
    assert list(stream) == []


def test_ended_runs_are_forgotten_on_demand(office: Office):
    run = office.start()
    office.ask("DELETE", f"runs/{run}")
    with office.program.database.connect() as connection:
        connection.execute("UPDATE dbos.workflow_status SET completed_at = 0 WHERE workflow_uuid = %s", [run])
    assert office.ask("DELETE", "runs", params={"days": 30}).json() == {"deleted": 1, "days": 30}
    assert office.ask("GET", f"runs/{run}").status_code == 404


def test_a_worker_understands_the_example_of_every_route_that_asks_for_a_run(office: Office, worker: Worker):
    """On a database without facts each run ends as its act refuses, or does nothing; none is at a loss."""
    del worker
    document = office.app.openapi()
    started = {}
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        if body and path.endswith("/start"):
            schema = document["components"]["schemas"][
                body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            ]
            started[path] = office.start(path, **schema["examples"][0])
    started["replay"] = office.start("predictions/0123456789abcdef/replay")
    assert len(started) == 15
    done = {path: ended(office, run) for path, run in started.items()}
    for path, run in done.items():
        assert run["status"] in {"succeeded", "failed"}, path
        assert run["error"] is None or not is_fault(run["error"]), (path, run["error"])
    assert done["/api/v1/fingerprints/start"]["status"] == "succeeded"
    assert done["replay"]["error"]["data"]["name"] == "NotFoundError"
    assert office.get("runs/stats")[0]["runs"] > 0


def test_what_an_export_wrote_is_fetched_and_nothing_else_is(office: Office):
    root = office.program.workspace.root
    (root / "exports").mkdir()
    (root / "exports" / "rows.csv").write_text("a,b\n1,2\n")
    (root / "secret.csv").write_text("secret")
    fetched = office.ask("GET", "exports/rows.csv")
    assert (fetched.status_code, fetched.text) == (200, "a,b\n1,2\n")
    for name in ("..%2fsecret.csv", "%2e%2e/secret.csv", "nothing.csv", ".hidden", "..%5csecret.csv"):
        assert office.ask("GET", f"exports/{name}").status_code == 404, name


def test_a_report_is_a_page_that_runs_nothing_but_itself(office: Office):
    (office.program.workspace.reports / "quality.html").write_text("<p>ok</p>")
    answer = office.ask("GET", "reports/quality.html")
    assert (answer.status_code, answer.text) == (200, "<p>ok</p>")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    (office.program.workspace.reports / "notes.txt").write_text("x")
    assert office.ask("GET", "reports/notes.txt").status_code == 404


def test_the_service_is_ready_when_its_tables_are_of_this_version(program: Program):
    with serving(program) as office:
        assert office.get("/health/live")["status"] == "live"
        assert office.get("/health/ready") == {
            "status": "ready",
            "database": True,
            "worker": False,
            "scheduler": True,
        }
        with office.program.database.connect() as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'racing_9999'")
        refused = office.ask("GET", "/health/ready")
        assert refused.status_code == 503
        assert "db upgrade" in refused.json()["do"]
        assert office.ask("GET", "/health/live").status_code == 200


@pytest.mark.parametrize(
    "path", ["settings", "doctor", "mappings", "models", "features/catalog", "collections/coverage"]
)
def test_what_is_looked_at_needs_no_facts(office: Office, path: str):
    assert office.get(path) is not None


def test_a_plan_says_what_is_missing_without_a_call(office: Office):
    (plan,) = office.get(
        "collections/plan", params={"what": "events", "first": "2026-03-01", "last": "2026-03-03", "only": "results"}
    )
    assert (plan["what"], plan["missing"]) == ("events", 3)


def test_a_setting_with_a_password_is_masked(office: Office):
    shown = {row["name"]: row["value"] for row in office.get("settings")}
    assert shown["http_timeout_seconds"] == "60"
    assert "//" in shown["database_url"]


def test_what_the_registry_has_is_looked_at_and_what_it_has_not_is_said(office: Office):
    assert office.get("models") == []
    assert office.get("experiments") == []
    for method, path in (
        ("GET", "models/champion"),
        ("POST", "models/champion/promote"),
        ("POST", "champion/rollback"),
    ):
        answer = office.ask(method, path, json={} if method == "POST" else None)
        assert answer.status_code in {404, 409, 422}, answer.text
    assert office.ask("GET", "trainings/0123456789ab").status_code == 404
    assert office.ask("GET", "trainings/comparison", params={"trainings": ["a"]}).status_code == 422
    assert office.ask("DELETE", "models", params={"dry_run": True}).json() == {"models": [], "trainings": []}
