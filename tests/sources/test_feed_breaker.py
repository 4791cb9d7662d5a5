"""The breaker opens after failures in a row, lets one call try after a growing pause, and says what it knows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from feed_server import ask
from hypothesis import given
from hypothesis import strategies as st

from morningline.kit.errors import FeedUnavailableError, RefusedError
from morningline.sources.breaker import LONGEST_PAUSE_SECONDS, Condition

DOWN = (503, {}, b"{}")
NERVOUS = {"failures": 3, "pause_seconds": 0.4, "attempts": 1}


def fail(client, number: int) -> str:
    with pytest.raises(FeedUnavailableError) as caught:
        client.fetch(ask(number))
    return str(caught.value)


def test_after_failures_in_a_row_no_worker_calls_and_the_error_tells(rig):
    rig.server.otherwise = DOWN
    with rig.client(settings=NERVOUS) as client:
        for number in range(3):
            fail(client, number)
    with rig.client(settings=NERVOUS | {"pause_seconds": 60.0}) as other:
        said = fail(other, 9)
    assert len(rig.server.arrivals) == 3
    year = str(datetime.now(UTC).year)
    assert f"is not called since {year}" in said
    assert "after 3 failures in a row; the last: GET /items of the feed" in said
    assert "status 503" in said
    assert f"It is tried next at {year}" in said


def test_refusals_are_no_failures_and_success_forgets_them(rig):
    bad = (422, {}, b"{}")
    rig.server.script = [DOWN, DOWN, bad, DOWN, DOWN, (200, {}, b'{"items": [], "total": 0}'), DOWN, DOWN, bad]
    with rig.client(settings=NERVOUS) as client:
        for number in range(9):
            with pytest.raises((FeedUnavailableError, RefusedError)) if number != 5 else ThreadPoolExecutor(1):
                client.fetch(ask(number))
    assert rig.rows("feed_breakers", "state, failures") == [("closed", 0)]


def test_one_call_tries_while_the_others_wait_and_all_go_on_when_it_went_well(rig):
    rig.server.script = [DOWN] * 4
    with rig.client(settings=NERVOUS, patience_seconds=20.0) as client, ThreadPoolExecutor(8) as pool:
        for number in range(3):
            fail(client, number)
        # The first probe fails, so the pause doubles; the second goes well.
        started = time.monotonic()
        tasks = [pool.submit(client.fetch, ask(number)) for number in range(10, 18)]
        errors = [task.exception() for task in tasks]
    assert sum(error is not None for error in errors) == 1
    assert time.monotonic() - started >= 0.4 + 0.8
    first, second, *others = sorted(rig.server.arrivals)[3:]
    assert second - first >= 0.8
    assert min(others) >= second
    assert rig.rows("feed_breakers", "state, failures, since") == [("closed", 0, None)]


def test_a_probe_that_was_never_made_leaves_the_way_to_another(rig):
    rig.server.script = [DOWN] * 3
    with rig.client(settings=NERVOUS) as client:
        for number in range(3):
            fail(client, number)
        time.sleep(0.5)

        def stopped(*_):
            raise RuntimeError

        limiter = client._limiters["all"]
        limiter.wait, wait = stopped, limiter.wait
        with pytest.raises(RuntimeError):
            client.fetch(ask(10))
        limiter.wait = wait
        assert client.fetch(ask(10)).status == 200


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.sampled_from(["fail", "probe", "late"]), max_size=40), st.integers(1, 5), st.floats(0.1, 3_600))
def test_whatever_happens_the_breaker_stays_explicable(events, most, pause):
    condition, now = Condition(), NOW
    for event in events:
        before = condition
        if event == "probe" and before.next_at is not None:
            now = before.next_at
            probing = before.probing(now, 60.0)
            assert probing is not None
            # While one probe is under way there is no second one.
            assert probing.probing(now, 60.0) is None
            condition = probing.failed("down", now, most=most, pause_seconds=pause, probe=True)
            assert condition.pause_seconds == min(2 * before.pause_seconds, LONGEST_PAUSE_SECONDS)
            assert condition.since == before.since
        else:
            condition = before.failed("down", now, most=most, pause_seconds=pause, probe=False)
            if before.state != "closed":
                assert (condition.state, condition.next_at) == (before.state, before.next_at)
        now += timedelta(seconds=0.01)
        assert (condition.state == "closed") == (condition.failures < most)
        assert (condition.since is None) == (condition.next_at is None) == (condition.state == "closed")
