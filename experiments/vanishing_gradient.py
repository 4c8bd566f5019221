"""The vanishing gradient, measured: how much the error at the end depends on the state k steps before, cell by cell.

Source: Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013 (arXiv:1211.5063), section 2. The norm of
∂ loss / ∂ s_{T-k}, for all that is carried on together, an LSTM's c and h, on sequences of the adding problem, whose
answer is said at the last step; before training, and of the parameters with the best validation error.

Run it with ``lstm-gru reproduce vanishing_gradient`` or ``python experiments/vanishing_gradient.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig
from lstm_gru.errors import InputError
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps
from lstm_gru.files import require_json, write_json
from lstm_gru.inside import gradient_norms
from lstm_gru.plots import learning_curves
from lstm_gru.task import Measured, Params, Task
from lstm_gru.tasks.memory import MemoryConfig, chance, evaluated, few_sequences, memory, read_losses
from lstm_gru.tasks.starts import labels, variants
from lstm_gru.training.loop import initial_params

NORMS_FILE, ROWS = "gradient_norms-test.json", 100
WHEN = ("before", "after")
BACK, REMAINS = 100, 0.01
WIDTHS = {"rnn": 128, "gru": 74, "lstm": 64}  # About 17,000 parameters.
TRAIN = TrainConfig(steps=4000, learning_rate=1e-2, warmup_steps=50, evaluate_every=100)
RATES = {"rnn": 3e-3, "gru": 3e-2, "gru_1": 3e-2, "lstm_0": 3e-2, "lstm": 3e-2, "lstm_chrono": 1e-2}
VARIANTS = variants(MemoryConfig(problem="adding", time=200, train=TRAIN), WIDTHS, RATES)


def folds(config: MemoryConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return the one task, which also writes the norms of gradients.

    Raises:
      InputError: on what the measurement is not made for.
    """
    if config.problem != "adding" or config.model.depth != 1 or config.time <= BACK:
        raise InputError(
            f"vanishing_gradient: problem = {config.problem!r}, depth = {config.model.depth}, time = {config.time}; "
            f"expected adding, 1 and more than {BACK}"
        )
    task = memory(config, settings)

    def finish(params: Params, run_dir: Path) -> None:
        task.finish(params, run_dir)
        several = zip(WHEN, (initial_params(task, config.train.seed), params), strict=True)
        write_json(run_dir / NORMS_FILE, {when: norms(config, weights).tolist() for when, weights in several})

    return {"": replace(task, finish=finish)}


def norms(config: MemoryConfig, params: Params) -> np.ndarray:
    """Return the norms of the gradient of each test sequence's error k steps before its end, averaged, ``[T]``."""
    xs, target = (leaf[:ROWS] for leaf in evaluated(config, "test"))
    cell, out = config.model.make_cell(), params["out"]

    def error(hidden: jax.Array) -> jax.Array:
        return jnp.square((hidden @ out["kernel"] + out["bias"][None])[:, 0] - target)

    return np.asarray(gradient_norms(cell, params["layers"]["weights"][0], jnp.asarray(xs), error))


def read_norms(run_dir: Path) -> dict[str, np.ndarray]:
    """Return the norms that a finished run wrote, before and after training.

    Raises:
      InputError: where there is no such run.
    """
    found = require_json(run_dir / NORMS_FILE, "vanishing_gradient")
    return {when: np.array(found[when]) for when in WHEN}


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return how far gradients of a run reach, and its error."""
    (run_dir,) = run_dirs.values()
    scores = {"error": float(np.mean(read_losses(run_dir)))}
    for when, found in read_norms(run_dir).items():
        scores[f"reach_{when}"] = float(reach(found))
        scores[f"remains_{when}"] = float(np.log10(np.maximum(found[BACK] / found[0], np.finfo(np.float32).tiny)))
    return Measured(scores, {})


def reach(found: np.ndarray) -> int:
    """Return for how many steps back, without a break, the gradient is at least a hundredth of that at the end.

    Example:
      >>> reach(np.array([2.0, 1.0, 0.03, 0.01, 0.5]))
      2
    """
    enough = np.append(found >= REMAINS * found[0], False)
    return int(np.argmin(enough)) - 1


def trivial() -> dict[str, Measured]:
    """Return the error of always guessing 1."""
    target = evaluated(VARIANTS["rnn"], "test").target
    return {"always 1": Measured({"error": float(np.mean((target - 1.0) ** 2))}, {})}


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the norms by the number of steps back, before and after training."""
    captions = {}
    found = {
        variant: [read_norms(run_dir) for folds in seeds.values() for run_dir in folds.values()]
        for variant, seeds in runs.items()
    }
    for when in WHEN if found else ():
        file, title = f"vanishing_gradient-{when}.png", f"Gradient of the last error, {when} training"
        curves = {EXPERIMENT.label(variant): _shares(runs, when) for variant, runs in found.items()}
        learning_curves(
            directory / file,
            title=title,
            value_label="norm, that at the end is 1",
            step_label="steps back",
            curves=curves,
            logarithm=True,
        )
        captions[file] = f"Norm of the gradient by the number of steps back, {when} training on the adding problem"
    return captions


def _shares(runs: Sequence[Mapping[str, np.ndarray]], when: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([run[when] / run[when][0] for run in runs])
    return np.arange(values.shape[1]), np.where(values > 0, values, np.nan)


EXPERIMENT = Experiment(
    name="vanishing_gradient",
    title="The vanishing gradient, measured",
    data="generated: sequences of the adding problem with T = 200",
    reproduces="the effect that Bengio et al. 1994 describe; no published figure",
    minutes=3,
    variants=VARIANTS,
    folds=folds,
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=score,
    scores={
        "error": "error",
        "reach_before": "steps back, before training",
        "reach_after": "steps back, after",
        "remains_before": f"left after {BACK} steps, before, log₁₀",
        "remains_after": f"left after {BACK} steps, after, log₁₀",
    },
    headline=("reach_before", "reach_after", "remains_before", "remains_after", "error"),
    baselines=trivial,
    smoke=lambda config: few_steps(few_sequences(config)),
    peers=dict,
    published={},
    plots=plots,
    notes=(
        "Norm of the gradient of the squared error with respect to what is carried on, averaged over 100 test "
        "sequences. Steps back: for how many steps it is at least a hundredth of that at the last one. Left: the share "
        f"of it {BACK} steps before the end, as a power of ten; -38 is where float32 ends.",
        f"Error: the squared error of the adding problem with T = 200; always guessing 1 has "
        f"{chance(VARIANTS['rnn']):.3f} in expectation. Equal parameter counts, within 3 %; the learning rate is the "
        "best on validation.",
    ),
    labels=labels(VARIANTS),
    decimals=2,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
