"""Commands of access: tokens create, list and revoke, and the audit of changing calls."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from morningline.cli import show
from morningline.cli.auditing import who
from morningline.cli.runs import Since, Until, parse_instant, when
from morningline.cli.workspace import AsJson, open_program

app = typer.Typer(help="See to who may use the HTTP service.", no_args_is_help=True)


def add_to(main: typer.Typer) -> None:
    """Add the command beside the group to the command line."""
    main.command()(audit)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what is to use it.")],
    *,
    scope: Annotated[str, typer.Option(help="read, operate or admin; each may do what the one before may.")] = "read",
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Accept it for so many days; for ever if not given.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make a token and print it, this once: only a hash of it is kept."""
    from datetime import timedelta

    from morningline.access import tokens
    from morningline.kit.clock import utc_now

    expires_at = utc_now() + timedelta(days=days) if days else None
    with open_program() as program, program.database.connect() as connection:
        token, whole = tokens.create(connection, name, scope, created_by=who(), expires_at=expires_at)
    if json:
        show.as_json({"token": whole, **vars(token)})
        return
    show.line(whole)
    until = f" until {when(expires_at)} UTC" if expires_at else ""
    sys.stderr.write(
        f"Token {token.id}, scope {scope}, for {name}{until}. It is not shown again. Use: Authorization: Bearer TOKEN\n"
    )


@app.command("list")
def list_(*, json: AsJson = False) -> None:
    """List every token there ever was, newest first; none can be read back."""
    from morningline.access import tokens

    with open_program() as program, program.database.connect(read_only=True) as connection:
        rows = tokens.list_tokens(connection)
    if json:
        show.as_json(rows)
        return
    instants = ("created_at", "last_used_at", "expires_at", "revoked_at")
    shown = [(t.id, t.name, t.scope, t.created_by, *(when(getattr(t, name)) for name in instants)) for t in rows]
    show.table(("token", "name", "scope", "made by", "made (UTC)", "last used", "expires", "revoked"), shown)


@app.command()
def revoke(token: Annotated[str, typer.Argument(metavar="TOKEN", help="The id of a token.")]) -> None:
    """Let a token be accepted no more; services that run notice within a second."""
    from morningline.access import tokens

    with open_program() as program, program.database.connect() as connection:
        revoked = tokens.revoke(connection, token)
    show.line(f"The token {revoked.id} of {revoked.name} is accepted no more.")


def audit(
    *,
    actor: Annotated[str | None, typer.Option(help="Only calls of this one.")] = None,
    outcome: Annotated[str | None, typer.Option(help="begun, done, refused or failed.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: AsJson = False,
) -> None:
    """Show who changed what, over HTTP or from the shell: when, from where, how it ended; newest first."""
    from morningline.access.audit import Chosen, read

    chosen = Chosen(actor=actor, outcome=outcome, since=parse_instant(since), until=parse_instant(until), limit=limit)
    with open_program() as program, program.database.connect(read_only=True) as connection:
        rows = read(connection, chosen)
    if json:
        show.as_json(rows)
        return
    shown = [(when(e.at), e.actor, e.act, e.target, e.address or "here", e.outcome, e.status, e.detail) for e in rows]
    show.table(("at (UTC)", "who", "what", "on what", "from", "outcome", "status", "detail"), shown)
