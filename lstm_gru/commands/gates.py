"""``lstm-gru gates``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro

from lstm_gru.cells import CELLS
from lstm_gru.commands.terminal import show
from lstm_gru.errors import InputError
from lstm_gru.inside import CANDIDATES, gate, memory_time
from lstm_gru.plots import gate_activations
from lstm_gru.report.tables import MISSING, Table
from lstm_gru.reproduce import finished_tasks, reread
from lstm_gru.training.loop import fitted

CLOSED, OPEN = 0.1, 0.9  # Below and above, a gate is as good as shut, or open.


@dataclass(frozen=True)
class GatesArguments:
    """Draw every gate and state of a finished run along one test sequence, and say how often gates are shut or open."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The directory of one seed, as runs/jsb_chorales/lstm/seed-0."""
    number: int = 0
    """Which of the test sequences, from 0."""
    fold: str | None = None
    """Which of the run's parts, as a cutoff; the last one when not given."""
    out: Path = Path("gates.png")
    """The picture."""


def gates(argv: list[str]) -> int:
    """Draw every gate and state of a finished run along one test sequence."""
    arguments = tyro.cli(GatesArguments, args=argv, prog="lstm-gru gates")
    if arguments.out.suffix != ".png" or not arguments.out.parent.is_dir():
        raise InputError(f"--out = {arguments.out}; expected a name that ends in .png, in a directory that exists")
    run, record = reread(arguments.run)
    tasks = finished_tasks(run)
    fold = list(tasks)[-1] if arguments.fold is None else arguments.fold
    if fold not in tasks:
        raise InputError(f"--fold = {fold}; expected one of {', '.join(tasks)}")
    task = tasks[fold]
    if task.inside is None:
        which = f"{record['variant']} of {record['experiment']}"
        raise InputError(f"{arguments.run}: {which} offers no look inside; expected a run of a task that does")
    params = fitted(arguments.run / fold, jax.eval_shape(task.init, jax.random.key(0))).params
    found = task.inside(params, arguments.number)
    cell = record["config"]["model"]["cell"]
    keep = CELLS[cell](1).keep
    show(_table(found.gates, keep), f"{record['variant']}, {found.what}, {len(found.steps)} steps")
    gate_activations(
        arguments.out,
        title=f"Inside {record['variant']}: {found.what}",
        steps=found.steps,
        gates=found.gates | found.states,
        candidates=[*found.states, *(name for name in found.gates if gate(name) in CANDIDATES)],
        order_by=[name for name in found.gates if gate(name) == keep],
    )
    print(arguments.out)
    return 0


def _table(activations: Mapping[str, np.ndarray], keep: str) -> Table:
    rows = []
    for name, values in activations.items():
        shares, remembered = [MISSING] * 2, [MISSING] * 2
        if gate(name) not in CANDIDATES:
            shares = [f"{100 * share.mean():.0f}" for share in (values < CLOSED, values > OPEN)]
        if gate(name) == keep:
            times, longest = memory_time(values), len(values)
            remembered = [f"{t:.1f}" if (t := of(times)) <= longest else f"> {longest}" for of in (np.median, np.max)]
        rows.append((name, f"{values.mean():.2f}", *shares, *remembered))
    headings = ("", "mean", f"% below {CLOSED}", f"% above {OPEN}", "steps remembered, median unit", "longest")
    return Table(headings, tuple(rows))
