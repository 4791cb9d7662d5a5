"""Acts on features: compute, look, compare, verify, tidy, and follow a number back to where it came from."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - a run's parameters are read by the types
from functools import partial
from typing import TYPE_CHECKING, Any

from morningline.features.asking import here
from morningline.kit.clock import ONE_DAY, utc_now
from morningline.kit.errors import DataError, InputError, NotFoundError
from morningline.wiring.program import domain_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from morningline.domains.contract import Domain
    from morningline.features.asking import Answerer
    from morningline.features.comparing import Difference
    from morningline.features.computing import Computation, ComputeReport
    from morningline.features.feature_set import FeatureSet
    from morningline.features.matrix import FeatureMatrix
    from morningline.features.quality import PartitionQuality
    from morningline.features.set_catalog import CatalogRow
    from morningline.features.store import FeatureStore
    from morningline.wiring.program import Program


ENGINES = ("here", "ray")
"""Where features can be computed."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What is to be computed, and where.

    Attributes:
        set_name: Which set; the task's own if not given.
        first: Compute from this local day on, even where nothing changed.
        last: Compute up to this local day only.
        force: Compute every day, even where nothing changed.
        engine: `here`, or `ray` for a cluster.
        accept_quality: Whether facts that fall short are accepted as they are.
    """

    set_name: str | None = None
    first: date | None = None
    last: date | None = None
    force: bool = False
    engine: str = "here"
    accept_quality: bool = False

    def __post_init__(self) -> None:
        """Refuse an engine that there is not."""
        if self.engine not in ENGINES:
            raise InputError(f"There is no engine {self.engine!r}.", allowed=", ".join(ENGINES))


def compute_features(program: Program, domain_name: str, extent: Extent) -> ComputeReport:
    """Compute what is missing or stale of a set from the facts known now; refused where facts are broken."""
    from morningline.features.monthly_table import ConflictError

    try:
        return _compute(program, domain_name, extent)
    except ConflictError:
        # Somebody else computed the set meanwhile: what is left to do is seen from what they stored.
        return _compute(program, domain_name, extent)


def _compute(program: Program, domain_name: str, extent: Extent) -> ComputeReport:
    from morningline.features.computing import Source
    from morningline.features.computing import compute_features as compute
    from morningline.wiring.quality import require_sound_facts

    domain, now = domain_named(domain_name), utc_now()
    store = program.features(domain, extent.set_name)
    require_sound_facts(program, domain, "compute", last=None, accept=extent.accept_quality)
    with program.database.connect(read_only=True) as connection:
        events = partial(domain.task.events, connection, as_of=now, cutoff=store.features.cutoff)
        source = Source(
            catalog=domain.catalog,
            events=lambda first, last: events(first=first, last=last),
            note=lambda computation: _note(program, domain, store, computation),
        )
        with _engine(extent.engine, program.settings.ray_address) as answer:
            return compute(
                connection,
                store,
                source,
                as_of=now,
                first=extent.first,
                last=extent.last,
                force=extent.force,
                answer=answer,
            )


def stale_from(program: Program, domain: Domain, store: FeatureStore, until: date | None = None) -> date | None:
    """The first day whose stored features may be others now, or are missing, up to a day."""
    from morningline.features.computing import first_stale

    with program.database.connect(read_only=True) as connection:
        return first_stale(connection, domain.catalog, store.state(), now=utc_now(), until=until)


def features_status(program: Program, domain_name: str, set_name: str | None = None) -> dict[str, Any]:
    """What is stored of a set, and from which day on the facts are not what it was computed from."""
    domain = domain_named(domain_name)
    store = program.features(domain, set_name)
    state = store.state()
    stale = stale_from(program, domain, store)
    return {
        "feature_set": store.features.name,
        "feature_version": store.features.version,
        "delta_version": state.version,
        "computed_at": state.computed_at,
        "months": len(state.months),
        "first_month": min(state.months, default=None),
        "last_month": max(state.months, default=None),
        "stale_from": stale and str(stale),
        "stale_months": sum(stale is not None and month >= str(stale)[:7] for month in state.months),
    }


def list_features(program: Program | None, domain_name: str, set_name: str | None = None) -> list[CatalogRow]:
    """The catalog of a set; a workspace is needed for sets of its own only."""
    from morningline.features.set_catalog import catalog

    domain = domain_named(domain_name)
    return catalog(program.feature_set(domain, set_name) if program else domain.feature_set)


def show_feature(program: Program | None, domain_name: str, feature: str, set_name: str | None = None) -> CatalogRow:
    """One feature in words.

    Raises:
        NotFoundError: The set has no such feature.
    """
    rows = {row.name: row for row in list_features(program, domain_name, set_name)}
    if feature not in rows:
        from difflib import get_close_matches

        near = get_close_matches(feature, rows, n=5, cutoff=0.4) or list(rows)[:5]
        raise NotFoundError(
            f"There is no feature {feature!r}.", allowed=f"{', '.join(near)}...", do="See `morningline features list`."
        )
    return rows[feature]


def export_features(
    program: Program, domain_name: str, out: Path, version: int | None, set_name: str | None = None
) -> int:
    """Write stored features to a file, one row an entrant, under the domain's own names; returns the rows."""
    domain = domain_named(domain_name)
    frame = program.features(domain, set_name).read(version)
    named = frame.rename({"event_id": f"{domain.event_noun}_id", "entrant_id": domain.entrant_key})
    writers: dict[str, Callable[[Path], object]] = {".parquet": named.write_parquet, ".csv": named.write_csv}
    if out.suffix not in writers:
        raise InputError(f"The file {out.name} is of no known format.", allowed=", ".join(writers))
    partial_file = out.with_name(f".{out.name}.partial")
    writers[out.suffix](partial_file)
    partial_file.replace(out)
    return named.height


def diff_features(
    program: Program, domain_name: str, before: int, after: int, set_name: str | None = None
) -> Difference:
    """Compare two Delta versions of a set."""
    from morningline.features.comparing import compare

    store = program.features(domain_named(domain_name), set_name)
    return compare(store.read(before), store.read(after), store.features.names)


def verify_features(
    program: Program, domain_name: str, *, events: int, seed: int, set_name: str | None = None
) -> Difference:
    """Compute some events of days that are not stale again, from facts alone, and compare every bit.

    Args:
        program: The program.
        domain_name: Which domain.
        events: How many events, drawn at random.
        seed: Of the draw.
        set_name: Which set; the task's own if not given.

    Raises:
        DataError: Nothing was computed yet, or no stored day is up to date.
    """
    from morningline.features.comparing import compare
    from morningline.features.engine import compute

    domain = domain_named(domain_name)
    store = program.features(domain, set_name)
    state, stale = store.state(), stale_from(program, domain, store)
    stored = store.read(state.version, last=stale and stale - ONE_DAY)
    if stored.is_empty():
        raise DataError(f"All stored features are stale, from {stale} on.", do="Run `morningline features compute`.")
    chosen = stored["event_id"].unique().sort().sample(min(events, stored["event_id"].n_unique()), seed=seed)
    sample = stored.filter(stored["event_id"].is_in(chosen.to_list()))
    with program.database.connect(read_only=True) as connection:
        found = domain.task.events(
            connection, as_of=state.as_of, cutoff=store.features.cutoff, first=None, last=max(sample["day"])
        )
    again = compute(found, store.features.steps)
    return compare(sample, again.filter(again["event_id"].is_in(chosen.to_list())), store.features.names)


def vacuum_features(
    program: Program, domain_name: str, *, keep_days: int, dry_run: bool, set_name: str | None = None
) -> dict[str, Any]:
    """Remove what only old versions need: never the newest, one a model points to, or one younger than so many days."""
    domain = domain_named(domain_name)
    store = program.features(domain, set_name)
    with program.database.connect(read_only=True) as connection:
        pinned = connection.execute(
            "SELECT DISTINCT delta_version FROM models WHERE feature_set = %s AND feature_version = %s ORDER BY 1",
            (store.features.name, store.features.version),
        ).fetchall()
    kept = sorted({store.version(), *(version for (version,) in pinned)})
    removed = store.vacuum(kept, keep_days, dry_run=dry_run)
    return {"kept_versions": kept, "files": len(removed), "dry_run": dry_run}


def _note(program: Program, domain: Domain, store: FeatureStore, computation: Computation) -> None:
    import msgspec

    from morningline.facts.states import changes
    from morningline.training.registry import code_version

    with program.database.connect() as connection:
        tables = msgspec.json.encode(changes(connection, domain.catalog)).decode()
        connection.execute(
            "INSERT INTO feature_computations (id, feature_set, feature_version, code_version, as_of, mark, tables) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                computation.id,
                store.features.name,
                store.features.version,
                code_version(),
                computation.as_of,
                computation.mark,
                tables,
            ),
        )


@contextmanager
def _engine(name: str, ray_address: str | None) -> Iterator[Answerer]:
    """Where histories are answered."""
    if name == "ray":
        from morningline.features.on_ray import ray_cluster

        with ray_cluster(ray_address) as answer:
            yield answer
    else:
        yield here


def require_declared_values(stored: FeatureMatrix, features: FeatureSet, least: float) -> None:
    """Refuse stored features that are not what their definitions declare.

    Raises:
        DataError: In some month too few values of a feature are within its bounds, or there where they must be.
    """
    from morningline.features.quality import months_short_of

    short = months_short_of(stored, features.features, least)
    if short.height:
        month, feature, share = short.row(0)
        raise DataError(
            f"The stored features fall short in {short.height} months of features: of {feature} in {month} only "
            f"{share:.0%} of the values are what it declares; `quality_train` asks for {least:.0%}.",
            do="See `morningline features quality`; correct facts or bounds, or accept with --accept-quality.",
        )


def features_quality(program: Program, domain_name: str, set_name: str | None = None) -> list[PartitionQuality]:
    """How good each stored month of a set is, against what its features declare and usually have."""
    import polars as pl

    from morningline.features.quality import partition_quality

    store = program.features(domain_named(domain_name), set_name)
    stored = store.read()
    found: list[PartitionQuality] = []
    for _, month in stored.group_by(pl.col("day").dt.strftime("%Y-%m"), maintain_order=True):
        # What is usual is said by the half-year before.
        before = [part.counts for part in found[-6:]]
        found.append(partition_quality(month, store.features.features, pl.concat(before) if before else None))
    return found


def plain_quality(months: list[PartitionQuality]) -> list[dict[str, Any]]:
    """The quality of months as plain values, with what is amiss on the worst day of each."""
    numbers = ("rows", "completeness", "validity", "uniqueness", "score")
    return [
        {
            "month": f"{min(part.days['day']):%Y-%m}",
            **{name: getattr(part, name) for name in numbers},
            "why": _worst(part),
        }
        for part in months
    ]


def _worst(part: PartitionQuality) -> str:
    """What is amiss on the worst day of a month, empty where nothing is."""
    worst = part.days.sort("score", nulls_last=True).row(0, named=True)
    return f"{worst['day']}: {worst['why']}" if worst["why"] else ""
