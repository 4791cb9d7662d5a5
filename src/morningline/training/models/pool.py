"""One opinion out of several: probabilities combined with exponents learnt from what happened."""

from collections.abc import Sequence

import msgspec
import numpy as np

from morningline.kit.errors import InputError
from morningline.training.grouped import Floats, Integers, check_starts, group_log_softmax
from morningline.training.models.likelihood import Likelihood


class LogPool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A logarithmic opinion pool: p ∝ Π p_k^a_k within each event.

    With a model and the market as members this is the second stage of Benter (1994), "Computer based horse
    race handicapping and wagering systems: a report", in Hausch, Lo & Ziemba (eds.), Efficiency of Racetrack
    Betting Markets. With one member it is temperature scaling (Guo, Pleiss, Sun & Weinberger 2017, "On
    calibration of modern neural networks", ICML). On pools: Genest & Zidek (1986), "Combining probability
    distributions", Statistical Science 1.

    Args:
        exponents: One for each member; 0 ignores it, below 1 flattens it, above 1 sharpens it.

    Example:
        >>> pool = LogPool(exponents=(2.0,))
        >>> pool.predict([np.log([0.5, 0.5])], np.array([0, 2])).tolist()
        [0.5, 0.5]
    """

    exponents: tuple[float, ...]

    @classmethod
    def fit(cls, members: Sequence[Floats], starts: Integers, won: Floats) -> "LogPool":
        """Fit the exponents by maximum likelihood.

        The events should be ones that no member was trained on: a member that has seen the winners looks
        better than it is and takes the others' weight.

        Args:
            members: ln p of each member, each of shape (rows,); constants within an event do not matter.
            starts: Offsets of the events, shape (events + 1,).
            won: Shape (rows,): 1.0 for the winner of each event, else 0.0.

        Returns:
            The pool. Members that say the same share one weight equally.

        Raises:
            InputError: If a member is not finite, or shapes differ.
            DataError: If the members tell every winner, so that no finite exponents are best.
        """
        won = np.asarray(won, dtype=np.float64)
        table = _table(members, starts)
        winners = np.add.reduceat(won, starts[:-1]) if won.shape == (len(table),) else np.zeros(1)
        if not (winners == 1.0).all():
            raise InputError(
                f"`won` of shape {won.shape} does not name one winner in each of {len(starts) - 1} events.",
                allowed=f"{len(table)} values: exactly one 1.0 in each event, 0.0 elsewhere",
                do="Take `won` and `starts` from the same sample.",
            )
        best = Likelihood(table, starts, won).maximise()
        return cls(exponents=tuple(best.weights.tolist()))

    @classmethod
    def fit_towards(
        cls, centre: Sequence[float], members: Sequence[Floats], starts: Integers, won: Floats
    ) -> "LogPool":
        """Fit the exponents as departures from a centre that have to be earned.

        A departure d of the first member is given the prior Normal(0, d²): its own first estimate, so that one as
        large as its sampling error is cut to about half and a clear one is kept (empirical Bayes; Efron & Morris
        1973, "Stein's estimation rule and its competitors", JASA 68). Two free exponents cost about 1/n nats an
        event out of sample, more than most models add to a liquid market.

        Args:
            centre: The exponents that hold where the events say nothing: (0, g) is the market at its power g.
            members: As `fit`.
            starts: As `fit`.
            won: As `fit`.

        Returns:
            The pool.

        Raises:
            InputError: As `fit`.
            DataError: As `fit`.
        """
        free = cls.fit(members, starts, won)
        departure = free.exponents[0] - centre[0]
        if departure == 0.0:
            return free
        table, middle = _table(members, starts), np.array(centre)
        won = np.asarray(won, dtype=np.float64)
        penalised = Likelihood(table, starts, won, l2=departure**-2, offset=table @ middle)
        return cls(exponents=tuple((middle + penalised.maximise().weights).tolist()))

    def log_scores(self, members: Sequence[Floats], starts: Integers) -> Floats:
        """Combine the members.

        Args:
            members: ln p of each member in the order of the fit, each of shape (rows,).
            starts: Offsets of the events, shape (events + 1,).

        Returns:
            ln p of the pool, shape (rows,).

        Raises:
            InputError: If a member is absent or not finite, or shapes differ.
        """
        if len(members) != len(self.exponents):
            raise InputError(
                f"{len(members)} members were given to a pool of {len(self.exponents)}.",
                allowed="the members of the fit, in their order",
                do="Compute the absent member, or fit a pool of those there are.",
            )
        return group_log_softmax((_table(members, starts) * np.array(self.exponents)).sum(axis=1), starts)

    def predict(self, members: Sequence[Floats], starts: Integers) -> Floats:
        """Combine the members into probabilities, shape (rows,); arguments and errors as `log_scores`."""
        return np.exp(self.log_scores(members, starts))

    def to_json(self) -> str:
        """Return the exponents as JSON that reads back to the same bits."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "LogPool":
        """Read what `to_json` wrote.

        Args:
            text: JSON with one field, `exponents`.

        Raises:
            InputError: If the text is not a pool.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"The text is not a stored pool: {error}.",
                allowed='JSON such as {"exponents":[0.4,0.8]}',
                do="Read the file that `to_json` wrote.",
            ) from error


def _table(members: Sequence[Floats], starts: Integers) -> Floats:
    """Set the members side by side, shape (rows, members), and refuse what has no logarithm."""
    if not members or len({np.shape(member) for member in members}) != 1 or np.ndim(members[0]) != 1:
        raise InputError(
            f"The members have the shapes {[np.shape(member) for member in members]}.",
            allowed="one member or more, each with one value for each row",
            do="Compute every member on the same sample.",
        )
    table = np.ascontiguousarray(np.column_stack(list(members)), dtype=np.float64)
    check_starts(starts, len(table))
    if not np.isfinite(table).all():
        member = int(np.flatnonzero(~np.isfinite(table).all(axis=0))[0])
        raise InputError(
            f"Member number {member} holds a value that is not finite.",
            allowed="natural logarithms of probabilities above zero",
            do="Leave out events without a price, and members that give a probability of zero.",
        )
    return table
