"""``lstm-gru reproduce all``: every experiment, the cheapest first."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import mean
from typing import Any

from lstm_gru.commands.terminal import show
from lstm_gru.errors import InputError, RunError
from lstm_gru.experiment import Experiment, experiment_names, load_experiment
from lstm_gru.report.tables import Table

ALL = "all"


def everything(reproduce: Callable[[Any], int], arguments: Any) -> int:
    """Reproduce every experiment in order of cost, then what is trained on demand only; return the exit code.

    An experiment that cannot go on, as without its data, is named at the end; the others are not kept waiting.

    Args:
      reproduce: of one experiment, by its arguments.
      arguments: a dataclass with ``experiment``, ``variants`` and ``seeds``, which are set for each.
    """
    rows, failures = [], []
    for each in (*_by_cost(arguments), *_on_demand(arguments)):
        name = " ".join((each.experiment, *each.variants))
        print(f"reproduce {name}", flush=True)
        begin, became = time.monotonic(), "done"
        try:
            reproduce(each)
        except (InputError, RunError) as error:
            became = f"not done: {error}"
            failures.append(error)
            print(f"error: {error}", file=sys.stderr, flush=True)
        rows.append((name, became, f"{(time.monotonic() - begin) / 60:.1f}"))
    show(Table(("experiment", "", "minutes"), tuple(rows), words=2), "lstm-gru reproduce all")
    return 0 if not failures else 2 if all(isinstance(error, InputError) for error in failures) else 1


def _by_cost(arguments: Any) -> list[Any]:
    return [replace(arguments, experiment=experiment.name) for experiment in sorted(_experiments(), key=_minutes)]


def _minutes(experiment: Experiment) -> float:
    return experiment.minutes * mean(experiment.seeds_of(variant) for variant in experiment.variants)


def _on_demand(arguments: Any) -> Iterator[Any]:
    """What only a number of seeds brings in, unless it was given for all."""
    if arguments.seeds or arguments.smoke:
        return
    for experiment in _experiments():
        variants = tuple(variant for variant in experiment.variants if experiment.seeds_of(variant) == 0)
        if variants:
            yield replace(arguments, experiment=experiment.name, variants=variants, seeds=1)


def _experiments() -> list[Experiment]:
    return [load_experiment(name) for name in experiment_names()]
