"""Polyphonic music: the chorales of Bach, with tanh, LSTM and GRU at two published sizes.

Source: Chung et al. 2014 (arXiv:1412.3555), Table 2, about 20,000 parameters; Bai, Kolter & Koltun 2018
(arXiv:1803.01271), Table 1, about 300,000. Every step is a vector of 88 keys, each predicted by itself; the negative
log-likelihood of a step is summed over the keys and averaged over all predicted steps of the test pieces.

What differs: dropout and decoupled weight decay here, weight noise and RMSProp with Chung et al., whose GRU resets
before the product. Their three widths give 27,800, 21,300 and 22,800 parameters here; cells are compared with each
other at 21,300 to 21,600.

Run it with ``lstm-gru reproduce jsb_chorales`` or ``python experiments/jsb_chorales.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstm_gru.baselines.rolls import floors
from lstm_gru.config import TrainConfig
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps
from lstm_gru.metrics import ratio
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.pictures import draw_learning_curves
from lstm_gru.tasks.music import MusicConfig, few_pieces, measured, next_step, read_nats

CORPUS = "jsb_chorales"
TRAIN = TrainConfig(steps=4000, learning_rate=1e-2, warmup_steps=50, weight_decay=0.01, evaluate_every=100)


def variant(cell: str, features: int, dropout: float, rate: float = 1e-2) -> MusicConfig:
    """Return a variant's configuration."""
    model = SequenceConfig(cell=cell, features=features, input_dropout=dropout / 2, dropout=dropout)
    return MusicConfig(model=model, corpus=CORPUS, steps_per_batch=1024, train=replace(TRAIN, learning_rate=rate))


# Small: Chung et al., as many parameters as their LSTM, and as many units; large: the parameters of Bai et al.
VARIANTS = {
    "rnn": variant("rnn", 100, 0.2),
    "lstm": variant("lstm", 36, 0.2, 3e-2),
    "gru": variant("gru", 46, 0.2, 3e-2),
    "rnn_equal": variant("rnn", 82, 0.2),
    "gru_equal": variant("gru", 44, 0.2, 3e-2),
    "gru_36": variant("gru", 36, 0.2, 3e-2),
    "rnn_large": variant("rnn", 455, 0.5, 3e-3),
    "lstm_large": variant("lstm", 219, 0.5, 3e-2),
    "gru_large": variant("gru", 257, 0.5),
}
NAMES = {"rnn": "tanh", "lstm": "LSTM", "gru": "GRU"}
LABELS = {name: f"{NAMES[config.model.cell]}, {config.model.features}" for name, config in VARIANTS.items()}


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the learning curves."""
    return draw_learning_curves(
        directory / "jsb_chorales-learning_curves.png",
        runs,
        "valid_nats",
        caption="Negative log-likelihood of the validation pieces while training",
        labels=LABELS,
        title="Learning curves: validation pieces",
        value_label="nats a step",
    )


EXPERIMENT = Experiment(
    name="jsb_chorales",
    title="Polyphonic music: Bach's chorales",
    data="JSB Chorales, 229 / 76 / 77 pieces as piano rolls of 88 keys (downloaded, or from LSTM_GRU_DATA)",
    reproduces="Chung et al. 2014, Table 2; Bai et al. 2018, Table 1",
    minutes=4,
    variants=VARIANTS,
    folds=lambda config, settings: {"": next_step(config, settings)},
    own=("corpus",),
    learning_rates=(1e-3, 3e-3, 1e-2, 3e-2),
    score=lambda run_dirs: measured(CORPUS, read_nats(run_dirs[""])),
    scores={"nats": "nats a step"},
    headline=("nats",),
    baselines=lambda: {name: measured(CORPUS, nats) for name, nats in floors(CORPUS).items()},
    smoke=lambda config: few_steps(few_pieces(config)),
    peers=dict,
    published={
        "tanh, 100 (Chung et al. 2014; check)": {"nats": 9.10},
        "LSTM, 36 (Chung et al. 2014)": {"nats": 8.67},
        "GRU, 46 (Chung et al. 2014)": {"nats": 8.54},
        "RNN, about 300,000 parameters (Bai et al. 2018)": {"nats": 8.91},
        "LSTM, about 300,000 (Bai et al. 2018)": {"nats": 8.45},
        "GRU, about 300,000 (Bai et al. 2018)": {"nats": 8.43},
    },
    repeats={
        "rnn": "tanh, 100 (Chung et al. 2014; check)",
        "lstm": "LSTM, 36 (Chung et al. 2014)",
        "gru": "GRU, 46 (Chung et al. 2014)",
        "rnn_large": "RNN, about 300,000 parameters (Bai et al. 2018)",
        "lstm_large": "LSTM, about 300,000 (Bai et al. 2018)",
        "gru_large": "GRU, about 300,000 (Bai et al. 2018)",
    },
    plots=plots,
    notes=(
        "Negative log-likelihood of a step in nats, summed over its 88 keys, averaged over the predicted steps of all "
        "test pieces; the first step of a piece is given. The checkpoint and the learning rate are chosen on the "
        "validation pieces. Check: quoted "
        "at second hand.",
    ),
    statistic=ratio,
    unit="piece",
    versus=(
        ("lstm", "gru_equal"),
        ("lstm", "gru_36"),
        ("lstm", "rnn_equal"),
        ("gru_equal", "rnn_equal"),
        ("lstm_large", "gru_large"),
        ("gru_large", "rnn_large"),
    ),
    labels=LABELS,
    decimals=3,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
