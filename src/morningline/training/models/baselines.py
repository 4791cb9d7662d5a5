"""What any model has to beat: chance, the market, and the market with its favourite-longshot bias removed."""

import msgspec
import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.grouped import Floats, group_sums, spread
from morningline.training.models.pool import LogPool
from morningline.training.sample import Sample


def uniform(sample: Sample) -> Floats:
    """Give each entrant of an event the same probability, 1/n.

    Args:
        sample: The events.

    Returns:
        Shape (rows,).
    """
    return spread(1.0 / sample.sizes, sample.starts)


def market(sample: Sample) -> Floats:
    """Give each entrant its share of the event's inverse prices, which removes the margin in proportion.

    Args:
        sample: The events; every price must be known.

    Returns:
        Shape (rows,).

    Raises:
        DataError: If an event has an unknown price. A share of the known prices would be a made-up number.
    """
    unpriced = ~sample.priced_events()
    if unpriced.any():
        raise DataError(
            f"{int(unpriced.sum())} of {sample.events} events have an unknown price, first "
            f"{sample.event_ids[int(np.flatnonzero(unpriced)[0])]}.",
            allowed="a known price for every entrant of every event",
            do="Compare on `sample.take_events(sample.priced_events())`.",
        )
    inverse = 1.0 / sample.odds
    return np.asarray(inverse / spread(group_sums(inverse, sample.starts), sample.starts))


class MarketPower(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The market with one fitted exponent: p ∝ (1 / odds)^g within each event.

    Bettors pay too much for longshots, so inverse prices are too flat and g is above 1: Griffith (1949),
    "Odds adjustments by American horse-race bettors", Am. J. Psychology 62; Ali (1977), "Probability and
    utility estimates for racetrack bettors", J. Political Economy 85; Thaler & Ziemba (1988), "Parimutuel
    betting markets: racetracks and lotteries", J. Economic Perspectives 2; Snowberg & Wolfers (2010),
    "Explaining the favorite-long shot bias", J. Political Economy 118. One exponent for all events is the
    discrete choice form of that bias.

    Args:
        exponent: g; 1 is the market itself, 0 is uniform.

    Example:
        >>> MarketPower(exponent=1.1).exponent
        1.1
    """

    exponent: float

    @classmethod
    def fit(cls, sample: Sample) -> "MarketPower":
        """Fit g by maximum likelihood.

        Args:
            sample: Past events with all prices known.

        Returns:
            The fitted baseline.

        Raises:
            DataError: If a price is unknown, or the prices tell every winner.
        """
        pool = LogPool.fit([np.log(market(sample))], sample.starts, sample.won)
        return cls(exponent=pool.exponents[0])

    def log_scores(self, sample: Sample) -> Floats:
        """Return ln p of each row, shape (rows,); raises `DataError` if a price is unknown."""
        return LogPool(exponents=(self.exponent,)).log_scores([np.log(market(sample))], sample.starts)

    def predict(self, sample: Sample) -> Floats:
        """Return p of each row, shape (rows,); raises `DataError` if a price is unknown."""
        return np.exp(self.log_scores(sample))

    def to_json(self) -> str:
        """Return the exponent as JSON that reads back to the same bits."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "MarketPower":
        """Read what `to_json` wrote.

        Args:
            text: JSON with one field, `exponent`.

        Raises:
            InputError: If the text is not a stored exponent.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"The text is not a stored market exponent: {error}.",
                allowed='JSON such as {"exponent":1.08}',
                do="Read the file that `to_json` wrote.",
            ) from error
