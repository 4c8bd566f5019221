"""The error a user can mend."""


class InputError(ValueError):
    """Bad input: one sentence that names the file, line, column or field, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """
