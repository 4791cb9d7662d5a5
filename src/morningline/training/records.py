"""The registry's tables: trained models, who is champion and why, and every training with what it recorded."""

import dataframely as dy

from morningline.facts.table import Catalog, Reference, Table, day, instant, number, text, word

ALIASES = ("champion", "challenger", "previous")
"""What a model may be to its task."""

STATUSES = ("running", "succeeded", "pruned", "failed", "cancelled")
"""How a training stands; pruned is a trial of a tuning that was given up."""

VERDICTS = ("adopt", "reject", "not_decided")
OUTCOMES = ("first", "adopted", "forced", "refused", "rolled_back")
"""What came of a proposal to promote a model."""


class Models(dy.Schema):
    """One trained model."""

    id = text("Task and hash of everything that determines the model.", key=True)
    task = text("What it predicts.")
    name = text("Whose version it is: the learner, unless it was named otherwise.")
    number = dy.Int32(min=1, description="Its version: counted up by task and name.")
    created_at = instant("When it was first trained (UTC).")
    registered_by = text("Who had it trained first.")
    train_until = day("Last local day of training.")
    test_from = day("First local day of the test.")
    test_to = day("Last local day of the test.")
    feature_set = text("Name of the feature set.")
    feature_version = text("Version of the feature set: a hash of its definitions and code.")
    delta_version = dy.Int64(min=0, description="Version of the Delta table it was trained on.")
    data_fingerprint = text("Hash of the rows it was trained, validated and tested on.")
    code_version = text("Version of the program and hash of its source.")
    seed = dy.Int64(description="Seed of everything random.")
    parameters = text("Parameters, as JSON.", sql_type="jsonb")
    metrics = text("The backtest's result, as JSON.", sql_type="jsonb")
    artefact = text("Folder of its files, relative to the workspace.", longest=400)
    artefact_sha256 = text("SHA-256 over its files.")
    outcomes_sha256 = text("SHA-256 of its backtest, entrant by entrant: what it is compared by.")
    pinned = dy.Bool(description="Whether it is kept, however old.")


class ModelAliases(dy.Schema):
    """What a model is to its task now."""

    task = text("What is predicted.", key=True)
    alias = word("What the model is to it.", ALIASES, key=True, null=False)
    model_id = text("The model.")
    since = instant("Since when (UTC).")


class Promotions(dy.Schema):
    """A proposal to promote a model, or a rollback, and what came of it."""

    id = number("Counted up.")
    task = text("What is predicted.")
    decided_at = instant("When (UTC).")
    decided_by = text("Who asked for it.")
    outcome = word("What came of it.", OUTCOMES, null=False)
    from_model = text("The champion before; null where there was none.", null=True)
    to_model = text("The model that was proposed.")
    compared = text("Which of their numbers were compared; null where nothing was.", null=True)
    metric = text("By which metric; null where nothing was compared.", null=True)
    first_day = day("First local day of the comparison.", null=True)
    last_day = day("Last local day of the comparison.", null=True)
    verdict = word("What the comparison allows to conclude.", VERDICTS)
    estimate = dy.Float64(
        nullable=True,
        description="How much better the proposed model is: ΔR² on the same events, or the loss it saves.",
    )
    low = dy.Float64(nullable=True, description="Lower end of its 95 % interval.")
    high = dy.Float64(nullable=True, description="Upper end of it.")
    mde = dy.Float64(nullable=True, min=0, description="Minimum detectable effect of the comparison.")
    reason = text("Why, in the words of who asked.", null=True, longest=2000)


class Experiments(dy.Schema):
    """Trainings that belong together."""

    name = text("Its name.", key=True)
    task = text("What its trainings predict.")
    created_at = instant("When its first training began (UTC).")


class ExperimentRuns(dy.Schema):
    """One training: what was asked, from which data, and how it ended."""

    id = text("Id of the run that did it.", key=True)
    experiment = text("What it belongs to.")
    status = word("How it stands.", STATUSES, null=False)
    attempt = dy.Int32(min=1, description="How often it was begun: a run whose worker dies is begun again.")
    configuration = text("What was asked, as JSON.", sql_type="jsonb")
    asked_by = text("Who asked.")
    parent = text("The training whose tuning it is a trial of.", null=True)
    seed = dy.Int64(description="Seed of everything random.")
    code_version = text("Version of the program and hash of its source.")
    dataset_hash = text("Hash of the dataset, once it is known.", null=True)
    feature_set = text("Name of the feature set.", null=True)
    feature_version = text("Version of the feature set.", null=True)
    delta_version = dy.Int64(nullable=True, min=0, description="Version of the Delta table that was read.")
    started_at = instant("When it was last begun (UTC).")
    ended_at = instant("When it ended (UTC).", null=True)
    error = text("What it failed with.", null=True, longest=2000)
    model_id = text("The model it registered.", null=True)
    mirror = text("What came of mirroring it to MLflow; null where that was not asked.", null=True, longest=2000)


class ExperimentParameters(dy.Schema):
    """A parameter of a training."""

    run_id = text("The training.", key=True)
    name = text("Its name.", key=True)
    value = text("Its value; JSON where it is no text.", longest=20_000)


class ExperimentMetrics(dy.Schema):
    """A metric of a training at a step."""

    run_id = text("The training.", key=True)
    name = text("Its name.", key=True)
    step = dy.Int64(primary_key=True, min=0, description="The step, such as the number of trees.")
    value = dy.Float64(description="Its value; NaN where it had none.", allow_nan=True, allow_inf=True)
    logged_at = instant("When it was recorded (UTC).")


class ExperimentArtefacts(dy.Schema):
    """A file that a training wrote."""

    run_id = text("The training.", key=True)
    path = dy.String(
        primary_key=True, nullable=False, max_length=400, description="The file, relative to the workspace."
    )
    sha256 = text("SHA-256 of its content.")
    bytes = dy.Int64(min=0, description="Its size.")


RECORDS = Catalog(
    (
        Table(
            name="models",
            schema=Models,
            grain="a trained model",
            stage="record",
            unique=((("task", "name", "number"), "true"),),
        ),
        Table(
            name="model_aliases",
            schema=ModelAliases,
            grain="what a model is to its task",
            stage="record",
            references=(Reference(("model_id",), "models"),),
        ),
        Table(
            name="promotions",
            schema=Promotions,
            grain="a decision about who is champion",
            stage="record",
            append_only=True,
            references=(Reference(("from_model",), "models"), Reference(("to_model",), "models")),
            indexes=(("task", "id"),),
        ),
        Table(name="experiments", schema=Experiments, grain="an experiment", stage="record"),
        Table(
            name="experiment_runs",
            schema=ExperimentRuns,
            grain="a training",
            stage="record",
            references=(Reference(("experiment",), "experiments"), Reference(("model_id",), "models")),
            indexes=(("experiment", "started_at"), ("model_id",), ("parent",)),
        ),
        Table(
            name="experiment_parameters",
            schema=ExperimentParameters,
            grain="a parameter of a training",
            stage="record",
            references=(Reference(("run_id",), "experiment_runs"),),
        ),
        Table(
            name="experiment_metrics",
            schema=ExperimentMetrics,
            grain="a metric of a training at a step",
            stage="record",
            references=(Reference(("run_id",), "experiment_runs"),),
        ),
        Table(
            name="experiment_artefacts",
            schema=ExperimentArtefacts,
            grain="a file that a training wrote",
            stage="record",
            references=(Reference(("run_id",), "experiment_runs"),),
        ),
    )
)
"""The tables of this package."""
