"""The one exception that a user is meant to read; every stage prints it as a single line and exits with code 1."""

import errno


class InputError(Exception):
    """Bad input: the message says in one line what was given, what is allowed and which file to edit."""


# What an operating system says when the disk, not the program, is at fault.
DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EFBIG: "a file is larger than the file system or `ulimit -f` allows",
}


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, at most 300 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
