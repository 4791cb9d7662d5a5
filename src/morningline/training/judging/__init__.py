"""Judging: what each kind of task is backtested, scored and compared by, behind one door."""

from morningline.training.judging.judging import Judging, Result
from morningline.training.judging.kinds import judging_of, kind_of_model
from morningline.training.judging.scored import ScoredBy

__all__ = ["Judging", "Result", "ScoredBy", "judging_of", "kind_of_model"]
