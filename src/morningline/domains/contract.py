"""What a domain brings: tables, notations, mappings, checks, features and the task. Found by entry point.

A third party's domain is an object of this class under the entry-point group `morningline.domains`; the racing
domain comes through the same door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    import polars as pl

    from morningline.facts.table import Catalog
    from morningline.features.feature_set import FeatureSet
    from morningline.sources.assembling import Rejection
    from morningline.sources.convert import Converter
    from morningline.sources.report import Finding
    from morningline.training.task import Task


@dataclass(frozen=True, kw_only=True)
class World:
    """A made-up world on disk, for a first look and for tests: its true probabilities are known.

    Attributes:
        mapping: Name of the shipped mapping that reads it.
        history: Folder of what is over.
        card: Folder of tomorrow's card.
        results: Folder of what came of it.
        truth: CSV with the event, the entrant and `true_probability`.
        tomorrow: The local day of the card.
        train_until: Last day to train on.
        test_from: First day to test on.
        test_to: Last day of history.
    """

    mapping: str
    history: Path
    card: Path
    results: Path
    truth: Path
    tomorrow: date
    train_until: date
    test_from: date
    test_to: date


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
        feature_set: Its features.
        task: What it predicts.
        make_world: Writes a seeded made-up world under a folder.
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
    feature_set: FeatureSet
    task: Task
    make_world: Callable[[Path, int], World]
