"""A sample: the entrants of many events with their features, prices and winner, ready for a model."""

from copy import copy
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from morningline.kit.errors import DataError, InputError
from morningline.training.feature_table import check_finite, check_table, require_same
from morningline.training.grouped import Flags, Floats, Integers, Singles, check_starts, group_sums

_COLUMN_SHAPES = {"won": "rows", "odds": "rows", "days": "events"}


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows are entrants; the rows of one event stand together and exactly one of them won.

    Args:
        features: Shape (rows, n_features), float32 or float64; NaN is missing.
        names: The features' names, in the order of the columns.
        starts: Shape (events + 1,), int64: the first row of each event, then the number of rows.
        won: Shape (rows,), float64: 1.0 for the winner of each event, else 0.0; all NaN while no event is over.
        odds: Shape (rows,), float64: decimal market prices, stake included; NaN is unknown.
        days: Shape (events,), int64: `date.toordinal()` of the event's local day.
        event_ids: One id for each event.

    Raises:
        InputError: If shapes, names or offsets contradict each other.
        DataError: If an event has not exactly one winner, or a feature or price is not a possible value.

    Example:
        >>> sample = Sample(
        ...     features=[[1.0], [0.5], [0.1]], names=("form",), starts=[0, 3], won=[1.0, 0.0, 0.0],
        ...     odds=[2.0, 3.0, 6.0], days=[738000], event_ids=("first",),
        ... )
        >>> sample.events, sample.sizes.tolist()
        (1, [3])
    """

    features: Floats | Singles
    names: tuple[str, ...]
    starts: Integers
    won: Floats
    odds: Floats
    days: Integers
    event_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        # Row-contiguous floats are what makes a row's score the same bits in any company.
        precision = np.float32 if getattr(self.features, "dtype", None) == np.float32 else np.float64
        self._become("features", np.ascontiguousarray(self.features, dtype=precision))
        for field in ("won", "odds"):
            self._become(field, np.ascontiguousarray(getattr(self, field), dtype=np.float64))
        for field in ("starts", "days"):
            self._become(field, _as_integers(field, getattr(self, field)))
        self._become("names", tuple(self.names))
        self._become("event_ids", tuple(str(event_id) for event_id in self.event_ids))
        self._check_shapes()
        self._check_values()

    def _become(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def _check_shapes(self) -> None:
        check_table(self.features, self.names)
        rows = len(self.features)
        check_starts(self.starts, rows)
        expected = {"rows": rows, "events": self.events}
        for field, unit in _COLUMN_SHAPES.items():
            if getattr(self, field).shape != (expected[unit],):
                raise InputError(
                    f"`{field}` has shape {getattr(self, field).shape}.",
                    allowed=f"one value for each of the {expected[unit]} {unit}",
                    do=f"Build `{field}` from the same table as the features.",
                )
        if len(self.event_ids) != self.events or len(set(self.event_ids)) != self.events:
            raise InputError(
                f"{len(self.event_ids)} event ids ({len(set(self.event_ids))} different) were given.",
                allowed=f"one different id for each of the {self.events} events",
                do="Check that the rows of each event stand together and appear once.",
            )

    def _check_values(self) -> None:
        if not np.isnan(self.won).all():
            self._check_winners()
        self._check_features_and_prices()

    def _check_winners(self) -> None:
        wrong = ((self.won != 0.0) & (self.won != 1.0)) | np.isnan(self.won)
        winners = group_sums(np.where(wrong, np.nan, self.won), self.starts)
        if not (winners == 1.0).all():
            event = int(np.flatnonzero(winners != 1.0)[0])
            raise DataError(
                f"Event {self.event_ids[event]} has `won` = "
                f"{self.won[self.starts[event] : self.starts[event + 1]].tolist()}.",
                allowed="exactly one 1.0 in each event, 0.0 elsewhere",
                do="Leave out void events and events with a shared win before making the sample.",
            )

    def _check_features_and_prices(self) -> None:
        check_finite(self.features, self.names)
        # A comparison with NaN is false, so unknown prices pass and impossible ones do not.
        impossible = (self.odds < 1.0) | np.isinf(self.odds)
        if impossible.any():
            raise DataError(
                f"A market price is {self.odds[impossible][0]}.",
                allowed="decimal prices of at least 1.0 (stake included), or NaN where the price is unknown",
                do="Convert fractional prices (5/2 is 3.5) and turn placeholders into NaN.",
            )

    @property
    def rows(self) -> int:
        """How many entrants there are."""
        return len(self.features)

    @property
    def events(self) -> int:
        """How many events there are."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> Integers:
        """How many entrants each event has, shape (events,)."""
        return np.diff(self.starts)

    def group_of_rows(self) -> Integers:
        """Return the number of each row's event, shape (rows,)."""
        return np.repeat(np.arange(self.events, dtype=np.int64), self.sizes)

    def winner_rows(self) -> Integers:
        """Return the row of each event's winner, shape (events,)."""
        return np.flatnonzero(self.won).astype(np.int64)

    def priced_events(self) -> Flags:
        """Return which events have a known price for every entrant, shape (events,)."""
        return np.asarray(~np.isnan(group_sums(self.odds, self.starts)))

    def take_events(self, mask: Flags) -> "Sample":
        """Keep some events, in their order.

        Args:
            mask: Shape (events,), bool: which events to keep.

        Returns:
            A new sample. Events that stand together are seen where they are, not copied; nobody can write to them.

        Raises:
            InputError: If the mask is not one flag for each event or keeps none.
        """
        mask = np.asarray(mask)
        if mask.shape != (self.events,) or mask.dtype != np.bool_ or not mask.any():
            raise InputError(
                f"The mask of events has shape {mask.shape}, dtype {mask.dtype} and keeps {int(mask.sum())}.",
                allowed=f"{self.events} true-or-false flags of which at least one is true",
                do="Make the mask from this sample's `days` or `event_ids`.",
            )
        # What was checked once holds of every part, so the part is not checked again.
        taken = copy(self)
        rows, events = _places(np.repeat(mask, self.sizes)), _places(mask)
        parts = {"features": self.features[rows], "won": self.won[rows], "odds": self.odds[rows]}
        starts = np.concatenate(([0], np.cumsum(self.sizes[mask])))
        for field, values in {**parts, "days": self.days[events], "starts": starts}.items():
            values.flags.writeable = False
            object.__setattr__(taken, field, values)
        object.__setattr__(taken, "event_ids", tuple(compress(self.event_ids, mask.tolist())))
        return taken

    def require_names(self, names: tuple[str, ...]) -> None:
        """Make sure that the features are exactly those a model was trained on.

        Args:
            names: The model's features in the order of its columns.

        Raises:
            InputError: If a feature is absent, unknown or stands elsewhere.
        """
        require_same(self.names, names)


def _places(kept: Flags) -> slice | Flags:
    """Where the kept ones are: a slice if they stand together."""
    first, count = int(kept.argmax()), int(kept.sum())
    together = slice(first, first + count)
    return together if kept[together].all() else kept


def _as_integers(field: str, values: Any) -> Integers:  # noqa: ANN401 - whatever a caller gave is judged here
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"`{field}` has dtype {array.dtype}.",
            allowed="integers",
            do="Give offsets as row numbers and days as `date.toordinal()`.",
        )
    return array.astype(np.int64)
