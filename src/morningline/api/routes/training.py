"""Routes of training: ask for a model to be trained, and look after the runs that do it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from morningline.api import bodies
from morningline.api.guard import AskedBy, said
from morningline.api.routes.runs import Group, routes_of, start
from morningline.api.service import Served
from morningline.api.shapes import Started

jobs = Group(
    "training_job",
    "/training/jobs",
    "training",
    kinds=frozenset({"train", "tune"}),
    repeated=frozenset({"failed", "cancelled"}),
)

router = APIRouter(tags=[jobs.tag])


@router.post("/training/jobs/start", status_code=202, **said("train", "backtest", scope="operate"))
def start_training_job(body: bodies.Train, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Train a model, judge it on days nothing has seen, beside the market, and register it."""
    return start(program, "train", body, asked_by, response, "/api/v1/training/jobs")


router.include_router(routes_of(jobs))
