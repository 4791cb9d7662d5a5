"""The feature sets that are measured: 75 features over five keys, and those that rivals can compute as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from morningline.features.definitions import History, Step, WithinEvent
from morningline.features.windows import Days, Decay, Expanding, Last

if TYPE_CHECKING:
    from morningline.features.definitions import Aggregate
    from morningline.features.windows import Window

EVER = Expanding()
HORSE, JOCKEY, TRAINER = ("horse_id",), ("jockey_id",), ("trainer_id",)
PAIR, AT_COURSE = ("jockey_id", "trainer_id"), ("horse_id", "course_id")


def seventy_five() -> list[Step]:
    """75 features over five keys: 65 histories of every window and aggregate, 10 standings within the race."""
    return [*_horse(), *_person(JOCKEY), *_person(TRAINER), *_pair(), *_at_course(), *_standings()]


def by_row() -> list[Step]:
    """Ten features of the last rows of a horse: what every rival can say."""
    aggregates: tuple[Aggregate, ...] = ("mean", "std", "min", "max")
    return [
        _of(HORSE, "last", "finish_fraction", Last(1)),
        _of(HORSE, "mean", "finish_fraction", Last(3)),
        *(_of(HORSE, aggregate, "finish_fraction", Last(6)) for aggregate in aggregates),
        _of(HORSE, "mean", "finish_fraction", EVER),
        _of(HORSE, "min", "finish_fraction", EVER),
        _of(HORSE, "mean", "won", Last(6)),
        _of(HORSE, "mean", "won", EVER),
    ]


def by_day() -> list[Step]:
    """Ten features of people who have many runners a day: what rivals with windows of days can say."""
    return [
        feature
        for key in (JOCKEY, TRAINER)
        for feature in (
            _of(key, "count", "", Days(30)),
            _of(key, "mean", "won", Days(45)),
            _of(key, "mean", "won", Days(365)),
            _of(key, "mean", "won", EVER),
            _of(key, "mean", "finish_fraction", Days(180)),
        )
    ]


def _of(key: tuple[str, ...], aggregate: Aggregate, value: str, window: Window) -> History:
    """A history with a name that says it: `horse_mean_won_days365`."""
    length = "".join(str(number) for number in vars(window).values())
    words = [name.removesuffix("_id") for name in key] + [aggregate, value, type(window).__name__.lower() + length]
    name = "_".join(word for word in words if word)
    return History(
        name=name,
        key=key,
        value=value,
        window=window,
        aggregate=aggregate,
        prior=0.1,
        prior_rows=10.0,
        description=name,
    )


def _horse() -> list[Step]:
    """27 features."""
    extremes: tuple[Aggregate, ...] = ("min", "max", "std")
    return [
        *(_of(HORSE, "count", "", window) for window in (EVER, Days(60), Days(365))),
        *(_of(HORSE, "sum", "won", window) for window in (EVER, Days(365))),
        *(_of(HORSE, "rate", value, EVER) for value in ("won", "placed")),
        *(
            _of(HORSE, "mean", value, window)
            for value in ("finish_fraction", "beaten_lengths", "implied")
            for window in (Last(3), Last(6), EVER, Decay(90))
        ),
        *(_of(HORSE, extreme, "finish_fraction", Last(6)) for extreme in extremes),
        *(_of(HORSE, extreme, "implied", EVER) for extreme in extremes[:2]),
        *(_of(HORSE, "last", value, EVER) for value in ("finish_fraction", "implied")),
        _of(HORSE, "days_since", "", EVER),
    ]


def _person(key: tuple[str, ...]) -> list[Step]:
    """13 features of a jockey or a trainer."""
    return [
        *(_of(key, "count", "", window) for window in (EVER, Days(30), Days(365))),
        *(_of(key, "rate", "won", window) for window in (EVER, Days(45), Days(365))),
        _of(key, "rate", "placed", Days(365)),
        *(_of(key, "mean", "finish_fraction", window) for window in (EVER, Days(180), Decay(60))),
        _of(key, "std", "finish_fraction", Days(365)),
        _of(key, "mean", "implied", Days(90)),
        _of(key, "sum", "won", Days(30)),
    ]


def _pair() -> list[Step]:
    """6 features of a jockey riding for a trainer."""
    return [
        _of(PAIR, "count", "", EVER),
        _of(PAIR, "sum", "won", EVER),
        *(_of(PAIR, "rate", "won", window) for window in (EVER, Days(365))),
        *(_of(PAIR, "mean", "finish_fraction", window) for window in (EVER, Days(365))),
    ]


def _at_course() -> list[Step]:
    """6 features of a horse on a course."""
    return [
        _of(AT_COURSE, "count", "", EVER),
        *(_of(AT_COURSE, "rate", value, EVER) for value in ("won", "placed")),
        *(_of(AT_COURSE, aggregate, "finish_fraction", EVER) for aggregate in ("mean", "min", "last")),
    ]


def _standings() -> list[Step]:
    """10 features within the race."""
    scored = (
        "horse_mean_finish_fraction_decay90",
        "horse_mean_implied_last3",
        "horse_rate_won_expanding",
        "jockey_rate_won_days365",
        "trainer_rate_won_days365",
    )
    return [
        *(WithinEvent(name=f"{of}_z", of=of, how="z", description=of) for of in scored),
        *(WithinEvent(name=f"{of}_rank", of=of, how="rank", description=of) for of in scored[:3]),
        WithinEvent(name="implied_share", of=scored[1], how="share", description=scored[1]),
        WithinEvent(name="implied_gap", of=scored[1], how="gap_to_best", description=scored[1]),
    ]
