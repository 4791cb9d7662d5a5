import subprocess
import sys

from morningline import training


def test_the_exported_names_are_pinned_and_sorted_and_there():
    assert sorted(training.__all__) == sorted(set(training.__all__))
    assert set(training.__all__) == {
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
    }
    assert all(hasattr(training, name) for name in training.__all__)


def test_importing_the_face_loads_neither_lightgbm_nor_scipy():
    code = "import sys, morningline.training; print({'lightgbm', 'scipy'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"
