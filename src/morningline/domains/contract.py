"""What a domain brings: tables, notations, mappings, checks, features and tasks. Found by entry point.

A third party's domain is an object of this class under the entry-point group `morningline.domains`; the racing
domain comes through the same door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime
    from pathlib import Path

    import polars as pl
    import psycopg

    from morningline.facts.agreement import Agreement
    from morningline.facts.table import Catalog
    from morningline.features.feature_set import FeatureSet
    from morningline.sources.assembling import Rejection
    from morningline.sources.convert import Converter
    from morningline.sources.report import Finding
    from morningline.training.task import Task


@dataclass(frozen=True, kw_only=True)
class World:
    """A made-up world that serves a feed on this machine, for a first look and for tests: its true chances are known.

    Attributes:
        feed: The feed it serves.
        table: `[feeds.<feed>]` of the settings with which it is collected.
        credentials: Variables of the environment that the table names.
        first: First local day of its history.
        train_until: Last day to train on.
        test_from: First day to test on.
        test_to: Last day to test on.
        tomorrow: The local day to predict.
        evening: The evening before `tomorrow`, when its card is out and the day is over (UTC).
        night: When `tomorrow` is over (UTC).
        turn_to: Lets its clock stand at an instant (UTC).
        truth: The true probabilities of local days, first to last: `event_id`, `entrant_id`, `truth`.
    """

    feed: str
    table: Mapping[str, object]
    credentials: Mapping[str, str]
    first: date
    train_until: date
    test_from: date
    test_to: date
    tomorrow: date
    evening: datetime
    night: datetime
    turn_to: Callable[[datetime], None]
    truth: Callable[[date, date], pl.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain plug-in.

    Args:
        name: The word users say, as in a mapping's `domain`.
        event_noun: What one event is called.
        entrant_noun: What takes part in an event.
        entrant_key: Column that names who takes part, as in `horse_id`.
        catalog: Its tables, parents before children.
        migrations: Folder with `versions/` and `sql/`.
        mappings: Folder of the mappings that ship with it.
        converters: Its notations, by the name a mapping uses.
        reject: Rows that no event can have.
        findings: What a modeller should know of accepted rows.
        suggest: What to make of the differences between a second source and what is stored.
        feature_set: The features of its tasks.
        further_sets: Feature sets beside it, such as the same features at another cut-off.
        tasks: What it predicts; the first is its usual task.
        make_world: Serves a made-up world of that seed for as long as it is entered.
        agreements: What its tables must agree on, for their daily quality.
    """

    name: str
    event_noun: str
    entrant_noun: str
    entrant_key: str
    catalog: Catalog
    migrations: Path
    mappings: Path
    converters: Mapping[str, Converter]
    reject: Callable[[Mapping[str, pl.DataFrame]], Sequence[Rejection]]
    findings: Callable[[Mapping[str, pl.DataFrame]], list[Finding]]
    suggest: Callable[[psycopg.Connection[Any], pl.DataFrame], list[str]]
    feature_set: FeatureSet
    tasks: Sequence[Task]
    make_world: Callable[[int], AbstractContextManager[World]]
    agreements: Sequence[Agreement] = ()
    further_sets: Sequence[FeatureSet] = ()

    @property
    def task(self) -> Task:
        """Its usual task: what is meant where none is named."""
        return self.tasks[0]

    @property
    def feature_sets(self) -> Mapping[str, FeatureSet]:
        """All its feature sets by name, that of the tasks first."""
        return {features.name: features for features in (self.feature_set, *self.further_sets)}
