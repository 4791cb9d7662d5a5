"""The errors a user can meet: what was given, what is allowed, what to do next.

MorninglineError
├── SettingsError      a setting is unknown, malformed or contradicts another
├── WorkspaceError     the folder is not a workspace, or cannot be used as one
├── DatabaseError      the database cannot be reached, started or brought to this version
├── ClusterError       the Ray cluster does not answer, or lost what it was to do; may pass
├── InputError         a file, mapping or argument a user gave cannot be used as it is
│   └── StateError     it is not in a state that allows what was asked
├── AccessError        who asks may not
│   ├── TokenError             no token that is accepted came with the request
│   ├── ScopeError             the token's scope does not reach that far
│   └── TooManyTriesError      too many requests of one address came without an accepted token; passes
├── DataError          the stored facts do not allow what was asked
├── ResourceError      it would take more memory than it was allowed
├── NotFoundError      a name or id that nothing bears
├── FeedError          a feed did not give what was asked of it
│   ├── FeedUnavailableError  it does not answer, or answers with a fault of its own; may pass
│   ├── BrokenBodyError       what it sent is no whole document of this feed; may pass
│   ├── QuotaError            the calls of its day are used up; passes with the day
│   ├── CredentialsError      username or password are missing or not accepted
│   ├── PlanError             the account's plan does not include what was asked
│   └── RefusedError          it does not understand what was asked
└── IntegrityError     something stored is not what it was when it was locked
"""


class MorninglineError(Exception):
    """Root of every error Morningline raises on purpose.

    Args:
        message: What happened, as a sentence that names what was given.
        allowed: What would have been accepted.
        do: What the user should do next.

    Attributes:
        transient: Whether trying the same again can help.
    """

    transient = False

    def __init__(self, message: str, *, allowed: str | None = None, do: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed
        self.do = do

    def __str__(self) -> str:
        parts = [self.message]
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}")
        if self.do:
            parts.append(f"What to do: {self.do}")
        return "\n".join(parts)


class SettingsError(MorninglineError):
    """A setting is unknown, malformed or contradicts another."""


class WorkspaceError(MorninglineError):
    """The folder is not a workspace, or cannot be used as one."""


class DatabaseError(MorninglineError):
    """The database cannot be reached, started or brought to this version."""

    transient = True


class ClusterError(MorninglineError):
    """The Ray cluster does not answer, or lost what it was to do."""

    transient = True


class InputError(MorninglineError):
    """A file, mapping or argument a user gave cannot be used as it is."""


class StateError(InputError):
    """What was named is not in a state that allows what was asked."""


class AccessError(MorninglineError):
    """Who asks may not."""


class TokenError(AccessError):
    """No token that is accepted came with the request."""


class ScopeError(AccessError):
    """The token's scope does not reach as far as what was asked."""


class TooManyTriesError(AccessError):
    """Too many requests of one address came without a token that is accepted."""

    transient = True


class DataError(MorninglineError):
    """The stored facts do not allow what was asked."""


class ResourceError(MorninglineError):
    """It would take more memory than it was allowed."""


class NotFoundError(MorninglineError):
    """A name or id that nothing bears."""


class FeedError(MorninglineError):
    """A feed did not give what was asked of it."""


class FeedUnavailableError(FeedError):
    """The feed does not answer, or answers with a fault of its own."""

    transient = True


class BrokenBodyError(FeedError):
    """What the feed sent is no whole document of this feed."""

    transient = True


class QuotaError(FeedError):
    """The calls of the feed's day are used up."""


class CredentialsError(FeedError):
    """Username or password are missing or not accepted."""


class PlanError(FeedError):
    """The account's plan does not include what was asked."""


class RefusedError(FeedError):
    """The feed does not understand what was asked."""


class IntegrityError(MorninglineError):
    """Something stored is not what it was when it was locked."""
