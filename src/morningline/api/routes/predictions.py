"""Routes of predictions: predict, look at what is locked, score, replay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from morningline.api import bodies
from morningline.api.guard import AskedBy, said
from morningline.api.routes.runs import start, started
from morningline.api.service import Served
from morningline.api.shapes import Shape, Started
from morningline.api.words import Day, Word
from morningline.kit.errors import InputError
from morningline.wiring import acts, asking

router = APIRouter(tags=["predictions"])

PredictionId = Annotated[Word, Path(description="The id of a locked prediction.")]


class LockedPrediction(Shape):
    """A locked prediction, beside what came of it where that is known.

    Attributes:
        id: Its id.
        task: What is predicted.
        day: Local day of the event.
        as_of: The cut-off: nothing known later was used.
        made_at: When it was made.
        probability: Probability of winning.
        fair_odds: 1 / probability: decimal odds without margin.
        rank: Rank within the event, 1 is likeliest.
        won: Share of the win: 1, a half in a dead heat, 0; null while that is not known.
        market_probability: The market's, margin removed.
        market_odds: Decimal odds it was taken from.
    """

    id: str
    task: str
    event_id: str
    entrant_id: str
    day: date
    as_of: datetime
    made_at: datetime
    model_id: str
    feature_version: str
    probability: float
    fair_odds: float
    rank: int
    won: float | None
    market_probability: float | None
    market_odds: float | None


@router.post("/predictions/start", status_code=202, **said("predict", scope="operate"))
def start_prediction(body: bodies.Predict, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Predict every event of a day and lock the predictions: a locked row never changes."""
    return start(program, "predict", body, asked_by, response)


@router.get("/predictions", response_model=list[LockedPrediction], **said("predictions show", scope="read"))
def list_predictions(
    program: Served,
    day: Annotated[Day | None, Query(description="Of this local day.")] = None,
    event: Annotated[Word | None, Query(description="Of this event.")] = None,
) -> Any:  # noqa: ANN401 - as the shape says
    """Show the locked predictions of a day or an event, beside what came of them where that is known."""
    if day is None and event is None:
        raise InputError("Neither a day nor an event was given.", allowed="day, event or both")
    return acts.show_predictions(program, day, event).to_dicts()


@router.post("/predictions/{prediction_id}/replay", status_code=202, **said("replay", scope="operate"))
def start_replay(program: Served, prediction_id: PredictionId, asked_by: AskedBy, response: Response) -> Started:
    """Compute a locked prediction again and prove the bits equal, or say what differs."""
    asked = asking.ask(program, "replay", {"prediction": prediction_id}, asked_by=asked_by)
    return started(asked, response)


@router.post("/scores/start", status_code=202, **said("score", scope="operate"))
def start_scoring(body: bodies.Score, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Join outcomes and market to the locked predictions and say how they did."""
    return start(program, "score", body, asked_by, response)
