"""Adding two marked numbers of a long sequence: which cell remembers, how far, and from which forget bias.

Source: the adding problem of Hochreiter & Schmidhuber 1997, section 5.4, in the form of Bai, Kolter & Koltun 2018
(arXiv:1803.01271), Table 1: about 70,000 parameters, the squared error of the sum; always guessing 1 has 1/6. The
biases: Jozefowicz, Zaremba & Sutskever 2015, section 2.2; Tallec & Ollivier 2018, section 2.2, with the length as the
longest dependency to expect; the identity for rectified units: Le, Jaitly & Hinton 2015, section 4.1. What differs: new
sequences at every update, where Bai et al. draw 50,000 once.

Each length is a network of its own. Length 600 is trained only when it is asked for, by
``lstm-gru reproduce adding --variants gru_600 lstm_chrono_600``.

Run it with ``lstm-gru reproduce adding`` or ``python experiments/adding.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru.config import TrainConfig
from lstm_gru.errors import InputError
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps
from lstm_gru.metrics import ratio
from lstm_gru.pictures import validation_curves
from lstm_gru.plots import learning_curves
from lstm_gru.task import Measured, Task
from lstm_gru.tasks.memory import MemoryConfig, chance, evaluated, few_sequences, memory, read_losses
from lstm_gru.tasks.starts import VERSUS, labels, variants

TIMES = {200: (10, 25, 50, 100, 200), 600: (600,)}  # By the longest one, the lengths that are trained.
WIDTHS = {"rnn": 263, "irnn": 263, "mgu": 185, "gru": 151, "lstm": 131}  # About 70,000 parameters.
TRAIN = TrainConfig(steps=2000, learning_rate=1e-2, warmup_steps=50, evaluate_every=100)
RATES = {
    "rnn": 3e-3,
    "irnn": 3e-2,
    "mgu": 1e-2,
    "gru": 3e-2,
    "gru_1": 1e-2,
    "gru_chrono": 1e-2,
    "lstm_0": 3e-2,
    "lstm": 3e-2,
    "lstm_chrono": 3e-2,
}
LONG_RATES = {"gru": 1e-2, "lstm": 3e-2, "lstm_chrono": 3e-2}
SHORT = MemoryConfig(problem="adding", time=200, train=TRAIN)
VARIANTS = variants(SHORT, WIDTHS, RATES) | variants(replace(SHORT, time=600), WIDTHS, LONG_RATES, "_600")


def folds(config: MemoryConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each length.

    Raises:
      InputError: on a length that the tables have no place for.
    """
    if config.time not in TIMES or config.problem != "adding":
        raise InputError(f"adding: problem = {config.problem!r}, time = {config.time}; expected adding, 200 or 600")
    return {f"T = {time}": memory(replace(config, time=time), settings) for time in TIMES[config.time]}


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the scores of what a run's networks said, and the error of each of its longest sequences."""
    return _measure({int(fold.split()[-1]): read_losses(path) for fold, path in run_dirs.items()})


def trivial() -> dict[str, Measured]:
    """Return the errors of always guessing 1."""
    config = VARIANTS["gru"]
    targets = {time: evaluated(replace(config, time=time), "test").target for times in TIMES.values() for time in times}
    return {"always 1": _measure({time: (target - 1.0) ** 2 for time, target in targets.items()})}


def _measure(losses: Mapping[int, np.ndarray]) -> Measured:
    scores = {f"error_{time}": float(np.mean(loss)) for time, loss in losses.items()}
    longest = losses.get(200, losses.get(600, ()))  # Always 1 has both; what is tried out may have neither.
    return Measured(scores, {f"{number}": [float(loss), 1.0] for number, loss in enumerate(longest, start=1)})


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the error by length, and how it falls while training."""
    captions = {}
    if by_length := _by_length(records):
        file, title = "adding-error_by_length.png", "Adding: error by the length of the sequences"
        _draw(directory / file, title, by_length, step_label="length T")
        captions[file] = f"{title}; a network for each length"
    for longest, times in TIMES.items():
        long_enough = {variant: seeds for variant, seeds in runs.items() if VARIANTS[variant].time == longest}
        if long_enough:
            fold = f"T = {times[-1]}"
            curves = validation_curves(long_enough, "valid_loss", [fold])
            file, title = f"adding-learning_curves_{longest}.png", f"Adding, {fold}: validation error while training"
            _draw(directory / file, title, {EXPERIMENT.label(variant): curve for variant, curve in curves.items()})
            captions[file] = title
    return captions


def _by_length(records: Sequence[Mapping[str, Any]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    times, curves = TIMES[200], {}
    for variant, config in VARIANTS.items():
        found = [r["scores"] for r in records if r.get("variant") == variant and config.time == times[-1]]
        if found:
            errors = np.array([[scores[f"error_{time}"] for time in times] for scores in found])
            curves[EXPERIMENT.label(variant)] = np.array(times), errors
    return curves


def _draw(path: Path, title: str, curves: Mapping[str, tuple[np.ndarray, np.ndarray]], **more: Any) -> None:
    reference = ("always 1", chance(VARIANTS["gru"]))
    learning_curves(
        path, title=title, value_label="squared error", curves=curves, reference=reference, logarithm=True, **more
    )


EXPERIMENT = Experiment(
    name="adding",
    title="Long memory: adding two marked numbers",
    data="generated: new sequences at every update, 1,000 to validate and 1,000 to test",
    reproduces="the adding problem of Bai et al. 2018, Table 1, at lengths from 10 to 600",
    minutes=45,
    variants=VARIANTS,
    folds=folds,
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=score,
    scores={f"error_{time}": f"T = {time}" for time in (200, 100, 50, 25, 10, 600)},
    headline=("error_10", "error_25", "error_50", "error_100", "error_200", "error_600"),
    baselines=trivial,
    smoke=lambda config: few_steps(few_sequences(config)),
    peers=dict,
    published={
        "LSTM, about 70,000 parameters (Bai et al. 2018)": {"error_600": 0.164},
        "GRU, about 70,000 (Bai et al. 2018)": {"error_600": 5.3e-5},
        "RNN, about 70,000 (Bai et al. 2018)": {"error_600": 0.177},
    },
    repeats={
        "gru_600": "GRU, about 70,000 (Bai et al. 2018)",
        "lstm_600": "LSTM, about 70,000 parameters (Bai et al. 2018)",
    },
    repeated="error_600",
    plots=plots,
    notes=(
        "Squared error of the sum of two marked numbers, 1,000 test sequences of each length; always guessing 1 has "
        "1/6 in expectation. A network for each length, 2,000 updates of 32 new sequences, and one learning rate for "
        "all lengths of a variant, the best on validation.",
        "The bias is that with which the gate starts that keeps the old state, an LSTM's f, a GRU's z; chrono draws it "
        "for memories of up to T = 200 (or 600) steps.",
    ),
    statistic=ratio,
    unit="sequence",
    versus=VERSUS,
    labels=labels(RATES) | labels(LONG_RATES, "_600", 600),
    seeds={name: 0 for name, config in VARIANTS.items() if config.time == 600},
    decimals=5,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
