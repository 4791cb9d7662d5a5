"""What a request may ask for: the parameters of a run, under the names that the command line has for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from morningline.api.words import RACING, Day, Flag
from morningline.runs.schedules import NAME

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Place = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Days = Annotated[StrictInt, Field(ge=0, le=100_000)]
Int32 = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]


class Body(BaseModel):
    """The body of a request that asks for a run.

    Attributes:
        priority: -1 can wait, 2 is the most urgent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: StrictInt = Field(default=0, ge=-1, le=2)

    def parameters(self) -> dict[str, Any]:
        """What the run is given, as JSON values."""
        return self.model_dump(mode="json", exclude={"priority"})


class Import(Body):
    """Files to import, on the machine of the worker.

    Attributes:
        mapping: The name of a mapping that ships, or the full path of a mapping file that the worker can read.
        folder: The full path of the folder that holds the files, which the worker can read.
        priority: -1 can wait, 2 is the most urgent.
    """

    mapping: Place
    folder: Annotated[Place, Field(pattern=r"^(/|[A-Za-z]:[\\/])[^\x00]*$")]


class Collect(Body):
    """What to collect from a feed.

    Attributes:
        feed: The feed.
        what: What to collect, in this order.
        first: First local day, of `events`.
        last: Last local day, of `events` and `results`; yesterday if not given.
        only: Only this endpoint of the feed, such as `racecards`; of `details`, only these.
        again: Fetch what is complete anew.
        most: Of `details`, at most so many calls.
        priority: -1 can wait, 2 is the most urgent.
    """

    feed: Name = "racing_api"
    what: list[Literal["masters", "events", "today", "results", "details"]] = Field(min_length=1, max_length=5)
    first: Day | None = None
    last: Day | None = None
    only: Name | None = None
    again: Flag = False
    most: StrictInt = Field(default=1_000, ge=1, le=1_000_000)


class Reparse(Body):
    """Facts to build anew from the raw archive.

    Attributes:
        domain: Whose facts.
        check: Only compare; leave the facts as they are.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    check: Flag = False


class Compute(Body):
    """Features to compute.

    Attributes:
        domain: Whose features.
        set_name: Which set; the task's own if not given.
        first: Compute from this local day on, even where nothing changed.
        last: Compute up to this local day only.
        force: Compute every day, even where nothing changed.
        engine: Where: `here`, or `ray` for a cluster.
        accept_quality: Accept days whose facts fall short; it is written down.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    set_name: Name | None = None
    first: Day | None = None
    last: Day | None = None
    force: Flag = False
    engine: Literal["here", "ray"] = "here"
    accept_quality: Flag = False


class HoldOut(BaseModel):
    """One test period behind one validation period.

    Attributes:
        kind: `hold_out`.
        train_until: Last local day of training.
        test_from: First local day of the test; the days between are for validation.
        test_to: Last local day of the test.
        embargo_days: Days left out on either side of the validation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["hold_out"]
    train_until: Day
    test_from: Day
    test_to: Day
    embargo_days: Days = 0


class Walk(BaseModel):
    """Test period after test period, each behind what lay before it.

    Attributes:
        kind: `walk_forward`.
        test_from: First local day of the first test.
        test_to: Last local day of the last.
        test_days: Length of each test.
        validation_days: Length of the validation before each test.
        train_days: Days of training before each validation; all there are if not given.
        embargo_days: Days left out on either side of each validation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["walk_forward"]
    test_from: Day
    test_to: Day
    test_days: Days = 91
    validation_days: Days = 91
    train_days: Days | None = None
    embargo_days: Days = 0


class Tune(BaseModel):
    """How parameters are looked for.

    Attributes:
        trials: How many sets of parameters are tried.
        seconds: No trial is begun later.
        folds: On how many periods each is judged, one after the other.
        workers: How many workers try side by side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: StrictInt = Field(default=30, ge=1, le=100_000)
    seconds: Annotated[StrictInt | StrictFloat, Field(gt=0, le=1e9)] | None = None
    folds: StrictInt = Field(default=3, ge=1, le=1_000)
    workers: StrictInt = Field(default=1, ge=1, le=1_000)


class Train(Body):
    """A model to train, to judge on days that nothing has seen, beside the market, and to register.

    Attributes:
        task: What is predicted.
        feature_set: Which feature set; the task's own if not given.
        delta_version: Version of the stored features; the newest, if sound, if not given.
        train_from: First local day of training; all there are if not given.
        until: Last local day of all, for the usual split.
        split: Where training ends and tests begin; the usual hold-out if not given.
        model: The learner; the usual one of the task's kind if not given.
        parameters_: What is chosen of it; its defaults for the rest.
        tuning: How the other parameters are looked for; its defaults if not given.
        seed: Seed of everything random; that of the settings if not given.
        threads: CPU threads; those of the settings if not given.
        engine: Where trials are judged and trees grow: `here`, or `ray` for a cluster.
        memory_gib: Stop when the process holds more.
        register_: Keep the model.
        promote: `if_better` makes it the champion if it proves better.
        experiment: Record it under this name; the task's if not given.
        accept_quality: Accept days whose facts fall short; it is written down.
        priority: -1 can wait, 2 is the most urgent.
    """

    task: Name = "racing.win"
    feature_set: Name | None = None
    delta_version: Int32 | None = None
    train_from: Day | None = None
    until: Day | None = None
    split: Annotated[HoldOut | Walk, Field(discriminator="kind")] | None = None
    model: Name | None = None
    parameters_: dict[str, Any] = Field(default_factory=dict, alias="parameters", max_length=200)
    tuning: Tune | None = None
    seed: Int32 | None = None
    threads: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = None
    engine: Literal["here", "ray"] = "here"
    memory_gib: Annotated[StrictInt | StrictFloat, Field(ge=1, le=1e6)] | None = None
    register_: Flag = Field(default=True, alias="register")
    promote: Literal["never", "if_better"] = "never"
    experiment: Name | None = None
    accept_quality: Flag = False

    def parameters(self) -> dict[str, Any]:
        """What the run is given, as JSON values."""
        return self.model_dump(mode="json", exclude={"priority"}, by_alias=True, exclude_none=True)


class Verify(Body):
    """Stored features to compute again, from facts alone, and to compare bit by bit.

    Attributes:
        domain: Whose features.
        events: How many events, drawn at random.
        seed: Of the draw.
        set_name: Which set; the task's own if not given.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    events: StrictInt = Field(default=100, ge=1, le=1_000_000)
    seed: Int32 = 20
    set_name: Name | None = None


class Drift(Body):
    """Two periods whose features are compared.

    Attributes:
        domain: Whose features.
        reference_from: First local day of what is held to be usual.
        reference_to: Its last local day.
        first: First local day of the period that is asked about.
        last: Its last local day.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    reference_from: Day
    reference_to: Day
    first: Day
    last: Day


class Export(Body):
    """Stored features to write to a file, one row an entrant.

    Attributes:
        domain: Whose features.
        file: Name of the file in the workspace's folder `exports`: .parquet or .csv.
        version: Delta version; the newest if not given.
        set_name: Which set; the task's own if not given.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(parquet|csv)$")
    version: Int32 | None = None
    set_name: Name | None = None


class Vacuum(Body):
    """Files to remove that only old versions of stored features need.

    Attributes:
        domain: Whose features.
        keep_days: Keep what versions younger than this need.
        dry_run: Only say what would go.
        set_name: Which set; the task's own if not given.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    keep_days: StrictInt = Field(default=30, ge=0, le=36_500)
    dry_run: Flag = False
    set_name: Name | None = None


class Predict(Body):
    """A day to predict; its predictions are locked.

    Attributes:
        domain: Whose task.
        day: The local day.
        model: Which model; the newest if not given.
        accept_quality: Accept days whose facts fall short; it is written down.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    day: Day
    model: Name | None = None
    accept_quality: Flag = False


class Score(Body):
    """Locked predictions to join with outcomes and market.

    Attributes:
        domain: Whose task.
        first: From this local day on.
        last: Until this local day.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    first: Day | None = None
    last: Day | None = None


class Report(Body):
    """A page to write.

    Attributes:
        domain: Whose.
        about: `model` for the backtest of a model, `card` for its card, `training` for what a training recorded,
            `quality` for the history of quality.
        model: Of `model` and `card`, which one; the champion if not given, or the newest.
        first: Of `quality`, the first local day.
        last: Of `quality`, the last local day.
        training: Of `training`, the id of its run.
        priority: -1 can wait, 2 is the most urgent.
    """

    domain: Name = RACING
    about: Literal["model", "card", "training", "quality"]
    model: Name | None = None
    first: Day | None = None
    last: Day | None = None
    training: Name | None = None


class ExportTrainings(Body):
    """Trainings to write to a file, one row each.

    Attributes:
        experiment: Of which experiment.
        file: Name of the file in the workspace's folder `exports`: .csv, .json or .parquet.
        trials: The trials of tunings too, a row each.
        priority: -1 can wait, 2 is the most urgent.
    """

    experiment: Name
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(csv|json|parquet)$")
    trials: Flag = False


class Schedule(BaseModel):
    """What is to be asked for again and again, and when.

    Attributes:
        name: Its name: small letters, digits, `.`, `_` and `-`.
        kind: Which kind of run, such as `predict`.
        parameters: What the run is given, as whoever asks for one gives it; `{day}`, `{day-1}`, `{day+7}` in texts
            stand for the local day on which it is due, and days before or after it.
        cron: Minute, hour, day of month, month and day of week.
        zone: IANA name of the time zone whose clock and days are meant.
        priority: -1 can wait, 2 is the most urgent.
        enabled: False makes it paused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    kind: Name
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=200)
    cron: Name
    zone: Name = "UTC"
    priority: StrictInt = Field(default=0, ge=-1, le=2)
    enabled: Flag = True


class RollBack(BaseModel):
    """Why champion and previous champion change places.

    Attributes:
        domain: Of whose task.
        task: Which task; that of the model's id, or the domain's usual one, if not given.
        reason: Why, in words; it is kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: Name = RACING
    task: Name | None = None
    reason: Place | None = None


class Promote(RollBack):
    """Why a model is to be the champion.

    Attributes:
        domain: Of whose task.
        task: Which task; that of the model's id, or the domain's usual one, if not given.
        reason: Why, in words; it is kept.
        force: Whatever the verdict; needs a reason.
    """

    force: Flag = False


class Plain(Body):
    """A run without anything to choose but its priority.

    Attributes:
        priority: -1 can wait, 2 is the most urgent.
    """
