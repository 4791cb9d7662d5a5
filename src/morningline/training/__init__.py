"""Samples, baselines, models, scores and honest comparisons: what turns features into probabilities."""

from morningline.training.evaluation.binary_metrics import BinaryScores, binary_losses, score_binary
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
from morningline.training.evaluation.regression_metrics import (
    Coverage,
    RegressionScores,
    coverage_by,
    interval_scores,
    pinball_losses,
    row_losses,
    score_forecast,
)
from morningline.training.evaluation.row_comparison import LossComparison, compare_losses
from morningline.training.forecast import Forecast
from morningline.training.grouped import group_log_softmax, group_maxima, group_softmax, group_sums, spread
from morningline.training.models.baselines import MarketPower, market, uniform
from morningline.training.models.boosting import SoftmaxBooster
from morningline.training.models.conditional_logit import ConditionalLogit
from morningline.training.models.conformal import SplitConformal
from morningline.training.models.growing import DEFAULT_PARAMETERS
from morningline.training.models.pool import LogPool
from morningline.training.models.rolling import RollingConformal
from morningline.training.observations import Observations
from morningline.training.sample import Sample
from morningline.training.splits import EventMasks, PeriodSplit, SampleParts

__all__ = [
    "DEFAULT_PARAMETERS",
    "MINIMUM_DAYS",
    "BinaryScores",
    "ChanceLevel",
    "ClusteredInterval",
    "Comparison",
    "ConditionalLogit",
    "Coverage",
    "EventMasks",
    "Forecast",
    "LogPool",
    "LossComparison",
    "MarketPower",
    "Observations",
    "PeriodSplit",
    "RegressionScores",
    "ReliabilityBin",
    "RollingConformal",
    "Sample",
    "SampleParts",
    "Scores",
    "SoftmaxBooster",
    "SplitConformal",
    "Verdict",
    "binary_losses",
    "calibration_error",
    "clustered_interval",
    "compare_losses",
    "compare_r2",
    "coverage_by",
    "decide",
    "ece_by_chance",
    "group_log_softmax",
    "group_maxima",
    "group_softmax",
    "group_sums",
    "interval_scores",
    "market",
    "pinball_losses",
    "reliability",
    "row_losses",
    "score",
    "score_binary",
    "score_forecast",
    "spread",
    "uniform",
    "winner_losses",
]
