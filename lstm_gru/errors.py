"""What ends a command in one sentence instead of a traceback."""

import os


class InputError(ValueError):
    """Bad input: one sentence that names the file, line, column or field, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


class RunError(RuntimeError):
    """A run that cannot go on: one sentence that names the path or the step, the reason, and what can be done.

    The command line prints it without a traceback and exits with code 1.
    """


class Stopped(SystemExit):
    """A run was asked to stop, by SIGTERM or Ctrl-C; its state is saved and the same call continues it.

    A program that does not catch it exits with code 75 (``EX_TEMPFAIL``: try again), as the command line does.
    """

    def __init__(self, message: str = "stopped; the same command continues"):
        super().__init__(message)
        self.message = message
        self.code = os.EX_TEMPFAIL
