"""Routes of features: compute them, look at them, compare, verify, export and tidy them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from morningline.api import bodies
from morningline.api.guard import AskedBy, said
from morningline.api.routes.runs import start
from morningline.api.service import Served
from morningline.api.shapes import Shape, Started, list_of, shape_of
from morningline.api.words import RACING, Domain, SetName, Word
from morningline.features.comparing import ChangedFeature
from morningline.features.set_catalog import CatalogRow
from morningline.wiring import featuring

router = APIRouter(prefix="/features", tags=["features"])

DeltaVersion = Annotated[int, Query(ge=0, le=2**31 - 1, description="A Delta version.")]
FeatureRow = shape_of(CatalogRow)


class FeatureStatus(Shape):
    """What is stored of a feature set.

    Attributes:
        computed_at: When it was computed last.
        months: How many months are stored.
        stale_from: The first local day whose facts changed since; null where it is up to date.
        stale_months: How many of the months that concerns.
    """

    feature_set: str
    feature_version: str
    delta_version: int
    computed_at: datetime | None
    months: int
    first_month: str | None
    last_month: str | None
    stale_from: str | None
    stale_months: int


class MonthQuality(Shape):
    """How good a stored month is.

    Attributes:
        completeness: Values that are there, against the usual share; null where too little came before to know it.
        validity: Values that are what their feature declares, of the worst feature.
        uniqueness: Rows that are the only one of their entrant.
        score: The smallest of these.
        why: What is amiss on its worst day, empty where nothing is.
    """

    month: str
    rows: int
    completeness: float | None
    validity: float | None
    uniqueness: float | None
    score: float | None
    why: str


class Comparison(Shape):
    """How two Delta versions differ.

    Attributes:
        equal: Whether they are equal to the last bit.
        rows: Rows in both.
        only_before: Rows in the first only.
        only_after: Rows in the second only.
        features: What differs, most rows first.
    """

    equal: bool
    rows: int
    only_before: int
    only_after: int
    features: list[shape_of(ChangedFeature)]  # type: ignore[valid-type]


@router.get("/catalog", response_model=list_of(FeatureRow), **said("features list", scope="read"))
def list_features(program: Served, domain: Domain = RACING, set_name: SetName = None) -> Any:  # noqa: ANN401
    """List the features of a set with unit, window and description."""
    return featuring.list_features(program, domain, set_name)


@router.get("/catalog/{feature}", response_model=FeatureRow, **said("features show", scope="read"))
def show_feature(
    program: Served,
    feature: Annotated[Word, Path(description="Its name.")],
    domain: Domain = RACING,
    set_name: SetName = None,
) -> Any:  # noqa: ANN401 - as the shape says
    """Say all there is to say of one feature."""
    return featuring.show_feature(program, domain, feature, set_name)


@router.get("/status", response_model=FeatureStatus, **said("features status", scope="read"))
def show_features_status(program: Served, domain: Domain = RACING, set_name: SetName = None) -> Any:  # noqa: ANN401
    """Say what is stored of a set, and whether the facts are still those it was computed from."""
    return featuring.features_status(program, domain, set_name)


@router.get("/quality", response_model=list[MonthQuality], **said("features quality", scope="read"))
def judge_features(program: Served, domain: Domain = RACING, set_name: SetName = None) -> Any:  # noqa: ANN401
    """Judge each stored month against what its features declare and usually have."""
    return featuring.plain_quality(featuring.features_quality(program, domain, set_name))


@router.get("/diff", **said("features diff", scope="read"))
def compare_features(
    program: Served, before: DeltaVersion, after: DeltaVersion, domain: Domain = RACING, set_name: SetName = None
) -> Comparison:
    """Compare two Delta versions: rows that are in one only, and features whose values changed."""
    return Comparison.model_validate(featuring.diff_features(program, domain, before, after, set_name))


@router.post("/computations/start", status_code=202, **said("features compute", scope="operate"))
def start_computation(body: bodies.Compute, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Compute what is missing or stale, from the first day whose facts changed, and keep it in Delta tables."""
    return start(program, "features", body, asked_by, response)


@router.post("/verifications/start", status_code=202, **said("features verify", scope="operate"))
def start_verification(body: bodies.Verify, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Compute some events again from facts alone and compare every bit."""
    return start(program, "verify", body, asked_by, response)


@router.post("/drifts/start", status_code=202, **said("features drift", scope="operate"))
def start_drift(body: bodies.Drift, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Say which features are distributed otherwise in one period than in another."""
    return start(program, "drift", body, asked_by, response)


@router.post("/exports/start", status_code=202, **said("features export", scope="operate"))
def start_export(body: bodies.Export, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Write the stored features to a file of the workspace: one row an entrant."""
    return start(program, "export", body, asked_by, response)


@router.post("/vacuums/start", status_code=202, **said("features vacuum", scope="admin"))
def start_vacuum(body: bodies.Vacuum, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Remove files that only old versions need; never the newest version, nor one that a model points to."""
    return start(program, "vacuum", body, asked_by, response)
