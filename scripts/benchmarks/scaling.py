"""Training steps a second on one and on two host devices, each in a process of its own, in interleaved rounds."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax

from benchmarks.process import Measuring
from lstm_gru.data.series import page_views
from lstm_gru.experiment import load_experiment
from lstm_gru.task import Task
from lstm_gru.tasks.forecasting import Parts, forecasting
from lstm_gru.tasks.seasonal import seasonal_forecasting
from lstm_gru.tasks.translation import translation
from lstm_gru.training.allocator import keep_freed_memory
from lstm_gru.training.devices import all_devices
from lstm_gru.training.loop import initial_params
from lstm_gru.training.manifest import manifest
from lstm_gru.training.step import compiled_update, initial_state

DEVICES = (1, 2)
FIRST, WARM, STEPS = 40, 4, 40  # Steps before the first round, until all shapes are compiled; before any; and counted.


def _translation() -> tuple[Task, Any]:
    """Multi30k's model, on sentences that are made."""
    config = load_experiment("multi30k").config("bigru_attention")
    config = replace(config, data=load_experiment("translation_grammar").config("gru").data)
    return translation(config, {}), config.train


def _season() -> tuple[Task, Any]:
    config = load_experiment("page_views").config("gru")
    return seasonal_forecasting(page_views(), 2500, config, {}), config.train


def _visitors() -> tuple[Task, Any]:
    config = load_experiment("website_visitors").config("gru")
    return forecasting(page_views(), Parts(train_end=2000, valid_end=2365), config, {}), config.train


# What is trained, and by which name the document calls it. None needs a file that is not here.
TASKS: dict[str, Callable[[], tuple[Task, Any]]] = {
    "translation (BiGRU with attention of `multi30k`)": _translation,
    "forecasting (GRU of `page_views`)": _season,
    "short forecasting (GRU of `website_visitors`)": _visitors,
}


def measure(rounds: int) -> dict[str, Any]:
    """Return for each task the shapes of its parameters, and by devices the seconds a step of every round."""
    found = []
    for name in TASKS:
        workers = {count: Measuring("scaling", name, {"JAX_NUM_CPU_DEVICES": f"{count}"}) for count in DEVICES}
        try:
            shapes, *_ = [workers[count].ask("shapes") for count in DEVICES]  # All are ready then.
            seconds = {f"{count}": [] for count in DEVICES}
            for number in range(rounds):
                for count in DEVICES[:: 1 if number % 2 else -1]:
                    seconds[f"{count}"].append(workers[count].ask("round"))
                said = ", ".join(f"{1e3 * taken[-1]:.2f} ms on {count}" for count, taken in seconds.items())
                print(f"{name}, round {number + 1} of {rounds}: {said}", file=sys.stderr, flush=True)
            found.append({"task": name, "shapes": shapes, "seconds": seconds})
        finally:
            for worker in workers.values():
                worker.close()
    return {"measured": found, "made_with": manifest()}


def _serve(name: str) -> None:
    """Answer ``"shapes"`` on standard input with those of the parameters, ``"round"`` with the seconds of a step."""
    keep_freed_memory()
    task, config = TASKS[name]()
    devices = replace(all_devices(), shared=task.shared)
    params = initial_params(task, config.seed)
    update = compiled_update(task.loss, replace(config, seed=0), devices)
    state, key = devices.place(initial_state(params, config)), devices.place_everywhere(jax.random.key(1))
    shapes = [list(leaf.shape) for leaf in jax.tree.leaves(params)]
    step, warm = 0, FIRST
    for line in sys.stdin:
        if json.loads(line) == "shapes":
            print(json.dumps(shapes), flush=True)
            continue
        for number in range(warm + STEPS):
            if number == warm:
                began = time.perf_counter()
            state, metrics = update(state, devices.place_batch(task.batch(step)), key)
            jax.block_until_ready(metrics)
            step += 1
        print(json.dumps((time.perf_counter() - began) / STEPS), flush=True)
        warm = WARM


if __name__ == "__main__":
    _serve(sys.argv[1])
