"""Commands of training: train, backtest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.data import AcceptQuality, Domain, Set
from morningline.cli.following import Detach, Priority, follow
from morningline.cli.workspace import AsJson, open_program

VERDICTS = {
    "adopt": "The model adds to the market.",
    "reject": "The model makes the market worse.",
    "not_decided": "No edge shown over the market.",
}


TrainUntil = Annotated[str | None, typer.Option(help="Last day of training, YYYY-MM-DD.")]
TestFrom = Annotated[str | None, typer.Option(help="First day of the test; the days between are for validation.")]
TestTo = Annotated[str | None, typer.Option(help="Last day of the test.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of everything random; that of the settings if not given.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(train)
    app.command()(backtest)


def train(
    *,
    task: Annotated[str, typer.Option(help="What is predicted.")] = "racing.win",
    set_name: Set = None,
    delta_version: Annotated[
        int | None, typer.Option(help="Version of the stored features; the newest, if sound, if not given.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day of training; all there are if not given.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of all, for the usual split.")] = None,
    train_until: TrainUntil = None,
    test_from: TestFrom = None,
    test_to: TestTo = None,
    walk_days: Annotated[
        int | None, typer.Option(min=1, help="Walk forward from --test-from to --test-to in tests of so many days.")
    ] = None,
    validation_days: Annotated[int, typer.Option(min=1, help="Validation before each test of a walk.")] = 91,
    rolling_days: Annotated[
        int | None, typer.Option(min=1, help="Days of training before each validation of a walk; all if not given.")
    ] = None,
    embargo_days: Annotated[int, typer.Option(min=0, help="Days left out on either side of a validation.")] = 0,
    model: Annotated[
        str | None, typer.Option(help="The learner, of the task's kind; see `morningline models learners`.")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="File with its parameters as a JSON object.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Tune: try so many sets of parameters.")] = None,
    tune_minutes: Annotated[float | None, typer.Option(help="Begin no trial later than so many minutes.")] = None,
    tune_workers: Annotated[int, typer.Option(min=1, help="How many workers try side by side.")] = 1,
    seed: Seed = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; those of the settings if not given.")] = None,
    engine: Annotated[
        str, typer.Option(help="Where trials are judged and trees grow: here, or ray for a cluster.")
    ] = "here",
    memory_gib: Annotated[float | None, typer.Option(min=1, help="Stop when the process holds more.")] = None,
    register: Annotated[bool, typer.Option(help="Keep the model.")] = True,
    promote: Annotated[bool, typer.Option("--promote", help="Make it the champion if it proves better.")] = False,
    experiment: Annotated[str | None, typer.Option(help="Record it under this name; the task's if not given.")] = None,
    accept_quality: AcceptQuality = False,
    detach: Detach = False,
    priority: Priority = 0,
    json: AsJson = False,
) -> None:
    """Train a model, judge it on days nothing has seen, beside the market or its baselines, and register it."""
    asked: dict[str, Any] = {
        "task": task,
        "feature_set": set_name,
        "delta_version": delta_version,
        "train_from": first,
        "until": last,
        "split": _split(train_until, test_from, test_to, walk_days, validation_days, rolling_days, embargo_days),
        "model": model,
        "parameters": {} if params is None else _parameters(params.read_text(encoding="utf-8"), str(params)),
        "tuning": _tuning(trials, tune_minutes, tune_workers),
        "seed": seed,
        "threads": threads,
        "engine": engine,
        "memory_gib": memory_gib,
        "register": register,
        "promote": "if_better" if promote else None,
        "experiment": experiment,
        "accept_quality": accept_quality,
    }
    _ask(asked, title="Training", detach=detach, priority=priority, json=json)


def backtest(
    train_until: Annotated[str, typer.Option(help="Last day of training, YYYY-MM-DD.")],
    test_from: Annotated[str, typer.Option(help="First day of the test; the days between are for validation.")],
    test_to: Annotated[str, typer.Option(help="Last day of the test.")],
    *,
    domain: Domain = "racing",
    parameters: Annotated[str, typer.Option(help='Model parameters as JSON, such as {"l2": 20}.')] = "{}",
    set_name: Set = None,
    accept_quality: AcceptQuality = False,
    detach: Detach = False,
    priority: Priority = 0,
    json: AsJson = False,
) -> None:
    """Train until a day and judge on later ones: `train` in short."""
    from morningline.wiring.program import domain_named

    asked = {
        "task": domain_named(domain).task.name,
        "split": _split(train_until, test_from, test_to, None, 0, None, 0),
        "parameters": _parameters(parameters, "--parameters"),
        "feature_set": set_name,
        "accept_quality": accept_quality,
    }
    _ask(asked, title="Backtesting", detach=detach, priority=priority, json=json)


def _ask(asked: dict[str, Any], *, title: str, detach: bool, priority: int, json: bool) -> None:
    from morningline.wiring.training import checked

    given = {name: value for name, value in asked.items() if value is not None}
    # Refused here, before it waits in a queue.
    checked(given)
    with open_program() as program:
        summary = follow(program, "train", given, title=title, detach=detach, priority=priority, json=json)
    if json:
        show.as_json(summary)
    else:
        show_training(summary)


def _split(
    train_until: str | None,
    test_from: str | None,
    test_to: str | None,
    walk_days: int | None,
    validation_days: int,
    rolling_days: int | None,
    embargo_days: int,
) -> dict[str, Any] | None:
    from morningline.kit.errors import InputError

    days = {"test_from": test_from, "test_to": test_to, "embargo_days": embargo_days}
    if walk_days is None and train_until is None and test_from is None and test_to is None:
        return None
    if test_from is None or test_to is None or (walk_days is None) == (train_until is None):
        raise InputError(
            f"The split is not clear: {days}, train_until {train_until}, walk_days {walk_days}.",
            allowed="--train-until, --test-from and --test-to; or --walk-days, --test-from and --test-to; or none",
        )
    if walk_days is None:
        return {"kind": "hold_out", "train_until": train_until, **days}
    lengths = {"test_days": walk_days, "validation_days": validation_days, "train_days": rolling_days}
    return {"kind": "walk_forward", **days, **lengths}


def _tuning(trials: int | None, minutes: float | None, workers: int) -> dict[str, Any] | None:
    if trials is None:
        return None
    return {"trials": trials, "seconds": None if minutes is None else minutes * 60, "workers": workers}


def _parameters(text: str, where: str) -> dict[str, Any]:
    import msgspec

    from morningline.kit.errors import InputError

    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"The parameters of {where} are not a JSON object: {error}.") from error


def show_training(summary: dict[str, Any]) -> None:
    """The result of a training, as a person reads it."""
    if "delta_r2" in summary:
        _show_winning(summary)
    else:
        _show_rows(summary)
    if "tuning" in summary:
        _show_tuning(summary)
    kept = f"Registered as {summary['model']}" if summary["model"] else "Not registered"
    show.line(f"{kept}, in {summary['seconds']['total']:.0f} s.")


def _show_winning(summary: dict[str, Any]) -> None:
    keys = ("winner_log_loss", "r2", "brier", "top1", "ece")
    rows = [
        (name, *(scores[key] for key in keys), f"{scores['ece_chance_low']:.4f} to {scores['ece_chance_high']:.4f}")
        for name, scores in summary["models"].items()
    ]
    show.table(("model", *keys, "ece by chance"), rows, numbers=keys)
    delta, calibration = summary["delta_r2"], summary["calibration"]
    word, number = next((k, v) for k, v in summary.items() if isinstance(v, int))
    left_out = ", ".join(f"{n} {reason}" for reason, n in summary["excluded"].items()) or "none"
    show.line()
    show.line(f"{number:,} {word} of the test period; left out: {left_out}.")
    show.line(f"Calibration of market_free: {calibration['kind']}; its ece before was {calibration['ece_before']:.4f}.")
    interval = f"(95 % {delta['low']:+.4f} to {delta['high']:+.4f})"
    show.line(f"{VERDICTS[delta['verdict']]} ΔR² of combined over market_power {delta['estimate']:+.4f} {interval}.")
    show.line(f"Verdict: {delta['verdict']}; a true effect of {delta['mde']:.4f} would be seen four times out of five.")


def _show_rows(summary: dict[str, Any]) -> None:
    keys = [key for key in summary["models"]["model"] if not key.endswith(("_low", "_high"))]
    rows = [
        (name, _with_ends(scores, keys[0]), *(_number(scores[key]) for key in keys[1:]))
        for name, scores in summary["models"].items()
    ]
    show.table(("whose", f"{keys[0]} (95 %)", *keys[1:]), rows, numbers=keys[1:])
    show.line()
    left_out = ", ".join(f"{n:,} {reason}" for reason, n in summary["excluded"].items()) or "none"
    unit = f" In {summary['unit']}." if summary["unit"] else ""
    show.line(f"{summary['rows']:,} rows of {summary['days']:,} days of the test period; left out: {left_out}.{unit}")
    repair = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in summary["calibration"].items())
    show.line(f"By the validation: {repair}.")
    for name, over in summary["over"].items():
        interval = f"(95 % {over['low']:+.4f} to {over['high']:+.4f})"
        show.line(f"{summary['metric']} saved over {name} {over['estimate']:+.4f} {interval}: {over['verdict']}.")
    delta = summary["delta"]
    show.line(
        f"Verdict over {delta['over']}, the hardest to beat: {delta['verdict']}; a true effect of {delta['mde']:.4f} "
        "would be seen four times out of five."
    )


def _with_ends(scores: dict[str, Any], key: str) -> str:
    ends = [scores.get(f"{key}_{end}") for end in ("low", "high")]
    return _number(scores[key]) + (f" ({_number(ends[0])} to {_number(ends[1])})" if None not in ends else "")


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def _show_tuning(summary: dict[str, Any]) -> None:
    tuning, over = summary["tuning"], summary["tuning"]["over_default"]
    loss, measure = ("log loss", "ΔR²") if "delta_r2" in summary else (summary["metric"], f"{summary['metric']} saved")
    show.line(
        f"Tuned by {len(tuning['trials'])} trials on days before the test: {loss} {tuning['default_loss']:.4f} "
        f"to {tuning['best_loss']:.4f}. On the test {measure} over the default {over['estimate']:+.4f} "
        f"(95 % {over['low']:+.4f} to {over['high']:+.4f}): {over['verdict']}."
    )
