"""One layer or several: depth 1 to 4 of tanh, GRU and LSTM at equal parameters, on chorales and on folk tunes.

Source: the two corpora and the score of Boulanger-Lewandowski, Bengio & Vincent 2012 and Chung et al. 2014
(arXiv:1412.3555), as in ``experiments/jsb_chorales.py``. About 100,000 parameters each, so that what is compared is
their shape; dropout of 0.1 after every layer.

Run it with ``lstm-gru reproduce depth`` or ``python experiments/depth.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru.baselines.rolls import floors
from lstm_gru.config import TrainConfig
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps
from lstm_gru.metrics import ratio
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.plots import learning_curves
from lstm_gru.task import Measured, Task
from lstm_gru.tasks.music import MusicConfig, few_pieces, measured, next_step, read_nats

CORPORA = {"jsb_chorales": "chorales", "nottingham": "folk tunes"}
DEPTHS = (1, 2, 3, 4)
# By depth, widths that give 98,600 to 101,200 parameters.
WIDTHS = {"rnn": (240, 155, 125, 107), "gru": (133, 87, 70, 61), "lstm": (112, 74, 60, 52)}
NAMES = {"rnn": "tanh", "gru": "GRU", "lstm": "LSTM"}
TRAIN = TrainConfig(steps=4000, learning_rate=1e-2, warmup_steps=50, weight_decay=0.01, evaluate_every=100)
RATES = {
    "rnn_1": 3e-3,
    "rnn_2": 3e-3,
    "rnn_3": 3e-3,
    "rnn_4": 3e-3,
    "gru_1": 3e-3,
    "gru_2": 3e-3,
    "gru_3": 3e-3,
    "gru_4": 3e-3,
    "lstm_1": 1e-2,
    "lstm_2": 1e-2,
    "lstm_3": 1e-2,
    "lstm_4": 1e-2,
}


def variant(cell: str, depth: int) -> MusicConfig:
    """Return a variant's configuration; the corpus is the fold's."""
    features = WIDTHS[cell][depth - 1]
    model = SequenceConfig(cell=cell, features=features, depth=depth, input_dropout=0.05, dropout=0.1)
    train = replace(TRAIN, learning_rate=RATES[f"{cell}_{depth}"])
    return MusicConfig(model=model, steps_per_batch=512, train=train)


VARIANTS = {f"{cell}_{depth}": variant(cell, depth) for cell in WIDTHS for depth in DEPTHS}
LABELS = {f"{cell}_{depth}": f"{NAMES[cell]}, depth {depth}" for cell in WIDTHS for depth in DEPTHS}


def folds(config: MusicConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each corpus."""
    return {corpus: next_step(replace(config, corpus=corpus), settings) for corpus in CORPORA}


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the scores of a run from the likelihoods that it wrote; paired comparisons are of the chorales."""
    return _measure({corpus: read_nats(run_dir) for corpus, run_dir in run_dirs.items()})


def trivial() -> dict[str, Measured]:
    """Return the scores of what needs no network."""
    found = {corpus: floors(corpus) for corpus in CORPORA}
    return {
        name: _measure({corpus: of_corpus[name] for corpus, of_corpus in found.items()})
        for name in found["jsb_chorales"]
    }


def _measure(nats: Mapping[str, np.ndarray]) -> Measured:
    found = {corpus: measured(corpus, of_pieces) for corpus, of_pieces in nats.items()}
    scores = {f"nats_{corpus}": of_corpus.scores["nats"] for corpus, of_corpus in found.items()}
    return Measured(scores, found["jsb_chorales"].folds if "jsb_chorales" in found else {})


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the score by depth."""
    captions = {}
    for corpus in CORPORA:
        curves = {NAMES[cell]: curve for cell in WIDTHS if (curve := _by_depth(cell, f"nats_{corpus}", records))}
        if curves:
            file, title = f"depth-{corpus}.png", f"Test score by depth at equal parameters, {CORPORA[corpus]}"
            labels = {"value_label": "nats a step", "step_label": "layers"}
            learning_curves(directory / file, title=title, curves=curves, **labels)
            captions[file] = f"Negative log-likelihood of test pieces by depth, 100,000 parameters, {CORPORA[corpus]}"
    return captions


def _by_depth(cell: str, name: str, records: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray] | None:
    """The depths and the scores ``[seeds, depths]`` of the seeds that have all depths."""
    scores = {(r.get("variant"), r.get("seed")): r["scores"].get(name) for r in records}
    seeds = sorted({seed for _, seed in scores if seed is not None})
    rows = [[scores.get((f"{cell}_{depth}", seed)) for depth in DEPTHS] for seed in seeds]
    whole = [row for row in rows if None not in row]
    return (np.array(DEPTHS), np.array(whole)) if whole else None


EXPERIMENT = Experiment(
    name="depth",
    title="One layer or several, at equal parameters",
    data="JSB Chorales and Nottingham as piano rolls of 88 keys (downloaded, or from LSTM_GRU_DATA)",
    reproduces="no published figure; the question of how deep",
    minutes=11,
    variants=VARIANTS,
    folds=folds,
    own=("corpus",),
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=score,
    scores={"nats_jsb_chorales": "chorales, nats a step", "nats_nottingham": "folk tunes, nats a step"},
    headline=("nats_jsb_chorales", "nats_nottingham"),
    baselines=trivial,
    smoke=lambda config: few_steps(few_pieces(config)),
    peers=dict,
    published={},
    plots=plots,
    notes=(
        "Negative log-likelihood of a step in nats, summed over its 88 keys, averaged over the predicted steps of all "
        "test pieces. Equal parameter counts, within 2 %; the checkpoint is chosen on the validation pieces, the "
        "learning rate on those of both corpora together. On folk tunes an LSTM of three layers and more, and tanh of "
        "four, are behind what needs no network: 4,000 updates do not train them.",
    ),
    statistic=ratio,
    unit="piece",
    versus=tuple((f"{cell}_{depth}", f"{cell}_1") for cell in WIDTHS for depth in DEPTHS[1:]),
    labels=LABELS,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
