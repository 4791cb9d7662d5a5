"""Trees grown by several machines together, leg by leg: what each holds and does, and what comes of all.

Each machine holds whole events. It knows their gradients alone, and LightGBM adds up what the machines see
(`tree_learner = data`), so every tree is grown on all events and is the same everywhere. A leg is a few rounds that
depend on nothing but the trees before it: whoever dies, the leg can be begun again.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from morningline.training.models.growing import library

if TYPE_CHECKING:
    import lightgbm

    from morningline.training.grouped import Floats
    from morningline.training.models.machines import Plan, Recipe
    from morningline.training.models.steps import Step
    from morningline.training.sample import Sample

LEG = 20
"""Rounds of a leg: so many are grown again when a machine dies."""

LINK_MINUTES = 2
"""How long a machine waits for the others."""


class Leg(NamedTuple):
    """What came of a leg on one machine.

    Attributes:
        trees: Grown trees in LightGBM's text, the same on every machine.
        losses: Sum of the winner log losses of the machine's events before each round, where it is known.
        ended: Whether no more tree can be grown.
    """

    trees: str
    losses: list[float]
    ended: bool


class Shard:
    """The events of one machine, ready to grow.

    Args:
        plan: What every machine knows.
        part: Its events.
        before: Trees that are grown already, as LightGBM's text.
    """

    def __init__(self, plan: Plan, part: Sample, before: str | None) -> None:
        lightgbm = library()
        self._plan, self._part = plan, part
        with TemporaryDirectory(prefix="bins-") as folder:
            cuts = Path(folder) / "bins"
            cuts.write_bytes(plan.bins)
            reference = lightgbm.Dataset(str(cuts), params=plan.settings).construct()
            self._matrix = plan.recipe.dataset(part, plan.settings, reference).construct()
        self._scores = np.zeros(part.rows)
        if before is not None:
            self._scores += lightgbm.Booster(model_str=before).predict(
                part.features, raw_score=True, num_threads=plan.recipe.threads
            )
        self._line: Any = None
        self._machines = 1

    def link(self, machines: list[str], number: int) -> None:
        """Join the others.

        Args:
            machines: `host:port` of each machine, this one too, in the same order everywhere.
            number: Which one this is.

        Raises:
            LightGBMError: One of them cannot be reached, or this one's port was taken meanwhile.
        """
        self._machines = len(machines)
        if self._machines > 1:
            # Who opened the line closes it when it goes; the texts of trees say nothing of hosts and ports.
            self._line = library().Booster(self._plan.settings, self._matrix)
            port = int(machines[number].rpartition(":")[2])
            self._line.set_network(machines, port, LINK_MINUTES, self._machines)

    def grow(self, leg: int, rounds: int) -> Leg:
        """Grow a leg, together with all other machines.

        Raises:
            LightGBMError: Another machine is gone.
        """
        losses: list[float] = []
        together = {"tree_learner": "data", "num_machines": self._machines} if self._machines > 1 else {}
        goal = self._plan.recipe.goal(self._part, self._summing(losses))
        objective = goal.pop("objective")
        own = callable(objective)
        self._matrix.set_init_score(self._scores)
        settings = {**self._plan.settings, **together, **goal, "seed": seed_of(leg, self._plan.recipe.seed)}
        grown = library().Booster({**settings, "objective": "none" if own else objective}, self._matrix)
        ended = False
        while not ended and grown.current_iteration() < rounds:
            ended = bool(grown.update(fobj=objective if own else None))
        grown.eval_train(feval=self._keep)
        return Leg(grown.model_to_string(), losses, ended)

    def _keep(self, scores: Floats, _: object) -> tuple[str, float, bool]:
        self._scores = np.array(scores, dtype=np.float64)
        return "kept", 0.0, False

    def _summing(self, losses: list[float]) -> Step:
        return lambda _name, _step, value: losses.append(value * self._part.events)


class Growth:
    """What is grown so far, and whether to go on.

    Args:
        recipe: Says how many rounds there are and when to stop.
        validation: Later events that decide when to stop; None grows all rounds.
    """

    def __init__(self, recipe: Recipe, validation: Sample | None) -> None:
        self._recipe, self._validation = recipe, validation
        self._grown: lightgbm.Booster | None = None
        self._ended = False
        self._scores = None if validation is None else np.zeros(validation.rows)
        self._loss = None if validation is None else recipe.stopping_loss(validation)
        self.legs = 0
        self.losses: list[float] = []

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return 0 if self._grown is None else int(self._grown.num_trees())

    @property
    def rounds(self) -> int:
        """Of how many rounds the next leg is."""
        return min(LEG, self._recipe.rounds - self.trees)

    @property
    def over(self) -> bool:
        """Whether all rounds are grown, or more would not help."""
        return self._ended or self.rounds <= 0 or self._in_vain

    def add(self, leg: Leg) -> None:
        """Put the trees of a leg behind those that are there, and judge them on all of the validation."""
        lightgbm = library()
        new = lightgbm.Booster(model_str=leg.trees)
        self._judge(new)
        if self._grown is not None:
            _put_before(self._grown, new)
        self._grown, self._ended = new, leg.ended
        self.legs += 1

    def text(self) -> str | None:
        """All trees so far, in LightGBM's text."""
        return None if self._grown is None else str(self._grown.model_to_string())

    def best(self) -> str:
        """The trees that are kept: those of the round of the smallest loss, where there are losses to stop by."""
        stops = self._recipe.early_stopping_rounds is not None
        return str(self._grown.model_to_string(num_iteration=self._best if stops else -1)) if self._grown else ""

    @property
    def _in_vain(self) -> bool:
        """Whether no tree has helped for as many rounds as there is patience."""
        patience = self._recipe.early_stopping_rounds
        return patience is not None and bool(self.losses) and len(self.losses) - self._best >= patience

    @property
    def _best(self) -> int:
        return int(np.argmin(self.losses)) + 1

    def _judge(self, new: lightgbm.Booster) -> None:
        if self._validation is None or self._scores is None or self._loss is None:
            return
        found: Any = new.predict(self._validation.features, pred_leaf=True, num_threads=self._recipe.threads)
        leaves = found.reshape(self._validation.rows, -1)
        for tree in range(new.num_trees()):
            values = np.array([new.get_leaf_output(tree, leaf) for leaf in range(int(leaves[:, tree].max()) + 1)])
            # One tree after the other, as LightGBM adds them: the sums have the same bits.
            self._scores = self._scores + values[leaves[:, tree].astype(np.int64)]
            self.losses.append(self._loss(self._scores, None)[1])
            if self._in_vain:
                # One growing would have stopped here, in the middle of the leg.
                break


def parts_of(sample: Sample, machines: int) -> list[Sample]:
    """Cut a sample into parts of about equally many rows, each of whole events that stand together."""
    cuts = np.searchsorted(sample.starts, np.linspace(0, sample.rows, machines + 1)[1:-1])
    bounds = np.unique([0, *cuts.tolist(), sample.events])
    places = np.arange(sample.events)
    return [sample.take_events((places >= first) & (places < last)) for first, last in pairwise(bounds.tolist())]


def seed_of(leg: int, seed: int) -> int:
    """The seed of a leg; the first one has that of the fit."""
    # By a hash: the next seeds are those of an ensemble's next members.
    return seed if leg == 0 else int.from_bytes(sha256(f"{seed} {leg}".encode()).digest()[:4]) >> 1


def _put_before(earlier: lightgbm.Booster, later: lightgbm.Booster) -> None:
    """Put trees before others, as LightGBM itself does it when a training goes on from a model."""
    from lightgbm import basic

    # It is what `lightgbm.train(init_model=...)` does, which would predict all rows anew for each leg.
    basic._safe_call(basic._LIB.LGBM_BoosterMerge(later._handle, earlier._handle))  # type: ignore[attr-defined]  # noqa: SLF001 - no public name
