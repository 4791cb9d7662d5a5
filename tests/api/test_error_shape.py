"""Every error of every route is one document of one shape, whatever went wrong and wherever."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from fastapi.routing import iter_route_contexts

from morningline.access.tries import TRIES
from morningline.api import problems
from morningline.api.app import bare_app
from morningline.api.shapes import Problem
from morningline.kit import errors
from morningline.kit.errors import MorninglineError
from morningline.kit.pool import PooledDatabase
from services import Office, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

    from morningline.wiring.program import Program

VALUES = {"run_id": "3f9a0c12b7de", "training": "3f9a0c12b7de", "token_id": "3f9a0c12b7de", "name": "nothing.html"}
OPEN = {"/health/live", "/health/ready"}


def routes() -> list[tuple[str, str, str]]:
    """Method, path with values, and template of every route there is, described or not."""
    found = set()
    for context in iter_route_contexts(bare_app(60, 1_024).routes):
        # What a part of the path has to look like is no part of its name.
        template = re.sub(r":(hex|file)}", "}", context.path)
        path = re.sub(r"{(\w+)}", lambda m: VALUES.get(m[1], "something"), template)
        found |= {(method, path, template) for method in context.methods if method not in {"HEAD", "OPTIONS"}}
    return sorted(found)


ROUTES = [route for route in routes() if not route[1].endswith("openapi.json")]
GUARDED = [route for route in ROUTES if route[1] not in OPEN]


def assert_problem(answer: httpx2.Response, status: int, path: str) -> dict[str, Any]:
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == problems.MEDIA_TYPE, path
    said = answer.json()
    assert set(said) == set(Problem.model_fields), path
    assert said["status"] == status
    assert said["instance"] == path
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said["title"] == problems.TITLES[status]
    assert said["type"].startswith("urn:morningline:problem:")
    assert said["detail"]
    assert "Traceback" not in answer.text
    return said


def test_all_routes_are_looked_at():
    described = bare_app(60, 1_024).openapi()["paths"]
    templates = {template for _, _, template in ROUTES}
    assert set(described) <= templates
    assert len(ROUTES) > 50
    assert {p.replace("/api/v1", "") for p in templates if p.startswith("/api/v1/training/")} <= templates


def test_a_token_is_asked_for_on_every_route(program: Program):
    with serving(program, loopback=False) as office:
        for method, path, _ in GUARDED:
            office.app.state.service.tries.__init__()
            assert_problem(office.ask(method, path), 401, path)


def test_too_many_tries_are_said_on_every_route(program: Program):
    with serving(program, loopback=False) as office:
        for _ in range(TRIES):
            office.ask("GET", "runs")
        for method, path, _ in GUARDED:
            assert_problem(office.ask(method, path), 429, path)


def test_a_token_that_does_not_reach_is_said_on_every_route_that_needs_more(office: Office):
    headers = {"Authorization": f"Bearer {office.token('read')}"}
    document = office.app.openapi()["paths"]
    asked = 0
    for method, path, template in GUARDED:
        scope = document.get(template, document.get(f"/api/v1{template}"))[method.lower()]["x-scope"]
        if scope != "read":
            assert_problem(office.ask(method, path, headers=headers), 403, path)
            asked += 1
    assert asked > 20


def test_a_fault_of_the_program_is_said_on_every_route_without_its_insides(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret insides")

    monkeypatch.setattr(PooledDatabase, "connect", fail)
    for method, path, _ in ROUTES:
        if path == "/health/live":
            continue
        said = assert_problem(office.ask(method, path), 500, path)
        assert "insides" not in str(said)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (psycopg.OperationalError("gone"), 503),
        (psycopg.errors.QueryCanceled("slow"), 504),
        (errors.DatabaseError("gone"), 503),
    ],
)
def test_a_database_that_is_away_or_slow_is_said_on_every_route(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(PooledDatabase, "connect", fail)
    for method, path, _ in GUARDED:
        assert_problem(office.ask(method, path), status, path)


def test_a_body_that_is_too_large_is_refused_on_every_route_before_it_is_read(program: Program):
    with serving(program, http_body_bytes=1_024) as office:
        for method, path, _ in ROUTES:
            said = assert_problem(office.ask(method, path, content=b"x" * 1_025), 413, path)
            assert "1,024 bytes" in said["allowed"]


def test_a_body_that_does_not_say_how_large_it_is_is_refused_as_it_comes(program: Program):
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    with serving(program, http_body_bytes=1_024) as office:
        answer = office.ask("POST", "imports/start", content=endless(), headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "/api/v1/imports/start")


def test_a_method_that_a_path_does_not_take_is_said_on_every_path(office: Office):
    for path in {path for _, path, _ in ROUTES}:
        said = assert_problem(office.ask("PATCH", path), 405, path)
        assert said["allowed"]


def test_a_path_that_is_none_is_said(office: Office):
    for path in ("/", "/api/v1", "/api/v1/runs/", "/api/v1/nothing", "/api/v2/runs", "/api/v1/reports/..%2fx.html"):
        answer = office.ask("GET", path)
        assert answer.status_code in {404, 422}
        assert_problem(answer, answer.status_code, answer.json()["instance"])


def test_a_parameter_that_is_unknown_to_the_body_is_refused_on_every_route_with_a_body(office: Office):
    document = office.app.openapi()["paths"]
    bodies = [(m, p) for p, ops in document.items() for m, op in ops.items() if "requestBody" in op]
    assert len(bodies) > 12
    for method, path in bodies:
        for sent in (b'{"no such": 1}', b'["list"]', b"{", b"\xff\xfe", b""):
            answer = office.ask(method.upper(), path, content=sent, headers={"Content-Type": "application/json"})
            said = assert_problem(answer, 422, path)
            assert said["errors"]
            assert said["errors"][0]["where"].startswith("body")


def test_what_takes_too_long_is_given_up_with_an_answer(program: Program, monkeypatch: pytest.MonkeyPatch):
    with serving(program, http_timeout_seconds=1) as office:
        monkeypatch.setattr(
            "morningline.api.routes.registry.registry.list_models", lambda *_, **__: time.sleep(2) or []
        )
        assert_problem(office.ask("GET", "models"), 504, "/api/v1/models")


def test_what_the_database_takes_too_long_for_is_broken_off_there(program: Program, monkeypatch: pytest.MonkeyPatch):
    def slow(served: Program, _: str, **__: object) -> list[object]:
        with served.database.connect() as connection:
            return connection.execute("SELECT pg_sleep(30)").fetchall()

    with serving(program, http_timeout_seconds=1) as office:
        monkeypatch.setattr("morningline.api.routes.registry.registry.list_models", slow)
        assert_problem(office.ask("GET", "models"), 504, "/api/v1/models")
        time.sleep(0.5)
        assert office.rows("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == [(0,)]


@pytest.mark.parametrize("given", ["night-1", "a" * 64, "0b5.1:2_3"])
def test_a_sane_id_of_the_client_is_the_id_of_the_request(office: Office, given: str):
    assert office.ask("GET", "nothing", headers={"X-Request-ID": given}).json()["request_id"] == given


@pytest.mark.parametrize("given", ["a" * 65, "two words", "<script>", "", "-begins", "é".encode()])
def test_an_id_that_is_not_sane_is_replaced(office: Office, given: str | bytes):
    said = office.ask("GET", "nothing", headers={"X-Request-ID": given}).json()["request_id"]
    assert re.fullmatch(r"[0-9a-f]{32}", said)


def test_every_class_of_error_has_a_status_and_every_status_words():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MorninglineError)]
    assert len(kinds) > 15
    for kind in kinds:
        found = problems.problem_of(kind("It went wrong.", allowed="what is right", do="Do it."))
        assert found.status in problems.TITLES
        assert (found.detail, found.allowed, found.do) == ("It went wrong.", "what is right", "Do it.")
    assert problems.problem_of(errors.NotFoundError("x")).status == 404
    assert problems.problem_of(errors.IntegrityError("x")).status == 500
    assert problems.problem_of(errors.QuotaError("x")).status == 502
