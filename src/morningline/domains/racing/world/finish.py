"""The official result of a synthetic race: positions, beaten lengths and times, as an export writes them."""

import numpy as np

from morningline.domains.racing.world.calendar import Race
from morningline.domains.racing.world.horses import Bools, Floats
from morningline.domains.racing.world.races import Run

# Under a two-hundredth of a length, a centimetre, the photograph cannot part the first: a dead heat.
_DEAD_HEAT_LENGTHS = 0.005
_SHORT = ((0.15, "SH"), (0.25, "HD"), (0.4, "NK"), (0.625, "1/2"), (0.875, "3/4"))
_QUARTERS = ("", "-1/4", "-1/2", "-3/4")


def lengths_text(lengths: float) -> str:
    """Write a distance behind the winner as the judge calls it.

    Args:
        lengths: More than zero; zero is the winner's and written "0".

    Returns:
        "SH" (short head), "HD" (head), "NK" (neck), "1/2", "1-1/4" ...; halves from five lengths on and whole
        lengths from ten on.
    """
    if lengths == 0:
        return "0"
    for below, text in _SHORT:
        if lengths < below:
            return text
    step = 1 if lengths < 5 else 2 if lengths < 10 else 4
    quarters = max(4, round(lengths * 4 / step) * step)
    return f"{quarters // 4}{_QUARTERS[quarters % 4]}"


def time_text(seconds: float) -> str:
    """Write a time as "1:35.36", or "58.40" under a minute."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    tail = f"{rest // 100:02d}.{rest % 100:02d}"
    return f"{minutes}:{tail}" if minutes else tail


def _behind(race: Race, performance: Floats) -> Floats:
    """Lengths behind the winner; beaten horses are eased, so the distances stretch towards the rear."""
    gap = performance.max() - performance
    per_unit = 1.8 * np.sqrt(race.yards / 1760)
    behind = per_unit * gap * (1 + 0.12 * gap)
    return np.where(behind < _DEAD_HEAT_LENGTHS, 0.0, behind)


def _winning_seconds(run: Run, rng: np.random.Generator) -> float:
    """Time the winner: the course's standard, the going, the winner's quality and the pace of the day."""
    race = run.race
    # Five furlongs take 58.5 s and a mile and a half 153 s on good going; a power of the distance between.
    standard = 58.5 * (race.yards / 1100) ** 1.098 * race.course.slowness
    better_lbs = run.noise_lbs * float(run.performance.max()) - 85
    # A pound is about a fifteenth of a second at a mile; slow paces are commoner than fast ones.
    quality = -0.03 * better_lbs * race.yards / 1760
    pace = float(rng.gamma(2.0, 0.003)) - 0.004
    return float(standard * (1 + 0.02 * race.softness + pace) + quality)


def _positions(behind: Floats, pulled: Bools, rng: np.random.Generator) -> list[str]:
    """Number the finishers, all level with the winner first, and name why the others did not finish."""
    # Non-finishers are counted behind everybody, and rank keeps the order of the others unchanged.
    order = np.argsort(np.where(pulled, np.inf, behind), kind="stable")
    place = np.empty(len(behind), dtype=np.int64)
    place[order] = np.arange(1, len(behind) + 1)
    place[behind == 0] = 1
    codes = rng.choice(["PU", "UR", "F"], size=len(behind), p=[0.6, 0.3, 0.1]).tolist()
    return [codes[i] if pulled[i] else str(int(place[i])) for i in range(len(behind))]


def finish(run: Run, rng: np.random.Generator) -> tuple[list[str], list[str | None], list[str | None]]:
    """Write the result of a race.

    Args:
        run: The race with the performances.
        rng: The stream of chance used.

    Returns:
        Position, beaten lengths and time of each runner as text; the last two are null for non-finishers.
    """
    behind = _behind(run.race, run.performance)
    winner = _winning_seconds(run, rng)
    # About five lengths a second on good going, fewer on soft; a sprint is faster than a staying race.
    seconds = winner + behind * (0.19 + 0.015 * max(run.race.softness, 0)) * (run.race.yards / 1760) ** 0.1
    pos = _positions(behind, run.pulled, rng)
    btn = [None if out else lengths_text(b) for b, out in zip(behind.tolist(), run.pulled.tolist(), strict=True)]
    times = [None if out else time_text(s) for s, out in zip(seconds.tolist(), run.pulled.tolist(), strict=True)]
    return pos, btn, times
