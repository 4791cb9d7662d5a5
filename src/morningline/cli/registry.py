"""Commands of the registry: models list, show, compare, promote, rollback, pin, prune, learners."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morningline.cli import show
from morningline.cli.auditing import who
from morningline.cli.data import Domain, TaskName
from morningline.cli.runs import when
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from morningline.training.judging import ScoredBy
    from morningline.training.registry import ModelComparison, Promotion
    from morningline.wiring.registry import ModelVersion

app = typer.Typer(help="List models, compare them, and say which one is champion.", invoke_without_command=True)

WANTED = "Id, alias (champion, challenger, previous) or version (NAME:NUMBER) of a model."
Wanted = Annotated[str, typer.Argument(metavar="MODEL", help=WANTED)]
Reason = Annotated[str | None, typer.Option(help="Why, in words; it is kept.")]

VERDICTS = {
    "adopt": "{challenger} is better than {champion}.",
    "reject": "{challenger} is worse than {champion}.",
    "not_decided": "No difference shown between {challenger} and {champion}.",
}
OUTCOMES = {
    "first": "{to_model} is the first champion of {task}.",
    "adopted": "{to_model} is the champion of {task} now; {from_model} is the previous one.",
    "forced": "{to_model} is the champion of {task} now, against the gate; {from_model} is the previous one.",
    "refused": "Refused: {from_model} stays the champion of {task}; {to_model} is its challenger.",
    "rolled_back": "Rolled back: {to_model} is the champion of {task} again; {from_model} is the previous one.",
}
OfTask = Annotated[str | None, typer.Option("--task", help="Only of this task; of all if not given.")]


@app.callback()
def models(context: typer.Context, domain: Domain = "racing", *, json: AsJson = False) -> None:
    """List models, compare them, and say which one is champion; alone it lists them."""
    if context.invoked_subcommand is None:
        list_(domain, json=json)


@app.command("list")
def list_(domain: Domain = "racing", *, task: OfTask = None, json: AsJson = False) -> None:
    """List the registered models, newest first, and what each is to its task."""
    from morningline.wiring.registry import as_plain, list_models

    with open_program() as program:
        rows = list_models(program, domain, task=task)
    if json:
        show.as_json([as_plain(row) for row in rows])
        return
    shown = [
        (
            *(row.model.id, row.model.version, ", ".join(row.aliases), when(row.model.created_at)[:16]),
            *(row.model.train_until, row.model.test_from, row.model.test_to),
            verdict_of(row.model.metrics),
        )
        for row in rows
    ]
    columns = ("model", "version", "is", "made (UTC)", "trained until", "tested from", "to", "verdict")
    show.table(columns, shown)


@app.command("show")
def show_(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help=WANTED)] = None,
    *,
    html: Annotated[bool, typer.Option("--html", help="Write the model card as one HTML page.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Where; reports/ of the workspace if not given.")] = None,
    domain: Domain = "racing",
    task: TaskName = None,
    json: AsJson = False,
) -> None:
    """Show a model: data, features, code, seed, scores with intervals, who promoted it and why."""
    from morningline.wiring.model_card import write_model_card
    from morningline.wiring.registry import as_plain, show_model

    with open_program() as program:
        if html or out is not None:
            show.line(str(write_model_card(program, domain, model, out, task=task)))
            return
        found = show_model(program, domain, model, task=task)
    if json:
        show.as_json(as_plain(found))
    else:
        show_version(found)


@app.command()
def compare(
    challenger: Annotated[str, typer.Argument(help=WANTED)],
    champion: Annotated[str | None, typer.Argument(help="The same of the other; the champion if not given.")] = None,
    *,
    on: Annotated[
        str | None, typer.Option("--on", help="Of who wins, which probabilities: market_free (predicted) or combined.")
    ] = None,
    domain: Domain = "racing",
    task: TaskName = None,
    json: AsJson = False,
) -> None:
    """Hold a model against another on the same days that neither has seen. Nothing is changed."""
    from morningline.wiring.registry import as_plain, compare_models

    with open_program() as program:
        found = compare_models(program, domain, challenger, champion, compared=on, task=task)
    if json:
        show.as_json(as_plain(found))
        return
    show_comparison(found.comparison)
    if found.parameters:
        show.line()
        one, other = found.comparison.challenger, found.comparison.champion
        show.table(("parameter", one, other), [(name, *map(str, pair)) for name, pair in found.parameters.items()])


@app.command()
def promote(
    model: Wanted,
    *,
    reason: Reason = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever the verdict; needs a reason.")] = False,
    domain: Domain = "racing",
    task: TaskName = None,
    json: AsJson = False,
) -> None:
    """Make a model the champion, if it is shown to be better on unseen days; exit code 1 where it is refused."""
    from morningline.wiring.registry import as_plain, promote_model

    with open_program() as program:
        decision = promote_model(program, domain, model, who=who(), reason=reason, force=force, task=task)
    if json:
        show.as_json(as_plain(decision))
    else:
        if decision.comparison is not None:
            show_comparison(decision.comparison)
        elif decision.why_not_compared:
            show.line(f"They could not be compared. {decision.why_not_compared}")
        if decision.tried_before:
            models = "model was" if decision.tried_before == 1 else "models were"
            show.line(f"Before this, {decision.tried_before} other {models} held against the same champion.")
        show.line(told(decision.promotion))
    if not decision.promotion.took_effect:
        raise typer.Exit(1)


@app.command()
def rollback(*, reason: Reason = None, domain: Domain = "racing", task: TaskName = None, json: AsJson = False) -> None:
    """Have champion and previous champion change places; who predicts next uses the other."""
    from morningline.wiring.registry import as_plain, roll_back_model

    with open_program() as program:
        done = roll_back_model(program, domain, who=who(), reason=reason, task=task)
    if json:
        show.as_json(as_plain(done))
    else:
        show.line(told(done))


@app.command()
def pin(
    model: Wanted,
    *,
    off: Annotated[bool, typer.Option("--off", help="Keep it no longer.")] = False,
    domain: Domain = "racing",
    task: TaskName = None,
) -> None:
    """Keep a model however old it gets, or no longer."""
    from morningline.wiring.registry import pin_model

    with open_program() as program:
        pinned = pin_model(program, domain, model, pinned=not off, task=task)
    show.line(f"{pinned.id} is {'kept' if pinned.pinned else 'no longer kept'} whatever its age.")


@app.command()
def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: AsJson = False,
) -> None:
    """Delete models that nothing needs and trainings without a model that are older than the settings keep them."""
    from morningline.wiring.registry import forget_old

    with open_program() as program:
        gone = forget_old(program, dry_run=dry_run)
    if json:
        show.as_json(gone)
        return
    for model in gone.models:
        show.line(model)
    would = "would be" if dry_run else "were"
    show.line(f"{len(gone.models):,} models and {len(gone.trainings):,} trainings {would} deleted.")


@app.command()
def learners(*, json: AsJson = False) -> None:
    """List what can be trained, with its parameters, their defaults, and where tuning looks for them."""
    from morningline.wiring.registry import list_learners

    found = list_learners()
    if json:
        show.as_json(found)
        return
    rows = []
    for one in found:
        for name in dict.fromkeys((*one.parameters, *one.space)) or [""]:
            bounds = one.space.get(name)
            tuned = f"{bounds[0]:g} to {bounds[1]:g}" if bounds else ""
            rows.append((one.name, one.kind, name, str(one.parameters.get(name, "")), tuned))
    show.table(("learner", "kind", "parameter", "default", "tuned"), rows)


def verdict_of(metrics: Mapping[str, Any]) -> str:
    """The verdict of a model's own test: over the market, or over the hardest of its baselines."""
    return str(metrics["delta_r2" if "delta_r2" in metrics else "delta"]["verdict"])


def show_version(found: ModelVersion) -> None:
    """A model as a person reads it."""
    model = found.model
    facts = {
        "model": model.id,
        "task": model.task,
        "version": model.version,
        "is": ", ".join(found.aliases) or "registered",
        "made": f"{when(model.created_at)} UTC by {model.registered_by}",
        "trained until": model.train_until,
        "tested": f"{model.test_from} to {model.test_to}",
        "features": f"{model.feature_set} {model.feature_version}, Delta version {model.delta_version}",
        "data fingerprint": model.data_fingerprint,
        "code": model.code_version,
        "seed": str(model.seed),
        "parameters": ", ".join(f"{name} = {value}" for name, value in model.parameters.items() if value != {}),
        "files' SHA-256": model.artefact_sha256,
        "trainings": ", ".join(found.trainings) or "none recorded",
        "predictions": found.predictions,
        "kept whatever its age": model.pinned,
    }
    show.table(("", ""), facts.items())
    show.line()
    show_scores(found.scores)
    if found.promotions:
        show.line()
        rows = [(when(one.decided_at), one.decided_by, told(one), one.reason or "") for one in found.promotions]
        show.table(("decided (UTC)", "by", "what", "why"), rows)


def show_scores(scores: Sequence[ScoredBy]) -> None:
    """Scores with their intervals, a row a set of probabilities or a forecast."""
    metrics = list(dict.fromkeys(one.metric for one in scores))
    cells: dict[str, dict[str, str]] = {}
    for one in scores:
        interval = f" ({one.low:.4f} to {one.high:.4f})" if one.low is not None and one.high is not None else ""
        cells.setdefault(one.model, {})[one.metric] = f"{one.estimate:.4f}{interval}"
    rows = [(name, *(values.get(metric, "") for metric in metrics)) for name, values in cells.items()]
    show.table(("whose (95 %)", *metrics), rows)


def show_comparison(found: ModelComparison) -> None:
    """A comparison as a person reads it."""
    result = found.result
    show.line(VERDICTS[result.verdict].format(challenger=found.challenger, champion=found.champion))
    winning = found.metric == "winner_log_loss"
    measure, counted = ("ΔR²", "events") if winning else (f"{found.metric} saved", "rows")
    show.line(
        f"{measure} {result.estimate:+.4f} (95 % {result.low:+.4f} to {result.high:+.4f}) of {found.compared}, on "
        f"{result.events:,} {counted} of {result.days:,} days that neither has seen, {found.first_day} to "
        f"{found.last_day}."
    )
    if found.left_out:
        show.line("Left out: " + ", ".join(f"{number:,} {reason}" for reason, number in found.left_out.items()) + ".")
    show.line(f"Verdict: {result.verdict}; a true effect of {result.mde:.4f} would be seen four times out of five.")


def told(promotion: Promotion) -> str:
    """What was decided, as a sentence."""
    return OUTCOMES[promotion.outcome].format(**vars(promotion))
