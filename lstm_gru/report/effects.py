"""Measured effects: differences of scores and quotients of times, their intervals, and what they say of a claim.

An interval of scores has two parts that are added as squares: what resampling the units of the test leaves open, and
what other seeds would change.
"""

import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from lstm_gru.experiment import Experiment
from lstm_gru.records import Record
from lstm_gru.report.tables import paired

Expected = Literal["less", "more", "alike"]
Answer = Literal["for", "against", "open"]


class Effect(NamedTuple):
    """A measured effect and its 95 % interval; bounds of NaN where nothing says how far it may be off."""

    value: float
    lower: float = float("nan")
    upper: float = float("nan")


def answer(effect: Effect, expected: Expected, margin: float) -> Answer:
    """Return what an effect says of a claim.

    Args:
      effect: with its interval; without one nothing is said.
      expected: less or more than 0; or alike, which is within the margin of 0.
      margin: not negative.
    """
    if np.isnan([effect.lower, effect.upper]).any():
        return "open"
    if expected == "alike":
        if -margin <= effect.lower and effect.upper <= margin:
            return "for"
        return "against" if effect.lower > margin or effect.upper < -margin else "open"
    if effect.lower > 0 or effect.upper < 0:
        return "for" if (effect.value > 0) == (expected == "more") else "against"
    return "against" if effect == (0.0, 0.0, 0.0) else "open"


def difference(experiment: Experiment, first: Sequence[Record], second: Sequence[Record], score: str) -> Effect:
    """Return the score of one variant's runs less that of another's, with a 95 % interval.

    Equation: half of the interval is ``√(a² + b²)``; a is half of the paired bootstrap's interval over the test's
    units, where the score that ranks, or repeats a published one, is compared and has them, else 0; b is
    ``t √(s₁²/n₁ + s₂²/n₂)``, Student's t with the degrees of freedom of Welch 1947. A side with one seed is given the
    other's s and no degree of freedom; where both have one, b is 0, and the interval says nothing of other seeds.

    Args:
      experiment: of both.
      first: seeds of a variant.
      second: of another one.
      score: which.
    """
    values = [values_of(runs, score) for runs in (first, second)]
    value = statistics.mean(values[0]) - statistics.mean(values[1])
    parts = [*_over_units(experiment, first, second, score), *_over_seeds(*values)]
    if not parts:
        return Effect(value)
    half = float(np.hypot.reduce(parts))
    return Effect(value, value - half, value + half)


def _over_units(experiment: Experiment, first: Sequence[Record], second: Sequence[Record], score: str) -> list[float]:
    of_units = score in (experiment.ranking, experiment.repeated)  # Of runs that lack the former it is the latter.
    if not of_units or not all(run["folds"] for run in (*first, *second)):
        return []
    _, lower, upper = paired(experiment, first, second)
    return [(upper - lower) / 2]


def _over_seeds(first: Sequence[float], second: Sequence[float]) -> list[float]:
    several = [values for values in (first, second) if len(values) > 1]
    if not several:
        return []
    parts = [statistics.variance(values if len(values) > 1 else several[0]) / len(values) for values in (first, second)]
    freedom = len(several[0]) - 1
    if len(several) == 2 and any(parts):
        freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, several, strict=True))
    return [float(stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts)))]


def quotient(ratios: Sequence[float]) -> Effect:
    """Return the geometric mean of quotients, with the 95 % interval of Student's t over their logarithms.

    Args:
      ratios: at least two, above 0.
    """
    logs = np.log(ratios)
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    return Effect(*np.exp([logs.mean(), logs.mean() - half, logs.mean() + half]).tolist())


def in_text(effect: Effect, form: str) -> str:
    """Return an effect and its interval in brackets.

    Example:
      >>> in_text(Effect(-1.0, -1.5, -0.5), "{:+.1f}")
      '-1.0 [-1.5, -0.5]'
    """
    value, *bounds = map(form.format, effect)
    return value if np.isnan(effect.lower) else f"{value} [{', '.join(bounds)}]"


def values_of(runs: Sequence[Record], score: str) -> list[float]:
    """Return a score of each run."""
    return [run["scores"][score] for run in runs]
