"""Where the answer lies: tags that only the past tells, only the future, or both, read in every direction.

Each letter of a random sequence is tagged with the one two places before it, two places after it, or with both. The
best accuracy of a model that reads in one direction is known exactly (`lstm_gru.data.one_sided`) and is a row of the
table; what remains is whether each cell gets there, and whether reading from both ends costs anything where one side
would do.

Run it with ``lstm-gru reproduce directions`` or ``python experiments/directions.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru.config import TrainConfig
from lstm_gru.data.one_sided import KINDS, best_accuracy
from lstm_gru.data.tagged_corpora import TaggedCorpusConfig
from lstm_gru.errors import InputError
from lstm_gru.experiment import Experiment, FinishedRuns, few_steps
from lstm_gru.metrics import percentage
from lstm_gru.models.reader import DIRECTIONS
from lstm_gru.models.tagger import TaggerConfig
from lstm_gru.pictures import draw_learning_curves
from lstm_gru.task import Measured, Task
from lstm_gru.tasks.tagged_words import read_words, right_and_all, words_path
from lstm_gru.tasks.tagging import TaggingConfig, few_sentences, tagging

TRAIN = TrainConfig(steps=600, learning_rate=1e-2, warmup_steps=20, evaluate_every=100)
RATES = {
    **{"rnn_backward": 3e-2, "rnn_bidirectional": 3e-3, "lstm_backward": 3e-2},
    **{"lstm_bidirectional": 3e-2, "gru_backward": 3e-2, "gru_bidirectional": 3e-3},
}  # The others have that of TRAIN.
# Widths give equal parameter counts, 3,247 to 3,340 where the answer is in both.
WIDTHS = {"rnn": (43, 27), "lstm": (22, 14), "gru": (25, 16)}


def variant(cell: str, direction: str) -> TaggingConfig:
    """Return a variant's configuration; the corpus is the fold's."""
    model = TaggerConfig(
        cell=cell,
        direction=direction,
        features=WIDTHS[cell][direction == "bidirectional"],
        word_features=8,
        character_features=0,
        word_dropout=0.0,
        noise=0.0,
    )
    train = replace(TRAIN, learning_rate=RATES.get(f"{cell}_{direction}", TRAIN.learning_rate))
    return TaggingConfig(model=model, data=TaggedCorpusConfig(corpus="past"), train=train)


VARIANTS = {f"{cell}_{direction}": variant(cell, direction) for cell in WIDTHS for direction in DIRECTIONS}


def folds(config: TaggingConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each side on which the answer may lie.

    Raises:
      InputError: on own files, whose sides nobody knows.
    """
    if config.data.train_file:
        raise InputError("directions: train_file = ...; expected no files, since its sentences are made")
    return {kind: tagging(replace(config, data=replace(config.data, corpus=kind)), settings) for kind in KINDS}


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the scores of the tags that a run's folds wrote."""
    counts = {kind: right_and_all(read_words(words_path(path, "test"))) for kind, path in run_dirs.items()}
    scores = {kind: float(percentage(count.sum(axis=0))) for kind, count in counts.items()}
    sentences = np.sum(list(counts.values()), axis=0).astype(float)
    return Measured(
        _with_mean(scores),
        {f"{number}": row.tolist() for number, row in enumerate(sentences, start=1)},
    )


def possible() -> dict[str, Measured]:
    """Return what can be expected at best of a model that reads in one direction, whatever it is."""
    found = {}
    for direction in ("forward", "backward"):
        scores = {kind: best_accuracy(kind, direction) for kind in KINDS}
        found[f"guessing what is not read {direction}, exact"] = Measured(_with_mean(scores), {})
    return found


def _with_mean(scores: Mapping[str, float]) -> dict[str, float]:
    return {"accuracy": float(np.mean(list(scores.values()))), **scores}


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw the learning curves of the tags that need both sides."""
    return draw_learning_curves(
        directory / "directions-learning_curves.png",
        runs,
        "valid_accuracy",
        caption="Validation accuracy while training, tags that need both sides",
        labels=LABELS,
        folds=["both"],
        title="Learning curves: tags that need the past and the future",
        value_label="accuracy (%)",
    )


LABELS = {
    f"{cell}_{direction}": f"Bi{cell.upper()}" if direction == "bidirectional" else f"{cell.upper()} {direction}"
    for cell in WIDTHS
    for direction in DIRECTIONS
}

EXPERIMENT = Experiment(
    name="directions",
    title="Where the answer lies: past, future or both, read forward, backward and from both ends",
    data="generated: random letters, tagged with those two places away",
    reproduces="no published figure; the best of each direction is known exactly",
    minutes=1,
    variants=VARIANTS,
    folds=folds,
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=score,
    scores={
        "accuracy": "accuracy (%)",
        "past": "answer in the past",
        "future": "answer in the future",
        "both": "answer in both",
    },
    headline=("accuracy", "past", "future", "both"),
    baselines=possible,
    peers=dict,
    published={},
    plots=plots,
    notes=(
        "Percent of the 6,000 letters of the test sequences, and the mean of the three; each is a network of its own. "
        "What cannot be seen can only be guessed: the first two rows are bounds, in expectation, for all that read in "
        "that direction.",
        "Widths give equal parameter counts, within 3 %, where the answer is in both; within 28 % in the other two, "
        "whose tags are fewer; the table has the counts of those whose answer is in the past.",
    ),
    smoke=lambda config: few_steps(few_sentences(config)),
    better="max",
    statistic=percentage,
    unit="sentence",
    versus=(
        ("lstm_bidirectional", "lstm_forward"),
        ("gru_bidirectional", "gru_forward"),
        ("rnn_bidirectional", "rnn_forward"),
        ("gru_bidirectional", "lstm_bidirectional"),
    ),
    labels=LABELS,
    decimals=2,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
