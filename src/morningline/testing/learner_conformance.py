"""The promises of a learner plug-in, as a class of tests: equal fits, whole files, and predictions that stand alone."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import numpy as np
import pytest

from morningline.kit.errors import InputError
from morningline.testing.learner_trials import NAMES, trial_of, with_holes
from morningline.training.models.learner import Fitting, Kind, chosen_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from morningline.testing.learner_trials import Trial
    from morningline.training.grouped import Floats
    from morningline.training.models.learner import Range

THREADS = 2
_WATCHES: list[list[str]] = []


class LearnerConformance:
    """Tests that every learner must pass, of whatever kind; a subclass gives the fixtures.

    Example:
        >>> class TestMyLearner(LearnerConformance):
        ...     @pytest.fixture
        ...     def learner(self): ...  # the plug-in
        ...     @pytest.fixture
        ...     def parameters(self): ...  # what makes its fits quick; none where they are
    """

    @pytest.fixture
    def learner(self) -> Any:
        """The plug-in."""
        raise NotImplementedError

    @pytest.fixture
    def parameters(self) -> Mapping[str, Any]:
        """What of its parameters makes a fit of 3,000 rows quick."""
        return {}

    @pytest.fixture
    def trial(self, learner: Any) -> Trial:
        """Made-up data of its kind."""
        return trial_of(learner.kind)

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest, learner: Any, parameters: Mapping[str, Any], trial: Trial) -> Any:
        """A fitted model, fitted once for the class."""
        if "_model" not in vars(request.cls):
            request.cls._model = fitted(learner, parameters, trial.train)  # noqa: SLF001 - kept with the class
        return request.cls._model  # noqa: SLF001 - kept with the class

    def test_it_says_what_it_is(self, learner: Any) -> None:
        """Its kind is one of those there are."""
        assert learner.kind in get_args(Kind)

    def test_its_defaults_are_parameters_that_can_be_stored(self, learner: Any) -> None:
        """Nothing has to be chosen, and JSON gives the same parameters back."""
        defaults = chosen_parameters(learner, {})
        assert chosen_parameters(learner, msgspec.json.decode(msgspec.json.encode(defaults))) == defaults

    def test_an_unknown_parameter_is_refused(self, learner: Any) -> None:
        """A slip of the pen is not a choice."""
        with pytest.raises(InputError):
            chosen_parameters(learner, {"no_such_parameter": 1})

    @pytest.mark.parametrize("end", ["low", "high"])
    def test_what_tuning_may_try_can_be_fitted(
        self,
        learner: Any,
        parameters: Mapping[str, Any],
        trial: Trial,
        end: str,
    ) -> None:
        """Every name of the space is a real parameter, and both ends of its range are possible."""
        known = learner.parameters.__struct_fields__
        assert {name.partition(".")[0] for name in learner.space} <= set(known)
        if learner.space:
            model = fitted(learner, merged(at_end(learner.space, end), parameters), trial.train)
            assert trial.problems(model, trial.unseen) == []

    def test_what_it_says_is_possible(self, model: Any, trial: Trial) -> None:
        """One finite number for each row; probabilities are some, and an interval holds its point."""
        assert trial.problems(model, trial.unseen) == []

    def test_two_fits_give_the_same_files(
        self,
        learner: Any,
        parameters: Mapping[str, Any],
        trial: Trial,
        model: Any,
    ) -> None:
        """The same rows, seed and threads; neither the fit nor what was predicted meanwhile leaves a trace."""
        before = trial.train.features.copy()
        trial.outputs(model, trial.unseen)
        again = fitted(learner, parameters, trial.train)
        assert again.files() == model.files()
        assert np.array_equal(trial.train.features, before, equal_nan=True), "the fit changed what it was given"

    def test_a_group_model_sees_no_price(
        self,
        learner: Any,
        parameters: Mapping[str, Any],
        trial: Trial,
        model: Any,
    ) -> None:
        """The first stage is market-free: other prices in training change no bit."""
        if learner.kind == "group":
            priceless = replace(trial.train, odds=np.full(trial.train.rows, np.nan))
            assert fitted(learner, parameters, priceless).files() == model.files()

    def test_its_files_are_texts_under_names_of_their_own(self, model: Any) -> None:
        """Names lead nowhere but below the model's folder."""
        files = model.files()
        assert files
        for name, text in files.items():
            path = PurePosixPath(name)
            assert isinstance(text, str)
            assert path.parts
            assert not path.is_absolute()
            assert ".." not in path.parts

    @pytest.mark.parametrize("threads", [1, THREADS])
    def test_what_was_read_again_says_the_same_bits(self, learner: Any, trial: Trial, model: Any, threads: int) -> None:
        """Whatever the number of threads; and its files are the same."""
        read = learner.read(model.files(), threads=threads)
        assert_same(trial.outputs(read, trial.unseen), trial.outputs(model, trial.unseen))
        assert read.files() == model.files()
        assert read.importance() == model.importance()

    def test_reading_unpickles_nothing(self, learner: Any, trial: Trial, model: Any) -> None:
        """A file of a stranger must not be able to run code."""
        with watching() as unpickled:
            trial.outputs(learner.read(model.files(), threads=THREADS), trial.unseen)
        assert unpickled == []

    def test_files_that_are_not_all_there_are_refused(self, learner: Any, model: Any) -> None:
        """With an error that says so."""
        files = model.files()
        for name in files:
            with pytest.raises(InputError):
                learner.read({other: text for other, text in files.items() if other != name}, threads=THREADS)

    def test_other_features_are_refused(self, trial: Trial, model: Any) -> None:
        """Renamed, in another order, or fewer: never a silent prediction from the wrong column."""
        unseen = trial.unseen
        wrong = [
            replace(unseen, names=("other", *NAMES[1:])),
            replace(unseen, names=(NAMES[1], NAMES[0], *NAMES[2:])),
            replace(unseen, names=NAMES[:-1], features=unseen.features[:, :-1]),
        ]
        for data in wrong:
            with pytest.raises(InputError):
                trial.outputs(model, data)

    def test_company_and_order_change_no_prediction(self, trial: Trial, model: Any) -> None:
        """A row (or event) alone, among others or backwards: the same bits, or replay would not hold."""
        whole = trial.outputs(model, trial.unseen)
        for piece, rows in trial.pieces():
            assert_same(trial.outputs(model, piece), {name: each[rows] for name, each in whole.items()})

    def test_a_prediction_does_not_look_at_what_came_of_it(self, trial: Trial, model: Any) -> None:
        """Before the event is over the same bits as after it."""
        assert_same(trial.outputs(model, trial.blinded(trial.unseen)), trial.outputs(model, trial.unseen))

    def test_missing_values_give_predictions_all_the_same(self, trial: Trial, model: Any) -> None:
        """A third of the values, and one feature whole."""
        assert trial.problems(model, with_holes(trial.unseen)) == []

    def test_importance_is_shares_of_the_features(self, model: Any) -> None:
        """Of the features of the fit, none below zero, the largest first, together at most one."""
        shares = model.importance()
        assert set(shares) <= set(NAMES)
        assert all(share >= 0 for share in shares.values())
        assert sum(shares.values()) <= 1 + 1e-9
        assert list(shares.values()) == sorted(shares.values(), reverse=True)

    def test_progress_goes_forward(self, learner: Any, parameters: Mapping[str, Any], trial: Trial) -> None:
        """From 0 to at most 1, in words."""
        told: list[tuple[str, float]] = []
        fitted(learner, parameters, trial.train, told)
        shares = [share for _, share in told]
        assert shares == sorted(shares)
        assert all(0 <= share <= 1 for share in shares)
        assert all(words for words, _ in told)


@contextmanager
def watching() -> Iterator[list[str]]:
    """Tell which classes and functions a pickle asks for meanwhile."""
    _listen()
    found: list[str] = []
    _WATCHES.append(found)
    try:
        yield found
    finally:
        _WATCHES.remove(found)


@cache
def _listen() -> None:
    """Once for the process: a hook can never be taken off."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        for found in _WATCHES:
            found.append(".".join(map(str, arguments)))


def fitted(
    learner: Any,
    parameters: Mapping[str, Any],
    train: Any,
    told: list[tuple[str, float]] | None = None,
) -> Any:
    """Fit with seed 1."""
    heard = [] if told is None else told
    fitting = Fitting(seed=1, threads=THREADS, progress=lambda doing, share: heard.append((doing, share)))
    return learner.fit(train, chosen_parameters(learner, parameters), fitting)


def at_end(space: Mapping[str, Range], end: str) -> dict[str, Any]:
    """One end of every range, as parameters."""
    chosen: dict[str, Any] = {}
    for name, where in space.items():
        outer, _, inner = name.partition(".")
        value = int(getattr(where, end)) if where.whole else float(getattr(where, end))
        if inner:
            chosen.setdefault(outer, {})[inner] = value
        else:
            chosen[outer] = value
    return chosen


def merged(chosen: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the first where they differ; parameters of parameters too."""
    both = dict(over)
    for name, value in chosen.items():
        inner = over.get(name)
        both[name] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return both


def assert_same(found: dict[str, Floats], wanted: dict[str, Floats]) -> None:
    """Equal to the last bit."""
    assert found.keys() == wanted.keys()
    for name, each in found.items():
        different = int((each != wanted[name]).sum()) if each.shape == wanted[name].shape else each.size
        assert different == 0, f"{different} of {each.size} numbers of `{name}` differ"
