"""Trials side by side: as many as a bench of judges elsewhere has room for, each fold of each a case of its own."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from morningline.kit.errors import ClusterError, MorninglineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from morningline.training.tuning.study import Begun, Study


class Judges(Protocol):
    """Who judges parameters elsewhere."""

    def room(self) -> int:
        """How many cases can be judged at once, now; at least 1."""

    def begin(self, chosen: dict[str, float], fold: int) -> Any:  # noqa: ANN401 - a ticket, of its own kind
        """Hand in a case: what is lost on a fold with these parameters. Returns a ticket that can be hashed."""

    def decided(self, tickets: Sequence[Any]) -> Sequence[Any]:
        """Wait a moment, then say which of the cases are decided."""

    def verdict(self, ticket: Any) -> tuple[float, int]:  # noqa: ANN401 - of its own kind
        """Of a case that is decided: the sum of the losses, and of how many events.

        Raises:
            ClusterError: Who judged is gone.
            DataError: The events cannot be learnt from with these parameters.
        """


@dataclass
class _Case:
    """A trial whose fold is being judged."""

    trial: Begun
    fold: int = 0
    total: float = 0.0
    events: int = 0

    def heard(self, loss: float, events: int) -> float:
        """Go on to the next fold; returns the mean loss over all folds so far."""
        self.fold, self.total, self.events = self.fold + 1, self.total + loss, self.events + events
        return self.total / self.events


def judged(judges: Judges, chosen: dict[str, float], folds: int, waiting: Callable[[], None]) -> float:
    """The mean loss of parameters over all folds, which are judged at once.

    Args:
        judges: By whom.
        chosen: The parameters.
        folds: On how many folds.
        waiting: Is called now and then; what it raises ends the waiting.
    """
    tickets = {judges.begin(chosen, fold): fold for fold in range(folds)}
    found: dict[int, tuple[float, int]] = {}
    while len(found) < folds:
        open_ones = [ticket for ticket, fold in tickets.items() if fold not in found]
        found |= {tickets[ticket]: judges.verdict(ticket) for ticket in judges.decided(open_ones)}
        waiting()
    total, count = 0.0, 0
    # In the order of the folds, so that the sum has the bits that it has in one process.
    for _, (loss, events) in sorted(found.items()):
        total, count = total + loss, count + events
    return total / count


class SideBySide:
    """A search whose trials are judged elsewhere.

    Args:
        study: Where the trials are kept.
        judges: Who judges them.
        folds: How many folds each has.
    """

    def __init__(self, study: Study, judges: Judges, folds: int) -> None:
        self._study, self._judges, self._folds = study, judges, folds
        self._cases: dict[Any, _Case] = {}

    def search(self, *, trials: int, seconds: float | None, told: Callable[[int], None]) -> None:
        """Try parameters until there are enough trials, or the time is over; arguments as `Study.search`.

        Whatever ends the search, trials that are under way are tried again by the next one.
        """
        begun = monotonic()
        try:
            while True:
                left = self._study.left(trials, in_time=seconds is None or monotonic() - begun < seconds)
                told(left.ended)
                for _ in range(min(left.to_begin, max(self._judges.room(), 1) - len(self._cases))):
                    self._hand_in(_Case(self._study.begin()))
                if not self._cases and not left.to_begin:
                    if not left.elsewhere:
                        return
                    self._study.wait()
                self._hear()
        except BaseException:
            for case in self._cases.values():
                self._study.put_back(case.trial)
            raise

    def _hand_in(self, case: _Case) -> None:
        try:
            self._cases[self._judges.begin(case.trial.chosen, case.fold)] = case
        except BaseException:
            self._study.put_back(case.trial)
            raise

    def _hear(self) -> None:
        self._study.beat([case.trial for case in self._cases.values()])
        for ticket in self._judges.decided(list(self._cases)) if self._cases else ():
            case = self._cases[ticket]
            loss = case.heard(*self._verdict(ticket))
            goes_on = self._study.report(case.trial, case.fold, loss, folds=self._folds)
            del self._cases[ticket]
            if goes_on:
                self._hand_in(case)

    def _verdict(self, ticket: Any) -> tuple[float, int]:  # noqa: ANN401 - of its own kind
        try:
            return self._judges.verdict(ticket)
        except ClusterError:
            raise
        except MorninglineError:
            # Tried again, it would fail again.
            self._study.fail(self._cases.pop(ticket).trial)
            raise
