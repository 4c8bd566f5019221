"""Copying ten symbols after a long delay: which cell keeps them at all, and from which forget bias.

Source: the copy memory of Arjovsky, Shah & Bengio 2016 (arXiv:1511.06464), section 4.1, in the form of Bai, Kolter &
Koltun 2018 (arXiv:1803.01271), Table 1: about 16,000 parameters; saying blank and then guessing costs
10 ln 8 / (T + 20) nats a step. The biases: Jozefowicz, Zaremba & Sutskever 2015, section 2.2; Tallec & Ollivier 2018,
section 2.2, with the delay as the longest dependency to expect.

A delay of 1,000 is trained only when it is asked for, by
``lstm-gru reproduce copy_memory --variants rnn_1000 lstm_1000 gru_1000``.

Run it with ``lstm-gru reproduce copy_memory`` or ``python experiments/copy_memory.py``.
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
from lstm_gru.pictures import draw_learning_curves
from lstm_gru.task import Measured, Task
from lstm_gru.tasks.memory import MemoryConfig, chance, few_sequences, memory, read_losses
from lstm_gru.tasks.starts import VERSUS, labels, variants

DELAYS = (200, 1000)
WIDTHS = {"rnn": 116, "irnn": 116, "mgu": 82, "gru": 66, "lstm": 57}  # About 16,000 parameters.
TRAIN = TrainConfig(steps=2000, learning_rate=1e-2, warmup_steps=50, evaluate_every=100)
RATES = {
    "rnn": 3e-2,
    "irnn": 3e-3,
    "mgu": 3e-2,
    "gru": 3e-2,
    "gru_1": 3e-2,
    "gru_chrono": 3e-2,
    "lstm_0": 3e-2,
    "lstm": 3e-2,
    "lstm_chrono": 3e-2,
}
LONG_RATES = {"rnn": 3e-3, "gru": 3e-2, "lstm": 3e-2, "lstm_chrono": 3e-2}
SHORT = MemoryConfig(problem="copy", time=200, train=TRAIN)
VARIANTS = variants(SHORT, WIDTHS, RATES) | variants(replace(SHORT, time=1000), WIDTHS, LONG_RATES, "_1000")


def folds(config: MemoryConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return the one task.

    Raises:
      InputError: on a delay that the tables have no place for.
    """
    if config.time not in DELAYS or config.problem != "copy":
        raise InputError(f"copy_memory: problem = {config.problem!r}, time = {config.time}; expected copy, 200 or 1000")
    return {f"T = {config.time}": memory(config, settings)}


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the score of what a run's network said, and of each sequence its loss."""
    [(fold, run_dir)] = run_dirs.items()
    return _measure(int(fold.split()[-1]), read_losses(run_dir))


def trivial() -> dict[str, Measured]:
    """Return the loss of saying blank, and of guessing where symbols are to be said, exact."""
    config = VARIANTS["gru"]
    found = [_measure(time, np.full(config.evaluated, chance(replace(config, time=time)))) for time in DELAYS]
    scores = {name: value for measured in found for name, value in measured.scores.items()}
    return {"blank, then guessing, exact": Measured(scores, found[0].folds)}


def _measure(time: int, losses: np.ndarray) -> Measured:
    scores = {f"nats_{time}": float(np.mean(losses))}
    return Measured(scores, {f"{number}": [float(loss), 1.0] for number, loss in enumerate(losses, start=1)})


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw how the loss falls while training."""
    captions = {}
    for delay in DELAYS:
        title = f"Copying after a delay of {delay:,} steps"
        captions |= draw_learning_curves(
            directory / f"copy_memory-learning_curves_{delay}.png",
            {variant: seeds for variant, seeds in runs.items() if VARIANTS[variant].time == delay},
            "valid_loss",
            caption=f"{title}: validation loss while training",
            labels=EXPERIMENT.labels,
            title=title,
            value_label="nats a step",
            reference=("guessing", chance(replace(VARIANTS["gru"], time=delay))),
            logarithm=True,
        )
    return captions


EXPERIMENT = Experiment(
    name="copy_memory",
    title="Long memory: copying ten symbols after a delay",
    data="generated: new sequences at every update, 1,000 to validate and 1,000 to test",
    reproduces="the copy memory of Bai et al. 2018, Table 1, at delays of 200 and 1,000",
    minutes=2,
    variants=VARIANTS,
    folds=folds,
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=score,
    scores={f"nats_{delay}": f"nats a step, T = {delay:,}" for delay in DELAYS},
    headline=tuple(f"nats_{delay}" for delay in DELAYS),
    baselines=trivial,
    smoke=lambda config: few_steps(few_sequences(config)),
    peers=dict,
    published={
        "LSTM, about 16,000 parameters (Bai et al. 2018)": {"nats_1000": 0.0204},
        "GRU, about 16,000 (Bai et al. 2018)": {"nats_1000": 0.0197},
        "RNN, about 16,000 (Bai et al. 2018)": {"nats_1000": 0.0202},
    },
    repeats={
        "rnn_1000": "RNN, about 16,000 (Bai et al. 2018)",
        "gru_1000": "GRU, about 16,000 (Bai et al. 2018)",
        "lstm_1000": "LSTM, about 16,000 parameters (Bai et al. 2018)",
    },
    repeated="nats_1000",
    plots=plots,
    notes=(
        "Cross-entropy in nats, averaged over all T + 20 steps of 1,000 test sequences. Two thousand updates of 32 new "
        "sequences; the learning rate is the best on validation.",
        "The published figures have four decimals: the LSTM's is that of chance, and so is ours, from which it is told "
        "by rounding only.",
        "The bias is that with which the gate starts that keeps the old state, an LSTM's f, a GRU's z; chrono draws it "
        "for memories of up to T steps.",
    ),
    statistic=ratio,
    unit="sequence",
    versus=VERSUS,
    labels=labels(RATES) | labels(LONG_RATES, "_1000", 1000),
    seeds={name: 0 for name, config in VARIANTS.items() if config.time == 1000},
    decimals=5,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
