"""Model texts that prove they are whole before anything tries to read them."""

from hashlib import sha256

from morningline.kit.errors import InputError, IntegrityError

_MARK = "\nsha256:"


def seal(text: str) -> str:
    """Append a last line with the SHA-256 of the text.

    Args:
        text: Any text.

    Returns:
        The text and its seal.
    """
    return f"{text}{_MARK}{sha256(text.encode()).hexdigest()}\n"


def unseal(sealed: str) -> str:
    """Take the seal off a text that is still what was sealed.

    Args:
        sealed: What `seal` returned.

    Returns:
        The text without its seal.

    Raises:
        InputError: If the text has no seal.
        IntegrityError: If the text was changed after it was sealed.
    """
    text, mark, digest = sealed.rpartition(_MARK)
    if not mark:
        raise InputError(
            f"A text of {len(sealed)} characters does not end with a seal.",
            allowed="a stored model whose last line is `sha256:` and its digest",
            do="Check that the file was written by this program and is not cut off.",
        )
    if digest.strip() != sha256(text.encode()).hexdigest():
        raise IntegrityError(
            "The stored model is not what it was when it was saved: its SHA-256 differs.",
            allowed="the file exactly as it was written",
            do="Restore the file from a backup, or train the model again from its manifest.",
        )
    return text
