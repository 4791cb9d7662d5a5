"""A call is made within its limits, kept before it is read, tried again where that can help, and never made twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import feed_server
import pytest
from feed_server import GOOD, ask

from morningline.kit.errors import (
    BrokenBodyError,
    CredentialsError,
    DatabaseError,
    FeedUnavailableError,
    PlanError,
    QuotaError,
    RefusedError,
)


def test_a_fetch_gives_the_body_with_all_that_is_known_of_it(rig):
    wanted = ask(7, day=date(2024, 5, 1), params=(("region", "gb"), ("region", "ire"), ("q", "a b&c")))
    before = datetime.now(UTC)
    with rig.client(run_id="run-1") as client:
        payload = client.fetch(wanted)
    assert (payload.body, payload.size, payload.status) == (GOOD, len(GOOD), 200)
    assert (payload.request, payload.params, payload.day, payload.generation) == (
        wanted.request,
        wanted.params,
        date(2024, 5, 1),
        1,
    )
    assert before <= payload.fetched_at <= datetime.now(UTC)
    assert payload.label == f"{rig.feed.name}/items/2024-05-01/{payload.sha256[:12]}"
    ((path, headers),) = rig.server.requests
    assert path == "/items?region=gb&region=ire&q=a+b%26c"
    assert headers["User-Agent"].startswith("morningline/")
    assert rig.rows("payloads", "usable, url, run_id") == [(True, rig.server.url, "run-1")]
    ((status, error, attempt, size, ms, run_id, left),) = rig.rows(
        "feed_calls", "status, error, attempt, bytes, ms, run_id, quota_left"
    )
    assert (status, error, attempt, size, run_id, left) == (200, None, 1, len(GOOD), "run-1", None)
    assert 0 < ms < 60_000


def test_what_was_fetched_is_never_asked_again_by_anybody(rig):
    with rig.client() as client:
        first = client.fetch(ask(1))
        assert client.fetch(ask(1)) == first
    with rig.client() as client:
        assert client.fetch(ask(1)) == first
        again = client.fetch(ask(1, generation=2))
    assert again.id > first.id
    assert len(rig.server.arrivals) == 2


def test_threads_that_ask_the_same_at_once_get_the_same_payload(rig):
    with rig.client() as client, ThreadPoolExecutor(8) as pool:
        payloads = list(pool.map(client.fetch, [ask(1)] * 8))
    assert len({p.id for p in payloads}) == 1
    assert sum(rig.rows("payloads", "usable::int")) == 1


def test_the_first_answer_counts_and_a_different_later_one_is_kept_beside(rig):
    other = GOOD.replace(b'"a"', b'"z"')

    def slow(handler):
        # While this call is under way, another worker asks the same and is answered first.
        with rig.client() as quicker:
            quicker.fetch(ask(1))
        handler.answer(200, {}, other)

    rig.server.script = [slow]
    with rig.client(settings={"read_seconds": 5.0}) as client:
        payload = client.fetch(ask(1))
    assert payload.body == GOOD
    assert rig.rows("payloads", "usable, sha256 = '" + payload.sha256 + "'") == [(True, True), (False, False)]


FAULTS = {
    "too many": (429, {}, b"{}"),
    "unavailable": (503, {}, b"{}"),
    "a web page for an answer": (502, {}, b"<html>Bad gateway</html>"),
    "half a document": (200, {}, GOOD[:-3]),
    "a page that says it is well": (200, {}, b"<html>All is well</html>"),
    "a reset": feed_server.reset,
    "less than was promised": feed_server.cut_short,
    "a chunk too few": feed_server.cut_chunk,
    "silence": feed_server.silence,
    "a body that drips": feed_server.drip_body,
    "a header that drips": feed_server.drip_header,
}
WORDS = {
    "too many": "too_many",
    "unavailable": "server",
    "a web page for an answer": "server",
    "half a document": "broken_body",
    "a page that says it is well": "broken_body",
    "a reset": "connection",
    "less than was promised": "broken_body",
    "a chunk too few": "broken_body",
    "silence": "timeout",
    "a body that drips": "timeout",
    "a header that drips": "timeout",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_may_pass_is_tried_again_and_leaves_its_mark(rig, fault):
    rig.server.script = [FAULTS[fault]]
    started = time.monotonic()
    with rig.client(settings={"total_seconds": 0.5}) as client:
        assert client.fetch(ask()).body == GOOD
    assert time.monotonic() - started < 4
    assert rig.rows("feed_calls", "attempt, error") == [(1, WORDS[fault]), (2, None)]
    answered = isinstance(FAULTS[fault], tuple)
    assert rig.rows("payloads", "usable") == [False, True][0 if answered else 1 :]


def test_no_single_wait_outlasts_the_call(rig):
    rig.server.script = [feed_server.silence]
    chosen = {"read_seconds": 5.0, "total_seconds": 0.3, "attempts": 1}
    with rig.client(settings=chosen) as client, pytest.raises(FeedUnavailableError):
        client.fetch(ask())
    assert rig.rows("feed_calls", "error, ms < 900") == [("timeout", True)]


def test_every_body_is_archived_verbatim_before_it_is_read(rig):
    seen = []
    page = rig.feed.page

    def reading(asked, body):
        from hashlib import sha256

        name = sha256(body).hexdigest()
        seen.append((rig.folder / name[:2] / f"{name}.zst").exists())
        return page(asked, body)

    rig.feed.page = reading
    rig.server.script = [(200, {}, GOOD[:-3])]
    with rig.client() as client:
        client.fetch(ask())
    assert seen == [True, True]


def test_at_most_five_attempts_are_made(rig):
    rig.server.otherwise = (503, {}, b"{}")
    with rig.client() as client, pytest.raises(FeedUnavailableError, match=r"GET /items .* status 503") as caught:
        client.fetch(ask())
    assert caught.value.transient
    assert len(rig.server.arrivals) == 5
    assert rig.rows("feed_calls", "attempt") == [1, 2, 3, 4, 5]


def test_a_body_that_stays_broken_is_said_to_be(rig):
    rig.server.otherwise = (200, {}, b"<html>")
    with rig.client() as client, pytest.raises(BrokenBodyError, match="no JSON"):
        client.fetch(ask())
    assert len(rig.server.arrivals) == 5


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"detail": "Not authenticated"}', CredentialsError),
        (401, b'{"detail": "Pro Plan required"}', PlanError),
        (402, b"{}", PlanError),
        (403, b"{}", PlanError),
        (422, b'{"detail": []}', RefusedError),
        (400, b"{}", RefusedError),
        (302, b"", RefusedError),
    ],
)
def test_a_refusal_is_never_tried_again_and_says_which_it_is(rig, status, body, error):
    rig.server.otherwise = (status, {"Location": "http://elsewhere.example/"}, body)
    with rig.client() as client, pytest.raises(error, match=str(status)) as caught:
        client.fetch(ask())
    assert caught.value.do
    assert not caught.value.transient
    assert len(rig.server.arrivals) == 1
    assert rig.rows("payloads", "usable, status") == [(False, status)]


def test_nothing_there_is_an_answer_that_is_not_asked_for_again(rig):
    rig.server.otherwise = (404, {}, b'{"detail": "Not Found"}')
    with rig.client() as client:
        assert client.fetch(ask()).status == client.fetch(ask()).status == 404
    assert len(rig.server.arrivals) == 1


def test_a_feed_that_is_not_there_is_unavailable(rig):
    rig.server.server_close()
    with rig.client() as client, pytest.raises(FeedUnavailableError):
        client.fetch(ask())
    assert rig.rows("feed_calls", "status, error") == [(None, "connection")] * 5


def test_whoever_asked_can_end_a_wait_and_so_can_closing(rig):
    class StopError(Exception):
        pass

    def stop():
        raise StopError

    rig.feed.limits["all"] = 0.01
    with rig.client() as client:
        client.fetch(ask(1))
    with rig.client(check=stop) as client, pytest.raises(StopError):
        client.fetch(ask(2))
    with rig.client() as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.fetch, ask(3))
        time.sleep(0.3)
        client.close()
        with pytest.raises(FeedUnavailableError, match="closed"):
            waiting.result(timeout=5)
    assert len(rig.server.arrivals) == 1


def test_the_quota_is_never_overdrawn_and_its_reserve_is_for_the_urgent(rig):
    quota = {"quota": 9, "reserve": 3}

    def fetch(client, number):
        try:
            return client.fetch(ask(number)).status
        except QuotaError as error:
            return str(error)

    with rig.client(settings=quota) as one, rig.client(settings=quota) as two, ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: fetch((one, two)[n % 2], n), range(12)))
        assert said.count(200) == 6
        assert "but for the 3 kept for urgent ones" in next(s for s in said if s != 200)
    with rig.client(settings=quota, urgent=True) as client:
        assert [fetch(client, n) == 200 for n in range(20, 25)] == [True, True, True, False, False]
    assert len(rig.server.arrivals) == 9
    assert sorted(rig.rows("feed_calls", "quota_left")) == list(range(9))


def test_the_quota_begins_anew_with_the_feeds_day(rig):
    with rig.client(settings={"quota": 1}) as client:
        client.fetch(ask(1))
        with pytest.raises(QuotaError):
            client.fetch(ask(2))
        from morningline.kit.database import Database

        with Database(rig.url).connect() as connection:
            connection.execute(
                "UPDATE feed_calls SET at = %s WHERE feed = %s",
                (datetime.now(UTC) - timedelta(days=1), rig.feed.name),
            )
        client.fetch(ask(2))


def test_the_client_outlives_its_connections(rig):
    from morningline.kit.database import Database

    with rig.client() as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(client.fetch, map(ask, range(8))))
        with Database(rig.url).connect() as connection:
            connection.execute(
                b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                b" WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        list(pool.map(client.fetch, map(ask, range(8, 16))))
    assert len(rig.rows("payloads", "id")) == 16


def test_a_database_that_is_gone_is_a_passing_error(rig):
    with rig.client() as client:
        client.fetch(ask(1))
        client._connections._database.url = "postgresql://127.0.0.1:1/none"
        client._connections.close()
        with pytest.raises(DatabaseError) as caught:
            client.fetch(ask(2))
    assert caught.value.transient
