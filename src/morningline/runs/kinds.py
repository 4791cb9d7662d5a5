"""A kind of run: the work it does, how long it may take, and how many may go on at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morningline.runs.agreement import SHARED_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from morningline.runs.run import Run


@dataclass(frozen=True)
class Kind:
    """A kind of long act.

    Attributes:
        name: Its word, as `morningline runs list --kind` takes it.
        work: Does it. What it returns becomes the run's result, as JSON; what it raises becomes its error.
        timeout_seconds: A run is cancelled when so long has passed since a worker first took it up; None never.
        concurrency: How many runs of this kind go on at once over all workers; None leaves it to their slots.
        check: Refuses parameters that its work cannot use, before a run waits; None where only runs ask for this kind.

    Example:
        >>> kind = Kind("greet", lambda run: f"Hello {run.parameters['name']}", timeout_seconds=60)
    """

    name: str
    work: Callable[[Run], Any]
    timeout_seconds: float | None = None
    concurrency: int | None = None
    check: Callable[[Mapping[str, Any]], object] | None = None

    @property
    def queue(self) -> str:
        """Where its runs wait: a kind with a limit of its own has a queue of its own."""
        return SHARED_QUEUE if self.concurrency is None else f"{SHARED_QUEUE}.{self.name}"

    def require(self, parameters: Mapping[str, Any]) -> None:
        """Refuse parameters that the work cannot use.

        Raises:
            MorninglineError: They are not what it needs, or name something that there is not.
        """
        if self.check is not None:
            self.check(parameters)
