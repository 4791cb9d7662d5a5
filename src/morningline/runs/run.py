"""A run as its work sees it: parameters, steps done once, progress, log, and the word to stop."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from morningline.kit.nul import show_nul
from morningline.runs.agreement import DEAD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Step = Callable[[str, Callable[[], Any]], Any]


class RunStopped(BaseException):
    """The work has to stop now. No error, so that `except Exception` in the work does not hold it up."""


class RunCancelled(RunStopped):
    """Somebody cancelled the run, or it took longer than it may."""


class RunReleased(RunStopped):
    """The worker stops; the run goes back to the queue."""


class RunTaken(RunStopped):
    """Another worker took the run over while this one was not heard of."""


@dataclass
class Report:
    """What a run wants told, until the worker's next beat writes it."""

    share: float | None = None
    sentence: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)


class Run:
    """One attempt at a run, handed to the work of its kind.

    Attributes:
        id: Its id.
        kind: The name of its kind.
        parameters: What was asked, as JSON values.
        attempt: 1 for the first time a worker takes it up; takeovers and retries count on.
        asked_by: Who asked.

    Example:
        >>> def work(run):
        ...     pages = run.step("count", lambda: 3)
        ...     for page in range(pages):
        ...         run.progress(f"Reading page {page + 1}", page / pages)
        ...         run.step(f"page {page}", lambda page=page: page * 2)
    """

    def __init__(
        self, id_: str, kind: str, parameters: Mapping[str, Any], *, attempt: int, asked_by: str, step: Step
    ) -> None:
        self.id = id_
        self.kind = kind
        self.parameters = parameters
        self.attempt = attempt
        self.asked_by = asked_by
        self._step = step
        self._told = Report()
        self._lock = threading.Lock()
        self._confirmed = threading.Condition()
        self._confirmed_at = monotonic()
        self._stop: type[RunStopped] | None = None

    def step(self, name: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON, as the step gave it
        """Do a piece of work once in the run's life: once finished, no later attempt does it again.

        A step that was going on when its worker died is done again, so it must be safe to repeat. Every attempt has
        to come by the same steps in the same order.

        Args:
            name: What it is, for `runs show`; the same on every attempt.
            do: Does it. What it returns is kept as JSON.

        Returns:
            The value as JSON gives it back, whether it was made now or by an earlier attempt.

        Raises:
            RunStopped: The work has to stop; it is for the worker to catch.
        """
        self.check()
        return self._step(name, do)

    def progress(self, doing: str, done: float, **figures: Any) -> None:  # noqa: ANN401 - any JSON
        """Tell how far the run is. Calling it often costs nothing: it is written once a second.

        Args:
            doing: What is done now, as a sentence.
            done: The share that is done, 0 to 1.
            figures: Numbers a watcher may want, such as rows read.

        Raises:
            RunStopped: The work has to stop.
        """
        with self._lock:
            self._told.sentence, self._told.share = show_nul(doing), min(max(float(done), 0.0), 1.0)
            self._told.figures.update(figures)
            self._told.changed = True
        self.check()

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to the run's log.

        Args:
            message: The line.
            level: debug, info, warning or error.
        """
        with self._lock:
            self._told.lines.append((level, show_nul(message)))

    def check(self) -> None:
        """Stop here if the run was cancelled, taken over, or the worker stops.

        A worker that was frozen, or lost the database, does not know whether the run is still its own; it waits
        here until it does.

        Raises:
            RunCancelled: The run was cancelled.
            RunReleased: The worker stops.
            RunTaken: Another worker has the run.
        """
        with self._confirmed:
            self._confirmed.wait_for(lambda: self._stop is not None or monotonic() - self._confirmed_at < DEAD_SECONDS)
            if self._stop is not None:
                raise self._stop(self.id)

    def confirm(self, asked_at: float) -> None:
        """Note, for the worker, that the run was still this worker's at an instant of the monotonic clock."""
        with self._confirmed:
            self._confirmed_at = asked_at
            self._confirmed.notify_all()

    def stop(self, why: type[RunStopped]) -> None:
        """Have, for the worker, the next check stop the work; the first reason given counts."""
        with self._confirmed:
            self._stop = self._stop or why
            self._confirmed.notify_all()

    @contextmanager
    def reporting(self) -> Iterator[Report]:
        """Hand the worker what is to be written; if that fails it is kept for the next time."""
        with self._lock:
            told = self._told
            self._told = Report(told.share, told.sentence, dict(told.figures))
        try:
            yield told
        except BaseException:
            with self._lock:
                self._told.changed = self._told.changed or told.changed
                self._told.lines = told.lines + self._told.lines
            raise
