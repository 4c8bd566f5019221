"""Which cell counts: how far aⁿbⁿ and aⁿbⁿcⁿ are told from other strings after training on short ones.

Source: Weiss, Goldberg & Yahav 2018 (arXiv:1805.04908), sections 4 and 5: 10 units, the next letter learned from
strings of the language alone (n below 100, and below 50), a string accepted when each of its letters and its end has a
probability above 0.01. Here the strings that are nearly one of the language, one letter more or less, are asked for
too: who says that everything can follow is right about every string.

Run it with ``lstm-gru reproduce counting`` or ``python experiments/counting.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstm_gru.config import TrainConfig
from lstm_gru.experiment import Experiment, FinishedRuns, Measured
from lstm_gru.files import read_json
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.plots import distributions
from lstm_gru.task import Task
from lstm_gru.tasks.counting import CountingConfig, counting

LANGUAGES = {"ab": {"letters": 2, "longest": 99}, "abc": {"letters": 3, "longest": 49}}
NAMES = {"ab": "aⁿbⁿ", "abc": "aⁿbⁿcⁿ"}
UNITS, SEEDS = 10, 10
TRAIN = TrainConfig(steps=3000, learning_rate=1e-2, warmup_steps=50, evaluate_every=250)


def variant(cell: str) -> CountingConfig:
    """Return a cell's configuration; the language is the fold's."""
    return CountingConfig(model=SequenceConfig(cell=cell, features=UNITS), train=TRAIN)


VARIANTS = {cell: variant(cell) for cell in ("rnn", "irnn", "gru", "lstm", "peephole_lstm", "lstm_nfg")}
LABELS = {
    "irnn": "IRNN (rectified)",
    "peephole_lstm": "LSTM, peepholes",
    "lstm_nfg": "LSTM, peepholes, no forget gate",
}


def folds(config: CountingConfig, settings: Mapping[str, Any]) -> dict[str, Task]:
    """Return one task for each language."""
    return {name: counting(replace(config, **language), settings) for name, language in LANGUAGES.items()}


def score(run_dirs: Mapping[str, Path]) -> Measured:
    """Return the scores that a run's folds wrote."""
    found = {name: read_json(path / "scores.json")["test"] for name, path in run_dirs.items()}
    scores = {f"{score}_{name}": test[score] for name, test in found.items() for score in ("told_apart", "right")}
    return Measured({name: scores[name] for name in EXPERIMENT.scores if name in scores}, {})


def trivial() -> dict[str, Measured]:
    """Return the scores of saying that everything can follow, which is right about every string."""
    tested = float(CountingConfig().tested)
    return {"everything is accepted": Measured({n: tested * n.startswith("right") for n in EXPERIMENT.scores}, {})}


def plots(runs: FinishedRuns, records: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, str]:
    """Draw how far each run counts."""
    captions = {}
    for language, name in NAMES.items():
        found = {
            LABELS.get(v, v.upper()): [r["scores"][f"told_apart_{language}"] for r in records if r.get("variant") == v]
            for v in VARIANTS
        }
        found = {label: values for label, values in found.items() if values}
        if found:
            file = f"counting-{language}.png"
            title = f"How far each cell tells {name} from strings with one letter more or less"
            distributions(directory / file, title=title, value_label="up to n", values=found)
            captions[file] = f"The largest N up to which {name} is told from its neighbours, of {SEEDS} seeds each"
    return captions


EXPERIMENT = Experiment(
    name="counting",
    title="Counting: how far aⁿbⁿ and aⁿbⁿcⁿ are told from other strings",
    data="generated: strings with n below 100 and below 50 to learn from, up to 1,000 to test",
    reproduces="the counting of Weiss, Goldberg & Yahav 2018",
    minutes=10,
    variants=VARIANTS,
    folds=folds,
    learning_rates=(3e-3, 1e-2, 3e-2),
    score=score,
    scores={
        "told_apart_ab": "aⁿbⁿ told apart up to n",
        "told_apart_abc": "aⁿbⁿcⁿ told apart",
        "right_ab": "aⁿbⁿ accepted",
        "right_abc": "aⁿbⁿcⁿ accepted",
    },
    headline=("told_apart_ab", "right_ab", "told_apart_abc", "right_abc"),
    baselines=trivial,
    peers=dict,
    published={
        "LSTM (Weiss et al. 2018)": {"right_ab": 256.0, "right_abc": 100.0},
        "GRU (Weiss et al. 2018)": {"right_ab": 37.0, "right_abc": 8.0},
    },
    plots=plots,
    notes=(
        "The largest N up to which every string of the language is accepted (each letter and the end with a "
        "probability above 0.01), and up to which strings with one letter more or less are refused as well. Trained on "
        "n up to 99 and up to 49, with 10 units, on strings of the language alone; tested up to 1,000.",
        "The published figures are quoted at second hand, and are what the networks accept.",
    ),
    smoke=lambda config: replace(config, tested=100, train=replace(config.train, steps=4, evaluate_every=2)),
    better="max",
    labels=LABELS,
    seeds=dict.fromkeys(VARIANTS, SEEDS),
    decimals=0,
)

if __name__ == "__main__":
    from lstm_gru.cli import reproduce_file

    reproduce_file(__file__)
