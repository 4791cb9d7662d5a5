import subprocess
import sys

from morningline import training


def test_the_exported_names_are_pinned_and_sorted_and_there():
    assert sorted(training.__all__) == sorted(set(training.__all__))
    assert set(training.__all__) == {
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
    }
    assert all(hasattr(training, name) for name in training.__all__)


def test_importing_the_face_loads_neither_lightgbm_nor_scipy():
    code = "import sys, morningline.training; print({'lightgbm', 'scipy'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"
