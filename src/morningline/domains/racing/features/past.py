"""What is said of a past run: its speed against par, its strength in the market, its class, weight and rivals."""

from __future__ import annotations

from morningline.domains.racing.features.keys import DRAW_SHARE, EVER, TRACK
from morningline.features.definitions import Centred, Derived, History, Step

# A mean of fewer finishers says more of them than of the track.
LEAST_PAR_RUNS = 30


def past_steps() -> list[Step]:
    """Steps that give history rows their values; none is a feature."""
    return [*_speed(), *_worth(), *_running(), *_card_of_the_day()]


def _speed() -> list[Step]:
    """Speed against a par known so far, freed from the state of the track that day."""
    par = "Mean time of all earlier finishers at this course, surface and distance."
    return [
        TRACK.mean("par_seconds", "finish_seconds", EVER, par, step=True),
        History(
            name="par_runs",
            key=TRACK.columns,
            value="finish_seconds",
            aggregate="count",
            kept=False,
            description="Finishers behind the par.",
        ),
        Derived(
            name="raw_speed",
            sql=f"CASE WHEN par_runs >= {LEAST_PAR_RUNS} THEN 1000 * (1 - finish_seconds / par_seconds) END",
            description="Faster than par, in thousandths.",
        ),
        Centred(
            name="speed",
            of="raw_speed",
            by=("course_id", "surface"),
            description="Faster than par, less the mean of that day on that track.",
        ),
        Derived(
            name="class_speed",
            sql="speed + 0.25 * rating_high",
            description="Speed figure that credits the class it was run in.",
        ),
    ]


def _worth() -> list[Step]:
    """What the market thought, and what the finish was worth."""
    return [
        Derived(
            name="strength",
            sql="CASE WHEN implied > 0 THEN LN(GREATEST(implied, 0.001) * ran) END",
            description="What the closing market thought, against an average runner of that race.",
        ),
        Derived(name="surprise", sql="won - implied", description="Won, less the market's probability."),
        Derived(
            name="move",
            sql="CASE WHEN implied > 0 AND opened > 0 THEN LN(implied / opened) END",
            description="How the market moved from its first prices to the off; above zero it was backed.",
        ),
        Derived(
            name="beaten_log",
            sql="LN(1 + beaten_lengths)",
            description="Logarithm of one plus the lengths beaten.",
        ),
        Derived(
            name="class_finish",
            sql="finish_fraction - 0.01 * rating_high",
            description="Finish, credited for class.",
        ),
        Derived(name="win", sql="CASE WHEN won > 0 THEN 1 END", description="1 where it won, else null."),
    ]


def _running() -> list[Step]:
    """Where in the field it ran."""
    return [
        Derived(
            name="gain",
            sql="early_fraction - finish_fraction",
            description="Share of the field passed from the first call to the line.",
        ),
        Derived(
            name="late_gain",
            sql="turn_fraction - finish_fraction",
            description="Share of the field passed from the last call before the line.",
        ),
    ]


def _card_of_the_day() -> list[Step]:
    known = {
        "past_rating": ("rating", "Official rating carried that day."),
        "past_weight": ("weight_lbs", "Weight carried that day."),
        "past_body_weight": ("body_weight_lbs", "Weight of the horse that day."),
        "past_rating_high": ("rating_high", "Class of that day, as the highest rating admitted."),
        "past_distance": ("distance_m", "Distance of that day."),
        "past_draw": (
            DRAW_SHARE,
            "Draw of that day as a share of the field.",
        ),
    }
    return [Derived(name=name, sql=sql, description=text) for name, (sql, text) in known.items()]
