"""What the commands share: where runs are kept, and how tables and progress are shown."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import tyro
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from lstm_gru.report.tables import Table
from lstm_gru.training.manifest import available_cores
from lstm_gru.training.progress import PLAIN_SECONDS

RUNS = Path("runs")
HELP = ("--help", "-h")
MOST_JOBS = 4
Variants = Annotated[tuple[str, ...], tyro.conf.arg(metavar="VARIANT ...")]


def jobs_or_default(jobs: int | None) -> int:
    """Return how many runs are trained side by side: as asked for; else one a core, but at most 4, on a CPU."""
    if jobs is not None:
        return jobs
    return min(available_cores(), MOST_JOBS) if jax.default_backend() == "cpu" else 1


@dataclass(frozen=True)
class NoArguments:
    """No arguments."""


def show(table: Table, title: str) -> None:
    """Print a table under its title."""
    console = Console()
    if not console.is_terminal:
        console.width = 160  # A log has no width of its own; do not fold the table into 80 columns.
    console.print(table.rich(title))


@contextmanager
def line_progress(shown: bool) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many lines are done: at once on a terminal, every ten seconds at most elsewhere.

    Args:
      shown: otherwise nothing is.

    Yields:
      The function to be told how many lines are done.
    """
    console = Console(stderr=True)
    if not shown:
        yield lambda done: None
    elif console.is_terminal:
        columns = TextColumn("{task.completed:,.0f} lines"), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
            console.show_cursor()  # Which a process that is ended in between could not show again.
            task = bar.add_task("", total=None)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield _said_rarely()


def _said_rarely() -> Callable[[int], None]:
    spoke = time.monotonic()

    def say(done: int) -> None:
        nonlocal spoke
        if time.monotonic() - spoke > PLAIN_SECONDS:
            spoke = time.monotonic()
            with suppress(OSError):  # A log on a full disk must not end the work.
                print(f"{done:,} lines", file=sys.stderr, flush=True)

    return say


@contextmanager
def ctrl_c_ends_at_once() -> Iterator[None]:
    """Leave Ctrl-C to the system. Python's exception would wait for a compilation, and is lost in a callback of JAX."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
