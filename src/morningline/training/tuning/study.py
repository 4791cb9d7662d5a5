"""A study: trials of parameters kept in PostgreSQL, so that workers share them and none is lost with a worker."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from morningline.kit.clock import utc_now
from morningline.kit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import optuna
    import psycopg

    from morningline.kit.database import Database
    from morningline.training.models.learner import Range

    Report = Callable[[int, float], None]
    Judge = Callable[[dict[str, float]], "Iterator[float]"]

SCHEMA = "optuna"
# Any number, the same in every process: who makes the tables holds it, the others wait.
LOCK = 7_246_302
BEAT_SECONDS = 2
STALE_SECONDS = 6
"""A trial whose worker was not heard of for so long is tried again."""
TRIES = 5
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "RUNNING": "running", "WAITING": "running", "FAIL": "failed"}
# Optuna's own instants are of whichever time zone the worker is in.
BEGUN_AT = "begun_at"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A set of parameters that was tried.

    Attributes:
        number: From 0, in the order in which they were begun first.
        state: complete, pruned, failed or running.
        value: Its loss; of a pruned one that of the folds it was judged on; None where there is none.
        parameters: What was tried.
        seconds: How long it took.
        losses: Its loss after each fold, over all folds so far.
        begun_at: When it was begun last (UTC); None while it waits to be tried again.
        tries: How often it was begun: one whose worker dies is begun again.
    """

    number: int
    state: str
    value: float | None
    parameters: dict[str, float]
    seconds: float | None
    losses: tuple[float, ...] = ()
    begun_at: datetime | None = None
    tries: int = 1


class Left(NamedTuple):
    """How far a search is.

    Attributes:
        ended: How many trials have ended.
        to_begin: How many are to be begun: new ones, and those that have to be tried again.
        elsewhere: How many are under way.
    """

    ended: int
    to_begin: int
    elsewhere: int


class Begun(NamedTuple):
    """A trial that is under way.

    Attributes:
        trial: Optuna's own.
        chosen: Its parameters.
    """

    trial: optuna.Trial
    chosen: dict[str, float]


class Study:
    """The trials of one question, shared by all who ask it under the same name; to be closed, or used with `with`.

    Args:
        database: Where they are kept.
        name: The same name is the same study: what was tried is not tried again.
        space: Where parameters are looked for.
        seed: Seed of the search; one worker alone finds the same, however often it is interrupted.
    """

    def __init__(self, database: Database, name: str, space: Mapping[str, Range], *, seed: int) -> None:
        self._space = space
        self._seed = seed
        with _quietly():
            self._storage = _storage(database)
            self._study = _study(self._storage, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    @property
    def notes(self) -> dict[str, Any]:
        """What was noted beside the trials."""
        return dict(self._study.user_attrs)

    def note(self, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        """Keep something beside the trials."""
        self._study.set_user_attr(name, value)

    def search(self, judge: Judge, *, trials: int, seconds: float | None, told: Callable[[int], None]) -> None:
        """Try parameters until there are enough trials, or the time is over; those of other workers count.

        A trial that is under way elsewhere is waited for; one whose worker died is tried again.

        Args:
            judge: Gives the loss of parameters after each fold, over all folds so far; the last one is the value.
            trials: How many.
            seconds: No trial is begun later; None is never.
            told: Is told how many have ended, now and then; what it raises ends the search.
        """
        begun = monotonic()
        with _quietly():
            while True:
                left = self.left(trials, in_time=seconds is None or monotonic() - begun < seconds)
                told(left.ended)
                if left.to_begin:
                    self._sample()
                    self._study.optimize(lambda trial: self._objective(trial, judge), n_trials=1)
                elif left.elsewhere:
                    self.wait()
                else:
                    return

    def left(self, trials: int, *, in_time: bool) -> Left:
        """How far the search for so many trials is; a trial whose worker died waits to be tried again.

        Args:
            trials: How many there should be.
            in_time: Whether new ones may be begun.
        """
        import optuna

        with _quietly():
            optuna.storages.fail_stale_trials(self._study)
        found = [trial.state for trial in self._study.get_trials(deepcopy=False)]
        states = optuna.trial.TrialState
        ended = sum(state in (states.COMPLETE, states.PRUNED) for state in found)
        running, waiting = found.count(states.RUNNING), found.count(states.WAITING)
        new = max(trials - ended - running - waiting, 0) if in_time else 0
        return Left(ended=ended, to_begin=waiting + new, elsewhere=running)

    def wait(self) -> None:
        """Wait a moment for trials that are under way elsewhere."""
        sleep(BEAT_SECONDS / 4)

    def begin(self) -> Begun:
        """Begin the next trial, to be judged by whoever asks; it is theirs as long as they `beat`."""
        with _quietly():
            self._sample()
            trial = self._study.ask()
            trial.set_user_attr(BEGUN_AT, utc_now().isoformat())
            begun = Begun(trial, self._chosen(trial))
            self.beat([begun])
        return begun

    def beat(self, begun: Iterable[Begun]) -> None:
        """Say that these trials are still judged."""
        for one in begun:
            self._storage.record_heartbeat(one.trial._trial_id)  # noqa: SLF001 - as Optuna's own heartbeat does

    def report(self, begun: Begun, judged: int, loss: float, *, folds: int) -> bool:
        """Note the loss of a trial, and say whether its next fold is to be judged.

        Args:
            begun: The trial.
            judged: On how many folds it was judged.
            loss: The mean over them.
            folds: How many there are: after the last one, or where there is no hope, the trial ends.
        """
        from optuna.trial import TrialState

        begun.trial.report(loss, judged - 1)
        if begun.trial.should_prune():
            self._study.tell(begun.trial, state=TrialState.PRUNED)
            return False
        if judged == folds:
            self._study.tell(begun.trial, loss)
        return judged < folds

    def fail(self, begun: Begun) -> None:
        """End a trial that cannot be judged."""
        from optuna.trial import TrialState

        self._study.tell(begun.trial, state=TrialState.FAIL)

    def put_back(self, begun: Begun) -> None:
        """Give up a trial that did not end, so that it is tried again."""
        import optuna

        with _quietly():
            self.fail(begun)
            again = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=TRIES)
            again(self._study, self._study.get_trials()[begun.trial.number])

    def trials(self) -> list[Trial]:
        """All that was tried and did not fail; those that were tried again count once."""
        return [trial for trial in self.tried() if trial.state != "failed"]

    def tried(self) -> list[Trial]:
        """All that was tried, by number; those that were tried again count once, as they stand now."""
        found = [_trial(trial) for trial in self._study.get_trials(deepcopy=False)]
        # A later try stands behind the earlier ones, under the same number.
        return sorted({trial.number: trial for trial in found}.values(), key=lambda trial: trial.number)

    def best(self) -> Trial | None:
        """The complete trial of the smallest loss, the earliest of equal ones."""
        complete = [trial for trial in self.trials() if trial.state == "complete" and trial.value is not None]
        return min(complete, key=lambda trial: (trial.value, trial.number), default=None)

    def importance(self) -> dict[str, float]:
        """How much of what set good trials apart each parameter explains, in shares; empty where few are complete.

        By PED-ANOVA: Watanabe, Bansal & Hutter (2023), IJCAI.
        """
        import optuna

        if sum(trial.state == "complete" for trial in self.trials()) < 2 * len(self._space):
            return {}
        with _quietly():
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    def _sample(self) -> None:
        """Let the next trial depend on the number of those before, so that an interruption changes nothing."""
        import optuna

        seed = self._seed + len(self._study.get_trials(deepcopy=False))
        # A trial that is still judged counts as a bad one, so that its neighbours are not tried at once.
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)

    def _chosen(self, trial: optuna.Trial) -> dict[str, float]:
        chosen: dict[str, float] = {}
        for name, within in self._space.items():
            if within.whole:
                chosen[name] = trial.suggest_int(name, int(within.low), int(within.high), log=within.log)
            else:
                chosen[name] = trial.suggest_float(name, within.low, within.high, log=within.log)
        return chosen

    def _objective(self, trial: optuna.Trial, judge: Judge) -> float:
        import optuna

        trial.set_user_attr(BEGUN_AT, utc_now().isoformat())
        value = float("nan")
        for fold, value in enumerate(judge(self._chosen(trial))):
            trial.report(value, fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value


def _trial(trial: optuna.trial.FrozenTrial) -> Trial:
    begun_at = trial.user_attrs.get(BEGUN_AT)
    return Trial(
        number=trial.system_attrs.get("failed_trial", trial.number),
        state=STATES[trial.state.name],
        value=trial.value,
        parameters=dict(trial.params),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        losses=tuple(loss for _, loss in sorted(trial.intermediate_values.items())),
        begun_at=datetime.fromisoformat(begun_at) if begun_at and trial.state.name != "WAITING" else None,
        tries=1 + len(trial.system_attrs.get("retry_history", [])),
    )


def _storage(database: Database) -> optuna.storages.RDBStorage:
    import optuna
    import psycopg

    def connect() -> psycopg.Connection[Any]:
        connection = database.connect()
        connection.execute(f"SET search_path TO {SCHEMA}")
        connection.commit()
        return connection

    try:
        with database.connect() as connection:
            # Held until the connection closes: who makes the same tables at once gets in the other's way.
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.commit()
            return optuna.storages.RDBStorage(
                "postgresql+psycopg://",
                engine_kwargs={"creator": connect, "pool_size": 2, "pool_pre_ping": True},
                heartbeat_interval=BEAT_SECONDS,
                grace_period=STALE_SECONDS,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=TRIES),
            )
    except psycopg.Error as error:
        raise DatabaseError(
            f"The tables of studies could not be made: {error}",
            do=f"Give the user the right to create the schema `{SCHEMA}` in this database.",
        ) from error


def _study(storage: optuna.storages.RDBStorage, name: str) -> optuna.Study:
    import optuna

    return optuna.create_study(
        storage=storage,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        # By the folds that both were judged on; the first few are all judged to the end.
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Optuna tells of every trial, and warns that heartbeats are young; both are ours to tell."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # Who begins a trial without judging it says itself that it goes on.
            warnings.filterwarnings("ignore", "Heartbeat of storage", UserWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
