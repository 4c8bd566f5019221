"""Which parts an LSTM needs: each of them left out, on the chorales of Bach, beside GRU, minGRU and minLSTM.

Source: Greff et al. 2017, "LSTM: A Search Space Odyssey" (arXiv:1503.04069), section III: an LSTM with peepholes, and
eight networks that lack one part of it or have one more, on the same corpus. What differs: they keep the width and
search for learning rate, momentum and noise in 200 trials each; here widths give equal parameter counts, and the
learning rate is one of three.

Run it with ``lstm-gru reproduce lstm_ablations`` or ``python experiments/lstm_ablations.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from lstm_gru.baselines.rolls import floors
from lstm_gru.config import TrainConfig
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps
from lstm_gru.metrics import ratio
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.plots import distributions
from lstm_gru.tasks.music import MusicConfig, few_pieces, measured, next_step, read_nats

CORPUS, SEEDS, WHOLE = "jsb_chorales", 10, "peephole_lstm"
TRAIN = TrainConfig(steps=4000, learning_rate=1e-2, warmup_steps=50, weight_decay=0.01, evaluate_every=100)
# Widths give equal parameter counts, 21,256 to 21,634.
WIDTHS = {
    **{"peephole_lstm": 36, "lstm": 36, "lstm_nig": 44, "lstm_nfg": 44, "lstm_nog": 44, "lstm_niaf": 36},
    **{"lstm_noaf": 36, "lstm_cifg": 44, "lstm_fgr": 27, "gru": 44, "mingru": 80, "minlstm": 60},
}
RATES = {
    "peephole_lstm": 3e-2,
    "lstm": 3e-2,
    "lstm_nig": 3e-2,
    "lstm_nfg": 3e-2,
    "lstm_nog": 3e-2,
    "lstm_niaf": 3e-2,
    "lstm_noaf": 3e-2,
    "lstm_cifg": 3e-2,
    "lstm_fgr": 3e-2,
    "gru": 3e-2,
    "mingru": 1e-2,
    "minlstm": 3e-2,
}
LABELS = {
    "peephole_lstm": "LSTM with peepholes",
    "lstm": "no peepholes",
    "lstm_nig": "no input gate",
    "lstm_nfg": "no forget gate",
    "lstm_nog": "no output gate",
    "lstm_niaf": "no input activation",
    "lstm_noaf": "no output activation",
    "lstm_cifg": "f = 1 - i",
    "lstm_fgr": "full gate recurrence",
    "mingru": "minGRU",
    "minlstm": "minLSTM",
}


def variant(cell: str) -> MusicConfig:
    """Return a cell's configuration."""
    model = SequenceConfig(cell=cell, features=WIDTHS[cell], input_dropout=0.1, dropout=0.2)
    train = replace(TRAIN, learning_rate=RATES[cell])
    return MusicConfig(model=model, corpus=CORPUS, steps_per_batch=1024, train=train)


VARIANTS = {cell: variant(cell) for cell in WIDTHS}


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the score of each run, and the median of the whole LSTM."""
    found = {cell: [r["scores"]["nats"] for r in records if r.get("variant") == cell] for cell in VARIANTS}
    values = {LABELS.get(cell, cell.upper()): nats for cell, nats in found.items() if nats}
    if not values:
        return {}
    file = "lstm_ablations-nats.png"
    whole = (f"median of {LABELS[WHOLE]}", median(found[WHOLE])) if found[WHOLE] else None
    distributions(
        directory / file,
        title="An LSTM without one of its parts, Bach's chorales, test",
        value_label="nats a step",
        values=values,
        reference=whole,
    )
    return {file: "Negative log-likelihood of the test pieces without each part, one point a run"}


EXPERIMENT = Experiment(
    name="lstm_ablations",
    title="Which parts an LSTM needs: Bach's chorales without each of them",
    data="JSB Chorales, 229 / 76 / 77 pieces as piano rolls of 88 keys (downloaded, or from LSTM_GRU_DATA)",
    reproduces="the comparison of Greff et al. 2017, at equal parameters (its figures are drawn, not printed)",
    minutes=2,
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
    published={},
    plots=plots,
    notes=(
        "Negative log-likelihood of a step in nats, summed over its 88 keys, averaged over the predicted steps of all "
        "test pieces. The checkpoint and the learning rate are chosen on the validation pieces. Widths give equal "
        "parameter counts, within 2 %. As published, what lacks a gate or an activation has peepholes; the LSTM with "
        "peepholes, from which the paper starts, is behind the one without them here.",
    ),
    statistic=ratio,
    unit="piece",
    versus=tuple((cell, WHOLE) for cell in VARIANTS if cell != WHOLE),
    labels=LABELS,
    seeds=dict.fromkeys(VARIANTS, SEEDS),
    decimals=3,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
