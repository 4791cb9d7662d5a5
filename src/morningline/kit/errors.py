"""The errors a user can meet: what was given, what is allowed, what to do next.

MorninglineError
├── SettingsError      a setting is unknown, malformed or contradicts another
├── WorkspaceError     the folder is not a workspace, or cannot be used as one
├── DatabaseError      the database cannot be reached, started or brought to this version
├── InputError         a file, mapping or argument a user gave cannot be used as it is
├── DataError          the stored facts do not allow what was asked
├── NotFoundError      a name or id that nothing bears
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


class InputError(MorninglineError):
    """A file, mapping or argument a user gave cannot be used as it is."""


class DataError(MorninglineError):
    """The stored facts do not allow what was asked."""


class NotFoundError(MorninglineError):
    """A name or id that nothing bears."""


class IntegrityError(MorninglineError):
    """Something stored is not what it was when it was locked."""
