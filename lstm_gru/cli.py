"""The command line: ``lstm-gru COMMAND``, one file a command in `lstm_gru.commands`.

Bad input ends in one sentence on standard error and exit code 2, a run that cannot go on in one and exit code 1.
SIGTERM and Ctrl-C end training after the running step, with its state saved, and exit code 75 (try again).
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import jax

from lstm_gru.commands.evaluate import evaluate
from lstm_gru.commands.forecast import forecast
from lstm_gru.commands.gates import gates
from lstm_gru.commands.listing import list_experiments
from lstm_gru.commands.report import report
from lstm_gru.commands.reproduce import reproduce
from lstm_gru.commands.tag import tag
from lstm_gru.commands.terminal import HELP
from lstm_gru.commands.train import train
from lstm_gru.commands.translate import translate
from lstm_gru.commands.tune import tune
from lstm_gru.errors import InputError, RunError, Stopped
from lstm_gru.training.allocator import keep_freed_memory

COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "list": list_experiments,
    "train": train,
    "reproduce": reproduce,
    "tune": tune,
    "evaluate": evaluate,
    "translate": translate,
    "tag": tag,
    "gates": gates,
    "forecast": forecast,
    "report": report,
}


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    keep_freed_memory()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # Closed by whoever started the command, who wants none of it.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (as long as the process)
    return exit_code(_dispatch, sys.argv[1:] if argv is None else argv)


def exit_code(command: Callable[[list[str]], int], argv: list[str]) -> int:
    """Return a command's exit code; errors that a user can do something about end in one sentence.

    Where several processes share a run, any error ends this one at once: JAX would have it wait for the others.
    """
    try:
        code = _exit_code(command, argv)
    except Exception:
        if jax.distributed.is_initialized():
            traceback.print_exc()
            os._exit(1)
        raise
    if code not in (0, Stopped().code) and jax.distributed.is_initialized():
        sys.stdout.flush()
        os._exit(code)
    return code


def _exit_code(command: Callable[[list[str]], int], argv: list[str]) -> int:
    try:
        return command(argv)
    except InputError as error:
        return _end(f"error: {error}", 2)
    except RunError as error:
        return _end(f"error: {error}", 1)
    except jax.errors.JaxRuntimeError:
        if not jax.distributed.is_initialized():
            raise
        return _end("error: another process of this run has ended or does not answer; its message says why", 1)
    except BrokenPipeError:  # Whoever reads the output has enough of it, as `head` has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # For what Python still writes at its end.
        return 128 + signal.SIGPIPE
    except OSError as error:  # A full disk, a directory without permission: nothing that a traceback would explain.
        where = f"{error.filename}: " if error.filename else ""  # The output itself has no name.
        return _end(f"error: {where}{error.strerror or error}", 1)
    except Stopped as stopped:
        return _end(stopped.message, stopped.code)
    except KeyboardInterrupt:  # Outside of training.
        return _end("stopped; the same command continues", Stopped().code)


def _end(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def reproduce_file(file: str) -> None:
    """Reproduce the experiment in a file: ``python experiments/X.py [options]``."""
    sys.exit(main(["reproduce", Path(file).stem, *sys.argv[1:]]))


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in HELP:
        print("usage: lstm-gru COMMAND ...\n\nGated recurrent networks in JAX: train, compare, reproduce.\n")
        for name, command in COMMANDS.items():
            print(f"  {name:<10} {command.__doc__.splitlines()[0]}")
        print("\n'lstm-gru COMMAND --help' explains a command.")
        return 0 if argv else 2
    if argv[0] not in COMMANDS:
        raise InputError(f"no command {argv[0]!r}; there are {', '.join(COMMANDS)}")
    return COMMANDS[argv[0]](argv[1:])


if __name__ == "__main__":
    sys.exit(main())
