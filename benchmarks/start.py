"""How long `morningline --help` takes, beside an interpreter that does nothing and the imports of heavy libraries."""

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "morningline --help": ["-m", "morningline.cli", "--help"],
    "import polars": ["-c", "import polars"],
    "import lightgbm": ["-c", "import lightgbm"],
}


def seconds(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - started


runs = {name: [] for name in COMMANDS}
for _ in range(9):
    for name, words in COMMANDS.items():
        runs[name].append(seconds(words))
for name, times in runs.items():
    print(f"{name:22} median {statistics.median(times):.3f} s  ({min(times):.3f} to {max(times):.3f})")
