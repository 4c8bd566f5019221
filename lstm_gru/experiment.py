"""An experiment: a typed Python file that carries its source, its variants, and the numbers to compare with.

Experiments live in the checkout's ``experiments/`` folder, one file each with one `Experiment` named
``EXPERIMENT``; adding a baseline is adding a file. They are not part of the installed package.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from lstm_gru.config import flatten
from lstm_gru.errors import InputError
from lstm_gru.metrics import root_mean_square
from lstm_gru.task import Measured, Task

FinishedRuns = Mapping[str, Mapping[int, Mapping[str, Path]]]  # {variant: {seed: {fold: run directory}}}

SEEDS = 3


def shorter(config: Any, *, times: int) -> Any:
    """Return the configuration of a run that is so many times shorter, warm-up and decay of its rate included."""
    train = config.train
    return replace(config, train=replace(train, steps=train.steps // times, warmup_steps=train.warmup_steps // times))


def few_steps(config: Any) -> Any:
    """Return the configuration of a run that is evaluated twice and over in seconds."""
    return replace(config, train=replace(config.train, steps=2, evaluate_every=1, warmup_steps=1))


@dataclass(frozen=True)
class Experiment:
    """One comparison.

    Attributes:
      name: the file's name.
      title: one line: what is measured.
      data: one line: which data, and where they come from.
      reproduces: one line: whose published result or protocol.
      minutes: wall minutes of one seed of all variants on two cores.
      variants: name to configuration, a frozen dataclass with a `TrainConfig` named ``train``.
      folds: ``(config, settings) -> {fold: Task}``; each fold is trained on its own, one after the other.
      own: fields of a configuration that nobody may override, as ``windows.horizon``: the score takes them for granted,
        or each fold has its own.
      learning_rates: the grid from which every variant's rate was chosen, on validation with seed 0.
      score: ``{fold: run directory} -> Measured`` of a finished run.
      scores: score to its heading, in the tables' order; the first one ranks, in the direction of ``better``.
      headline: the scores of the tables that commands print.
      baselines: ``() -> {name: Measured}``, the trivial ones, computed.
      peers: ``() -> {name: Measured}``, other packages where they are installed, run here.
      published: name to ``{score: value}``, with the source in the name; never measured here.
      plots: ``({variant: {seed: {fold: run directory}}}, records, directory) -> {file name: caption}``; writes the PNGs
        of what is there: the runs are those that finished on this machine, the records may be from any.
      repeats: variant to the name of the published figure that it is to reproduce.
      repeated: the score of those figures, whose standard error is that of the score that ranks; itself when empty.
      notes: sentences under the table: protocol, selection, what to hold against the numbers.
      smoke: ``(config) -> config`` that takes seconds and exercises everything.
      smoke_folds: how many folds a smoke run trains.
      better: the direction of the score that ranks.
      statistic: ``[..., K]`` sums of the folds' statistics to ``[...]`` the score that ranks.
      unit: what `Measured.folds` holds one of, in a word.
      versus: pairs of variants to be compared with each other.
      labels: variant to its name in tables and plots, where that is not the variant in capitals.
      seeds: variant to how many seeds `lstm-gru reproduce` trains unless asked for others, where that is not 3; with 0
        it is left out then.
      decimals: of the scores in tables.
      shares: scores that are 0 or 100 in a run, so that their mean over seeds is a share of runs, without a spread.
      trial: ``(config) -> config`` that the learning-rate grid trains, shorter where a whole run takes long.
      close: rates that come within so much of the best one's validation score in trials are compared again in whole
        runs, since the best rate of a short run tends to be too high for a long one.
    """

    name: str
    title: str
    data: str
    reproduces: str
    minutes: float
    variants: Mapping[str, Any]
    folds: Callable[[Any, Mapping[str, Any]], Mapping[str, Task]]
    learning_rates: tuple[float, ...]
    score: Callable[[Mapping[str, Path]], Measured]
    scores: Mapping[str, str]
    headline: tuple[str, ...]
    baselines: Callable[[], Mapping[str, Measured]]
    peers: Callable[[], Mapping[str, Measured]]
    published: Mapping[str, Mapping[str, float]]
    plots: Callable[[FinishedRuns, Sequence[Mapping[str, Any]], Path], Mapping[str, str]]
    notes: tuple[str, ...]
    own: tuple[str, ...] = ()
    smoke: Callable[[Any], Any] = few_steps
    smoke_folds: int = 1
    better: Literal["min", "max"] = "min"
    statistic: Callable[[np.ndarray], np.ndarray] = root_mean_square
    unit: str = "fold"
    versus: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    repeats: Mapping[str, str] = field(default_factory=dict)
    repeated: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)
    decimals: int = 3
    shares: tuple[str, ...] = ()
    trial: Callable[[Any], Any] = lambda config: config
    close: float = 0.0

    def seeds_of(self, variant: str) -> int:
        """Return how many seeds of a variant `lstm-gru reproduce` trains unless asked for others."""
        return self.seeds.get(variant, SEEDS)

    @property
    def ranking(self) -> str:
        """The score that ranks."""
        return next(iter(self.scores))

    def label(self, variant: str) -> str:
        """Return a variant's name in tables and plots."""
        return self.labels.get(variant, variant.upper())

    def config(self, variant: str) -> Any:
        """Return a variant's configuration.

        Raises:
          InputError: naming the variants there are.
        """
        if variant not in self.variants:
            raise InputError(f"{self.name}: no variant {variant!r}; there are {', '.join(self.variants)}")
        return self.variants[variant]

    def tasks(self, config: Any, settings: Mapping[str, Any]) -> Mapping[str, Task]:
        """Return the folds' tasks of a variant, or of one whose configuration was changed.

        Raises:
          InputError: where a field that the experiment decides was overridden.
        """
        given, own = (dict(flatten(asdict(each))) for each in (config, next(iter(self.variants.values()))))
        for name in self.own:
            if given[name] != own[name]:
                raise InputError(
                    f"{self.name}: {name} = {given[name]!r}; expected {own[name]!r}, which this experiment decides"
                )
        return self.folds(config, settings)

    def kinds(self) -> tuple[str, ...]:
        """Return the first variant of each kind: those that differ in how large a number is do not count.

        Whether a number is 0, 1 or more does: no dropout, one layer and several are kinds of their own.
        """
        first: dict[Any, str] = {}
        for variant, config in self.variants.items():
            settings = {**asdict(config), "train": None}
            first.setdefault(tuple((name, _kind(value)) for name, value in flatten(settings)), variant)
        return tuple(first.values())

    def only(self, variants: Iterable[str]) -> "Experiment":
        """Return the experiment with these of its variants; with all of them where none are given.

        Raises:
          InputError: naming the variants there are.
        """
        return replace(self, variants={variant: self.config(variant) for variant in variants or self.variants})


def _kind(value: Any) -> Any:
    """Whether a number is positive, and more than 1; of anything else what it is."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (value > 0, value > 1) if number else str(value)


def experiments_directory() -> Path:
    """Return the checkout's ``experiments/``.

    Raises:
      InputError: when the package runs outside a checkout.
    """
    directory = Path(__file__).resolve().parent.parent / "experiments"
    if not (directory.parent / "pyproject.toml").is_file() or not directory.is_dir():
        raise InputError(
            "experiments are not part of the installed package; clone the repository and "
            "install it with 'pip install --editable .' to run them"
        )
    return directory


def experiment_names() -> list[str]:
    """Return the names of all experiments, sorted."""
    return sorted(path.stem for path in experiments_directory().glob("[a-z]*.py"))


def load_experiment(name: str) -> Experiment:
    """Return an experiment by its name.

    Raises:
      InputError: naming the experiments there are.
    """
    if name not in experiment_names():
        raise InputError(f"no experiment {name!r}; there are {', '.join(experiment_names())}")
    return _load(experiments_directory() / f"{name}.py").EXPERIMENT


def _load(path: Path) -> ModuleType:
    qualified = f"lstm_gru_experiments.{path.stem}"
    if qualified not in sys.modules:
        spec = importlib.util.spec_from_file_location(qualified, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[qualified] = module
        spec.loader.exec_module(module)
    return sys.modules[qualified]
