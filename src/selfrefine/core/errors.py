"""The one exception that a user is meant to read; every stage prints it as a single line and exits with code 1."""

import errno
import re
from pathlib import Path


class InputError(Exception):
    """Bad input: the message says in one line what was given, what is allowed and which file to edit.

    Args:
        fact: what was given and what is allowed.
        remedy: what to do, as this workflow has it; a caller of another kind says its own beside `fact`.
    """

    def __init__(self, fact: str, remedy: str = "") -> None:
        super().__init__(f"{fact}; {remedy}" if remedy else fact)
        self.fact = fact


class DamagedError(InputError):
    """A file that is not what its name says.

    Its remedy is not known here: only who made a file can make it again (`job.main`).

    Args:
        path: the file or folder.
        fault: what is wrong with it.
        whole: the folder that was made as one, of a file in it.
    """

    def __init__(self, path: Path, fault: str, whole: Path | None = None) -> None:
        super().__init__(f"{path}: {fault}")
        self.path = whole or path


# What an operating system says when the disk, not the program, is at fault.
DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EFBIG: "a file is larger than the file system or `ulimit -f` allows",
}


# What an address may tell nobody, each with what is shown of it: name and password before the host, also where only
# host and port follow; and what stands behind the question mark, keys and signatures.
SECRETS = (
    (re.compile(r"://\S*@"), "://***@"),
    (re.compile(r"[^\s/'\"]+(?=@[\w.\[\]-]+:\d)"), "***"),
    (re.compile(r"(://[^\s?]*\?|/[\w.~%/-]*\?)[^\s'\")>]+"), r"\1***"),
)


def without_secrets(text: str) -> str:
    """A text whose addresses tell neither password nor key."""
    for secret, shown in SECRETS:
        text = secret.sub(shown, text)
    return text


def one_line(error: object) -> str:
    """The message of an error, or another value as text, without line breaks and secrets, at most 300 characters."""
    text = without_secrets(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
