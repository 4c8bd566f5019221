"""Polyphonic music: folk tunes of Nottingham, with tanh, LSTM and GRU at two published sizes.

Source: Chung et al. 2014 (arXiv:1412.3555), Table 2, about 20,000 parameters; Bai, Kolter & Koltun 2018
(arXiv:1803.01271), Table 1, about a million. The score and what differs are those of the chorales
(``experiments/jsb_chorales.py``).

Run it with ``lstm-gru reproduce nottingham`` or ``python experiments/nottingham.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstm_gru.baselines.rolls import floors
from lstm_gru.config import TrainConfig
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps, shorter
from lstm_gru.metrics import ratio
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.pictures import draw_learning_curves
from lstm_gru.tasks.music import MusicConfig, few_pieces, measured, next_step, read_nats

CORPUS = "nottingham"
SMALL = TrainConfig(steps=24_000, learning_rate=1e-2, warmup_steps=100, weight_decay=0.01, evaluate_every=400)
LARGE = replace(SMALL, steps=6000, evaluate_every=200)
RATES = {
    "rnn": 1e-2,
    "lstm": 1e-2,
    "gru": 1e-2,
    "rnn_equal": 1e-2,
    "gru_equal": 1e-2,
    "rnn_large": 3e-3,
    "lstm_large": 1e-2,
    "gru_large": 3e-3,
}


def variant(name: str, cell: str, features: int) -> MusicConfig:
    """Return a variant's configuration."""
    dropout, train = (0.2, LARGE) if name.endswith("_large") else (0.0, SMALL)
    model = SequenceConfig(cell=cell, features=features, input_dropout=dropout / 2, dropout=dropout)
    train = replace(train, learning_rate=RATES[name])
    return MusicConfig(model=model, corpus=CORPUS, steps_per_batch=512, train=train)


# Small: Chung et al., and as many parameters as their LSTM; large: the parameters of Bai et al.
WIDTHS = {
    "rnn": ("rnn", 100),
    "lstm": ("lstm", 36),
    "gru": ("gru", 46),
    "rnn_equal": ("rnn", 82),
    "gru_equal": ("gru", 44),
    "rnn_large": ("rnn", 915),
    "lstm_large": ("lstm", 448),
    "gru_large": ("gru", 521),
}
VARIANTS = {name: variant(name, cell, features) for name, (cell, features) in WIDTHS.items()}
NAMES = {"rnn": "tanh", "lstm": "LSTM", "gru": "GRU"}
LABELS = {name: f"{NAMES[config.model.cell]}, {config.model.features}" for name, config in VARIANTS.items()}


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the learning curves."""
    return draw_learning_curves(
        directory / "nottingham-learning_curves.png",
        runs,
        "valid_nats",
        caption="Negative log-likelihood of the validation tunes while training",
        labels=LABELS,
        title="Learning curves: validation tunes",
        value_label="nats a step",
    )


EXPERIMENT = Experiment(
    name="nottingham",
    title="Polyphonic music: folk tunes",
    data="Nottingham, 694 / 173 / 170 tunes as piano rolls of 88 keys (downloaded, or from LSTM_GRU_DATA)",
    reproduces="Chung et al. 2014, Table 2; Bai et al. 2018, Table 1",
    minutes=15,
    variants=VARIANTS,
    folds=lambda config, settings: {"": next_step(config, settings)},
    own=("corpus",),
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=lambda run_dirs: measured(CORPUS, read_nats(run_dirs[""])),
    scores={"nats": "nats a step"},
    headline=("nats",),
    baselines=lambda: {name: measured(CORPUS, nats) for name, nats in floors(CORPUS).items()},
    smoke=lambda config: few_steps(few_pieces(config)),
    peers=dict,
    published={
        "tanh, 100 (Chung et al. 2014; check)": {"nats": 3.13},
        "LSTM, 36 (Chung et al. 2014; check)": {"nats": 3.20},
        "GRU, 46 (Chung et al. 2014; check)": {"nats": 3.23},
        "RNN, about 1,000,000 parameters (Bai et al. 2018)": {"nats": 4.05},
        "LSTM, about 1,000,000 (Bai et al. 2018)": {"nats": 3.29},
        "GRU, about 1,000,000 (Bai et al. 2018)": {"nats": 3.46},
    },
    repeats={
        "rnn": "tanh, 100 (Chung et al. 2014; check)",
        "lstm": "LSTM, 36 (Chung et al. 2014; check)",
        "gru": "GRU, 46 (Chung et al. 2014; check)",
        "rnn_large": "RNN, about 1,000,000 parameters (Bai et al. 2018)",
        "lstm_large": "LSTM, about 1,000,000 (Bai et al. 2018)",
        "gru_large": "GRU, about 1,000,000 (Bai et al. 2018)",
    },
    plots=plots,
    notes=(
        "Negative log-likelihood of a step in nats, summed over its 88 keys, averaged over the predicted steps of all "
        "test tunes; the first step of a tune is given. The checkpoint and the learning rate are chosen on the "
        "validation tunes, the rate in runs half as long. Check: quoted at second hand.",
        "The large models have 6,000 updates of 512 steps, where the small ones have 24,000 of them. All three are "
        "best at their last updates: RNN and GRU have not learned in these what they can.",
    ),
    trial=lambda config: shorter(config, times=2),
    close=0.03,
    statistic=ratio,
    unit="tune",
    versus=(
        ("lstm", "gru_equal"),
        ("lstm", "rnn_equal"),
        ("gru_equal", "rnn_equal"),
        ("lstm_large", "gru_large"),
        ("gru_large", "rnn_large"),
    ),
    labels=LABELS,
    seeds=dict.fromkeys(("rnn_large", "lstm_large", "gru_large"), 1),
    decimals=3,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
