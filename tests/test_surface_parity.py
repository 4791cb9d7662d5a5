"""What the command line can do, the service can, and the reverse; what only one can has its reason here."""

from __future__ import annotations

from typing import Any

import typer

from morningline.api.app import bare_app
from morningline.cli.main import app
from morningline.training.request import HoldOut, TrainRequest, Walk
from morningline.training.tuning.tuning import Tuning

ONLY_AT_THE_MACHINE = {
    "init": "makes the workspace that a service would serve",
    "demo": "serves a made-up world to a program of its own, with a clock of its own",
    "simulate": "is a service itself, for trying the program",
    "serve": "is the service",
    "openapi": "says what the service offers: GET /api/v1/openapi.json has the same",
    "worker": "is a process of its own",
    "tokens create": "a stolen token of any scope must not be able to leave heirs that outlive it",
    "db url": "holds the password of the database",
    "db query": "the embedded database's user may read files and start programs: a query from elsewhere is a shell",
    "db upgrade": "a service serves a database of its own version only",
    "db downgrade": "drops the tables that the service stands on",
}
ONLY_OVER_HTTP = {
    "/health/live": "asked by what watches over processes",
    "/health/ready": "asked by what sends requests to them",
}
SHOWN_ONLY = {
    "json": "how it is shown",
    "markdown": "how it is shown",
    "html": "where the file goes: in the workspace's reports",
    "out": "where the file goes: the body's `file`, or the workspace's reports",
    "top": "how much is shown",
    "page": "pages go by `cursor`",
    "detach": "a run is always asked for and left",
    "dry_run": "of a collection: GET /api/v1/collections/plan",
    "resume": "it always does",
}
# The same under another name: by command, the option and where it is in the request.
CALLED_OTHERWISE = {
    "train": {
        "set_name": "feature_set",
        "first": "train_from",
        "last": "until",
        "params": "parameters",
        "trials": "tuning",
        "tune_minutes": "tuning",
        "tune_workers": "tuning",
        **dict.fromkeys(
            ("train_until", "test_from", "test_to", "walk_days", "validation_days", "rolling_days", "embargo_days"),
            "split",
        ),
    },
    "backtest": {
        "domain": "task",
        "set_name": "feature_set",
        "train_until": "split",
        "test_from": "split",
        "test_to": "split",
    },
    "collect results": {"day": "last"},
    "quality check": {"day": "first"},
    "tokens revoke": {"token": "token_id"},
    "replay": {"prediction": "prediction_id"},
    "schedules add": {"parameter": "parameters", "params": "parameters", "paused": "enabled"},
    "runs show": {"run": "run_id"},
    "runs logs": {"run": "run_id"},
    "runs cancel": {"run": "run_id"},
    "runs retry": {"run": "run_id"},
}


def commands() -> dict[str, Any]:
    """Every command by its words."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[" ".join(words)] = command
            return
        for name, each in inner.items():
            walk(each, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


DOCUMENT = bare_app(60, 1_024).openapi()


def operations() -> list[tuple[str, dict[str, Any]]]:
    """Path and operation of every route."""
    return [(path, operation) for path, ops in DOCUMENT["paths"].items() for operation in ops.values()]


def names_of(operation: dict[str, Any]) -> set[str]:
    """Everything that a request to a route may give."""
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        names |= set(DOCUMENT["components"]["schemas"][body["$ref"].rpartition("/")[2]]["properties"])
    return names


def test_every_command_can_be_had_over_http_or_has_a_reason_why_not():
    served = {command for _, operation in operations() for command in operation.get("x-command", [])}
    assert served <= set(commands()), "a route names a command that there is not"
    assert set(commands()) - served == set(ONLY_AT_THE_MACHINE)


def test_every_route_is_a_command_or_has_a_reason_why_not():
    bare = {path for path, operation in operations() if not operation.get("x-command")}
    assert bare == set(ONLY_OVER_HTTP)


def test_a_training_can_be_asked_for_in_every_way_that_there_is():
    for model, struct in (("Train", TrainRequest), ("HoldOut", HoldOut), ("Walk", Walk), ("Tune", Tuning)):
        said = set(DOCUMENT["components"]["schemas"][model]["properties"]) - {"priority", "kind"}
        assert said == set(struct.__struct_fields__), model


def test_whatever_a_command_takes_a_request_can_give():
    missing = {}
    for name, command in commands().items():
        if name in ONLY_AT_THE_MACHINE:
            continue
        given = {
            word for _, operation in operations() if name in operation["x-command"] for word in names_of(operation)
        }
        otherwise = CALLED_OTHERWISE.get(name, {})
        for parameter in command.params:
            word = parameter.name
            if word not in SHOWN_ONLY and word != "help" and otherwise.get(word, word) not in given:
                missing.setdefault(name, []).append(word)
    assert missing == {}
