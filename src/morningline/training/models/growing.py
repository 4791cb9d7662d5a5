"""What every fit of LightGBM has in common here: what may be chosen, what makes two fits equal, what may be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from morningline.kit.errors import InputError
from morningline.training.models.sealed import unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import lightgbm

    from morningline.training.models.steps import Step


# About 10^5 rows, 10^2 features and a weak signal: slow learning, small trees, large leaves.
DEFAULT_PARAMETERS: Mapping[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 250,
    "min_sum_hessian_in_leaf": 5.0,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 127,
}
# LightGBM ignores a parameter it does not know, and a second name for one of the above might win or lose; so
# only these names are taken.
_ALLOWED = frozenset(DEFAULT_PARAMETERS) | {
    "cat_smooth",
    "extra_trees",
    "feature_fraction_bynode",
    "lambda_l1",
    "linear_tree",
    "max_delta_step",
    "max_depth",
    "min_data_in_bin",
    "min_gain_to_split",
    "monotone_constraints",
    "path_smooth",
}
# LightGBM refuses these in a feature's name, or replaces them silently.
_FORBIDDEN_IN_NAMES = frozenset('",:[]{} \t\n\r')


def library() -> Any:  # noqa: ANN401 - the library has no types
    """LightGBM, imported when it is first needed."""
    # By default idle OpenMP threads spin for milliseconds: on a busy two-core machine a fit took 95 s that takes 15 s
    # when they sleep. GNU's may spin for half a millisecond, which costs a busy machine little and saves a quiet one
    # a tenth.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    import lightgbm

    return lightgbm


def check_growth(
    parameters: Mapping[str, Any], *, rounds: int, early_stopping_rounds: int | None, seed: int, threads: int
) -> None:
    """Refuse what LightGBM would ignore, or what is set by argument.

    Raises:
        InputError: A number is not positive, or a parameter is unknown or set here.
    """
    unknown = sorted(set(parameters) - _ALLOWED)
    patience = 1 if early_stopping_rounds is None else early_stopping_rounds
    if unknown or min(rounds, patience, threads) < 1 or seed < 0:
        raise InputError(
            f"rounds={rounds}, early_stopping_rounds={early_stopping_rounds}, seed={seed}, "
            f"threads={threads}, parameters that are not taken: {unknown}.",
            allowed="whole numbers of at least 1 (seed: 0), and the parameters " + ", ".join(sorted(_ALLOWED)),
            do="Use the main name of a parameter; give rounds, seed and threads as arguments.",
        )


def fixed(parameters: Mapping[str, Any], *, seed: int, threads: int) -> dict[str, Any]:
    """The parameters with all that makes two fits equal.

    Bagging is by row: with `bagging_by_query` and two threads LightGBM 4.7 grew another model in about one fit
    of twenty, where by row 40 of 40 were equal.
    """
    return {
        **parameters,
        "metric": "None",
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }


def telling(told: Callable[[int], None], step: Step, unit: float = 1.0) -> Callable[[Any], None]:
    """LightGBM's callback that says after each round how many trees there are, and the loss of what they have not seen.

    Args:
        told: Is told how many.
        step: Is told the loss, where there are rows that decide when to stop.
        unit: What LightGBM's loss is multiplied by.
    """

    def after_round(state: Any) -> None:  # noqa: ANN401 - the library's own
        for _, _, loss, *_ in state.evaluation_result_list or ():
            step("validation_loss", state.iteration + 1, unit * loss)
        told(state.iteration + 1)

    return after_round


def check_names(names: tuple[str, ...]) -> None:
    """Refuse features' names that would come back changed; raises `InputError`."""
    wrong = [name for name in names if not name or not _FORBIDDEN_IN_NAMES.isdisjoint(name)]
    if wrong:
        raise InputError(
            f"LightGBM cannot store features called {wrong[:5]}.",
            allowed='names without spaces and without any of " , : [ ] { }',
            do="Rename these features, for example with underscores.",
        )


def read_sealed(text: str) -> lightgbm.Booster:
    """Read trees from a sealed text.

    Raises:
        InputError: The text has no seal.
        IntegrityError: The text is not what was sealed.
    """
    # LightGBM 4.7 aborts the whole process on a cut or altered text, so it may see only sealed ones.
    booster: lightgbm.Booster = library().Booster(model_str=unseal(text))
    return booster


def gain_shares(booster: lightgbm.Booster) -> dict[str, float]:
    """Each feature's share of the total gain, largest first."""
    gains = booster.feature_importance(importance_type="gain")
    shares = (gains / max(float(gains.sum()), 1e-300)).tolist()
    return dict(sorted(zip(booster.feature_name(), shares, strict=True), key=lambda pair: -pair[1]))
