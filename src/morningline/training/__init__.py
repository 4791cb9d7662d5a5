"""Samples, baselines, models, scores and honest comparisons: what turns features into probabilities."""

from morningline.training.evaluation.chance import ChanceLevel, ece_by_chance
from morningline.training.evaluation.comparison import (
    MINIMUM_DAYS,
    ClusteredInterval,
    Comparison,
    Verdict,
    clustered_interval,
    compare_r2,
    decide,
)
from morningline.training.evaluation.metrics import (
    ReliabilityBin,
    Scores,
    calibration_error,
    reliability,
    score,
    winner_losses,
)
from morningline.training.grouped import group_log_softmax, group_maxima, group_softmax, group_sums, spread
from morningline.training.models.baselines import MarketPower, market, uniform
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.growing import DEFAULT_PARAMETERS
from morningline.training.models.pool import LogPool
from morningline.training.sample import Sample
from morningline.training.splits import EventMasks, PeriodSplit, SampleParts

__all__ = [
    "DEFAULT_PARAMETERS",
    "MINIMUM_DAYS",
    "ChanceLevel",
    "ClusteredInterval",
    "Comparison",
    "ConditionalLogit",
    "EventMasks",
    "LogPool",
    "MarketPower",
    "PeriodSplit",
    "ReliabilityBin",
    "Sample",
    "SampleParts",
    "Scores",
    "SoftmaxBooster",
    "Verdict",
    "calibration_error",
    "clustered_interval",
    "compare_r2",
    "decide",
    "ece_by_chance",
    "group_log_softmax",
    "group_maxima",
    "group_softmax",
    "group_sums",
    "market",
    "reliability",
    "score",
    "spread",
    "uniform",
    "winner_losses",
]
