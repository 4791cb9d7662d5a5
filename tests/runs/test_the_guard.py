"""A run's state changes only in the ways there are; the database refuses every other, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from morningline.runs import store

if TYPE_CHECKING:
    from runs.conftest import Office

WORDS = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "succeeded",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}
ALLOWED = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
}
# How a new run comes to a state by allowed ways only.
WAYS = {"queued": [], "running": ["PENDING"], "succeeded": ["PENDING", "SUCCESS"], "failed": ["PENDING", "ERROR"]}
SET = "UPDATE dbos.workflow_status SET status = %s WHERE workflow_uuid = %s"


@pytest.mark.parametrize("before", ["queued", "running", "succeeded", "failed", "cancelled"])
def test_every_change_of_state_is_allowed_or_refused(office: Office, before: str):
    for after, word in WORDS.items():
        run_id = office.ask("echo")
        for status in WAYS.get(before, ["CANCELLED"]):
            office.connection.execute(SET, [status, run_id])
        assert office.find(run_id).status == before
        if word == before or (before, word) in ALLOWED:
            office.connection.execute(SET, [after, run_id])
            assert office.find(run_id).status == word
        else:
            with pytest.raises(
                psycopg.errors.CheckViolation, match=f"cannot go from {before} to {word}: .+"
            ) as refused:
                office.connection.execute(SET, [after, run_id])
            assert ("runs retry" in str(refused.value)) == (before in store.ENDED)
            assert office.find(run_id).status == before


def test_a_state_that_does_not_exist_is_refused(office: Office):
    run_id = office.ask("echo")
    with pytest.raises(psycopg.errors.CheckViolation, match="queued to ASLEEP"):
        office.connection.execute(SET, ["ASLEEP", run_id])


def test_a_run_cannot_begin_with_its_end(office: Office):
    with pytest.raises(psycopg.errors.CheckViolation, match="begins as queued or running"):
        office.connection.execute(
            "INSERT INTO dbos.workflow_status (workflow_uuid, status, name) VALUES ('x', 'SUCCESS', 'run')"
        )
