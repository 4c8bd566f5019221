"""What the commands share: where runs are kept, and how a table is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from lstm_gru.report.tables import Table

RUNS = Path("runs")
HELP = ("--help", "-h")
Variants = Annotated[tuple[str, ...], tyro.conf.arg(metavar="VARIANT ...")]


@dataclass(frozen=True)
class NoArguments:
    """No arguments."""


def show(table: Table, title: str) -> None:
    """Print a table under its title."""
    console = Console()
    if not console.is_terminal:
        console.width = 160  # A log has no width of its own; do not fold the table into 80 columns.
    console.print(table.rich(title))
