"""The service keeps to its own description, whatever is sent: no fault, no undocumented status, no other shape."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from databases import temporary_database
from morningline.access.tries import FailedTries
from morningline.api.app import bare_app
from morningline.kit.settings import Settings
from morningline.kit.workspace import Workspace
from morningline.wiring.program import Program
from services import Office, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

DOCUMENT = bare_app(60, 1 << 20).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT)
# What keeps to the schema may still mean nothing, such as a cursor of no page, and is then refused with a 422.
MEANING = CHECKS.get_one("positive_data_acceptance")
# Without a body what breaks the schema may be a header that nobody asked for.
WRONG = CHECKS.get_one("negative_data_rejection")
SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def service(postgres_url: str, all_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service with runs in it, and a client with a token that may do everything, as often as it likes."""
    with ExitStack() as stack:
        url = stack.enter_context(temporary_database(postgres_url, like=all_tables))
        workspace = Workspace.create(tmp_path_factory.mktemp("contract") / "season")
        program = stack.enter_context(Program(workspace, Settings(home=workspace.root, database_url=url)))
        office = stack.enter_context(serving(program))
        office.app.state.service = replace(office.app.state.service, tries=FailedTries(tries=1_000_000))
        office.client.headers["Authorization"] = f"Bearer {office.token()}"
        for _ in range(3):
            office.enqueue()
        yield office


def hold_to_the_contract(case: Case, service: Office) -> None:
    headers = {"Authorization": service.client.headers["Authorization"]}
    left_out = [MEANING] if case.operation.body else [MEANING, WRONG]
    case.call_and_validate(base_url=service.address, headers=headers, excluded_checks=left_out)


@schema.parametrize()
@settings(SLOW, max_examples=5)
def test_every_route_keeps_its_contract(case: Case, service: Office):
    hold_to_the_contract(case, service)


@pytest.mark.proof
@schema.parametrize()
@settings(SLOW, max_examples=int(os.environ.get("MORNINGLINE_TEST_EXAMPLES", "200")))
def test_every_route_keeps_its_contract_at_length(case: Case, service: Office):
    hold_to_the_contract(case, service)
