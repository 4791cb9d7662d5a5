"""Routes of what is read by people: quality of the facts, lineage, reports and exported files."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse, HTMLResponse

from morningline.api import bodies
from morningline.api.guard import AskedBy, said
from morningline.api.routes.runs import start
from morningline.api.service import Served
from morningline.api.shapes import Shape, Started, shape_of
from morningline.api.words import RACING, Domain, First, Last, Word
from morningline.kit.errors import NotFoundError
from morningline.wiring import lineage as lineages
from morningline.wiring import quality
from morningline.wiring.errands import EXPORTS, inside

router = APIRouter(tags=["quality, lineage and reports"])

FileName = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.[a-z]{3,7}$",
        description="The file's name, as the run gave it.",
        examples=["quality.html"],
    ),
]


class DayQuality(Shape):
    """How good the facts of a table are on a local day.

    Attributes:
        score: The smallest of the parts; null where it cannot be judged yet.
        accepted: The score with which somebody accepted the day as it is.
        why: What is amiss.
    """

    table: str
    day: date
    rows: int | None
    completeness: float | None
    validity: float | None
    uniqueness: float | None
    consistency: float | None
    freshness: float | None
    score: float | None
    why: str | None
    accepted: float | None = None


class Odd(Shape):
    """A count that is unlike the days before.

    Attributes:
        name: What was counted.
        seen: What was seen.
        expected: What the days before let expect.
        distance: How many robust deviations lie between.
        words: The same in words.
    """

    table: str
    day: date
    name: str
    seen: float
    expected: float
    distance: float
    words: str


class Quality(Shape):
    """How good the facts of some days are.

    Attributes:
        sound: Whether nothing is amiss.
        threshold: The least score of a sound day.
        days: Each table and day.
        short: Those under the threshold that nobody accepted, the worst first.
        anomalies: Counts that are unlike the days before.
    """

    sound: bool
    threshold: float
    days: list[DayQuality]
    short: list[DayQuality]
    anomalies: list[Odd]


@router.get("/quality", response_model=Quality, **said("quality check", scope="read"))
def check_quality(program: Served, domain: Domain = RACING, first: First = None, last: Last = None) -> Any:  # noqa: ANN401
    """Judge the facts of local days; the newest day if none is given."""
    found = quality.check_quality(program, domain, first, last)
    return {"sound": found.sound, "threshold": found.threshold, **quality.as_plain(found)}


Lineage = shape_of(lineages.EventLineage) | shape_of(lineages.PredictionLineage) | shape_of(lineages.ModelLineage)


@router.get("/lineage/{what}/{identity}", response_model=Lineage, **said("lineage", scope="read"))
def follow_back(
    program: Served,
    what: Annotated[Word, Path(description="`prediction`, `model`, or what a domain calls an event: `race`.")],
    identity: Annotated[Word, Path(description="Its id.")],
) -> Any:  # noqa: ANN401 - as the shape says
    """Follow a race, a prediction or a model back: features, computations, facts, payloads, files and code."""
    return lineages.lineage(program, what, identity)


@router.post(
    "/reports/start",
    status_code=202,
    **said("report", "models show", "experiments show", "quality report", scope="operate"),
)
def start_report(body: bodies.Report, program: Served, asked_by: AskedBy, response: Response) -> Started:
    """Write one HTML page: of a model, of a training, or of the history of quality."""
    return start(program, "report", body, asked_by, response)


@router.get("/reports/{name:file}", response_class=HTMLResponse, **said("report", "quality report", scope="read"))
def read_report(program: Served, name: FileName) -> FileResponse:
    """Read a page that was written."""
    path = inside(program.workspace.reports, name)
    if path.suffix != ".html" or not path.is_file():
        raise NotFoundError(f"There is no report {name!r}.", do="Ask for one at /api/v1/reports/start.")
    # The page is one of ours, and still a page: it may run nothing but itself.
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:"
    headers = {"Content-Security-Policy": f"{policy}; sandbox allow-scripts", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=headers)


@router.get(
    "/exports/{name:file}",
    response_class=FileResponse,
    responses={200: {"description": "The file.", "content": {"application/octet-stream": {}}}},
    **said("features export", "experiments export", scope="read"),
)
def read_export(program: Served, name: FileName) -> FileResponse:
    """Fetch a file to which features or trainings were exported."""
    path = inside(program.workspace.root / EXPORTS, name)
    if not path.is_file():
        raise NotFoundError(f"There is no exported file {name!r}.", do="Ask for it to be exported.")
    return FileResponse(path, media_type="application/octet-stream", filename=name)
