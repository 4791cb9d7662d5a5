"""The tables of access: tokens, and the audit of changing calls."""

import dataframely as dy

from morningline.facts.table import Catalog, Reference, Table, instant, number, text, word

SCOPES = ("read", "operate", "admin")
"""What a token may do, each what the one before may and more: look; ask for runs and cancel them; see to access."""

SURFACES = ("http", "shell")
OUTCOMES = ("begun", "done", "refused", "failed")


class ApiTokens(dy.Schema):
    """A token of the service, without the token itself."""

    id = text("Its public part, which names it.", key=True)
    name = text("Who or what uses it.")
    scope = word("How far it reaches: read, operate or admin.", SCOPES, null=False)
    sha256 = text("SHA-256 of the token.")
    created_at = instant("When it was made (UTC).")
    created_by = text("Who made it.")
    expires_at = instant("From when on it is no longer accepted (UTC).", null=True)
    last_used_at = instant("When it was accepted last (UTC), to the minute.", null=True)
    revoked_at = instant("When it was revoked (UTC).", null=True)


class Audit(dy.Schema):
    """One entry of the audit: a call that changes something was begun, or how it ended."""

    id = number("Its number, in the order they were written.")
    at = instant("When (UTC).")
    surface = word("Through what: http or shell.", SURFACES, null=False)
    actor = text("Who: the token's name, or the user at the machine.")
    token_id = text("The token, null where there was none.", null=True)
    act = text("What: the operation.")
    target = text("On what: the path that was called.", longest=2000)
    address = text("From where: the address of the other end, null at the machine itself.", null=True)
    outcome = word("How it stands: begun, done, refused or failed.", OUTCOMES, null=False)
    status = dy.Int32(nullable=True, description="The HTTP status that was answered.")
    request_id = text("Id of the request, null at the machine itself.", null=True)
    begun = dy.Int64(nullable=True, description="Number of the entry that said it was begun.")
    detail = text("What came of it: the run that was made, or the reason.", null=True, longest=2000)


RECORDS = Catalog(
    (
        Table(name="api_tokens", schema=ApiTokens, grain="a token of the service", stage="record"),
        Table(
            name="audit",
            schema=Audit,
            grain="an entry of a call that changes something",
            stage="record",
            append_only=True,
            references=(Reference(("token_id",), "api_tokens"),),
            indexes=(("begun",),),
        ),
    )
)
"""The tables of this package."""
