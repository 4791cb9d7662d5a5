"""The tables of locked predictions and of what came true."""

import dataframely as dy

from morningline.facts.table import Catalog, Reference, Table, day, instant, text


class Predictions(dy.Schema):
    """One prediction for one entrant, locked when it was made."""

    id = text("Hash of task, event, entrant, model and as-of instant.", key=True)
    task = text("What is predicted.")
    event_id = text("The event.")
    entrant_id = text("Who takes part in it.")
    day = day("Local day of the event.")
    as_of = instant("The cut-off: nothing known later was used (UTC).")
    made_at = instant("When it was made (UTC).")
    model_id = text("The model.")
    feature_version = text("Version of the feature set.")
    probability = dy.Float64(min=0, max=1, description="Probability of winning.")
    fair_odds = dy.Float64(min=1, description="1 / probability: decimal odds without margin.")
    rank = dy.Int32(min=1, description="Rank within the event, 1 is likeliest; ties share the better rank.")
    inputs = text("The model's inputs in the order of its features, NaN where missing.", sql_type="double precision[]")
    inputs_hash = text("SHA-256 of the event's inputs.")


class Scores(dy.Schema):
    """What came of a locked prediction, beside the market."""

    prediction_id = text("The prediction.", key=True)
    scored_at = instant("When the outcome was joined (UTC).")
    won = dy.Float64(min=0, max=1, description="Share of the win: 1, a half in a dead heat, 0.")
    market_probability = dy.Float64(nullable=True, min=0, max=1, description="The market's, margin removed.")
    market_odds = dy.Float64(nullable=True, min=1, description="Decimal odds it was taken from.")
    excluded = text("Why the event is left out of the score, null where it counts.", null=True)


RECORDS = Catalog(
    (
        Table(
            name="predictions",
            schema=Predictions,
            grain="a locked prediction for an entrant",
            stage="record",
            append_only=True,
            references=(Reference(("model_id",), "models"),),
            indexes=(("day",), ("event_id",)),
        ),
        Table(
            name="scores",
            schema=Scores,
            grain="what came of a prediction",
            stage="record",
            references=(Reference(("prediction_id",), "predictions"),),
        ),
    )
)
"""The tables of this package."""
