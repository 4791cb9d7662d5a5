"""The registry: experiments, model versions, and who is champion and why, beside the predictions they made."""

from morningline.training.registry.aliases import aliases
from morningline.training.registry.artefacts import OUTCOMES
from morningline.training.registry.experiments import (
    Experiment,
    ExperimentRun,
    TrainingStart,
    artefacts,
    begin,
    finish,
    list_experiments,
    list_trainings,
    step_metrics,
    trainings,
    trainings_of_model,
    trials_of,
)
from morningline.training.registry.gate import PREDICTED, ModelComparison, Terms, compare_unseen, judge_of
from morningline.training.registry.mirror import Mirrored, MlflowMirror
from morningline.training.registry.promoting import Decision, Promotion, promote, promotions, roll_back
from morningline.training.registry.recorder import Recorder
from morningline.training.registry.recording import recording
from morningline.training.registry.retention import Forgotten, forget
from morningline.training.registry.trials import trial_id
from morningline.training.registry.unseen import Unseen, judged_rows, kept_outcomes, unseen
from morningline.training.registry.versions import (
    Provenance,
    RegisteredModel,
    code_version,
    find,
    list_models,
    pin,
    register,
)

__all__ = [
    "OUTCOMES",
    "PREDICTED",
    "Decision",
    "Experiment",
    "ExperimentRun",
    "Forgotten",
    "Mirrored",
    "MlflowMirror",
    "ModelComparison",
    "Promotion",
    "Provenance",
    "Recorder",
    "RegisteredModel",
    "Terms",
    "TrainingStart",
    "Unseen",
    "aliases",
    "artefacts",
    "begin",
    "code_version",
    "compare_unseen",
    "find",
    "finish",
    "forget",
    "judge_of",
    "judged_rows",
    "kept_outcomes",
    "list_experiments",
    "list_models",
    "list_trainings",
    "pin",
    "promote",
    "promotions",
    "recording",
    "register",
    "roll_back",
    "step_metrics",
    "trainings",
    "trainings_of_model",
    "trial_id",
    "trials_of",
    "unseen",
]
