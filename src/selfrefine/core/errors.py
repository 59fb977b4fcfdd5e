"""The one exception that a user is meant to read; every stage prints it as a single line and exits with code 1."""


class InputError(Exception):
    """Bad input: the message says in one line what was given, what is allowed and which file to edit."""
