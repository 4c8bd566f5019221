"""What a claim is held against: effects that were measured, their intervals, and what they say of the claim.

An effect is the score of one variant less that of another, or the quotient of two times. Its interval has two parts
that are added as squares: what resampling the units of the test leaves open, and what other seeds would change.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import stats

from lstm_gru.experiment import Experiment, load_experiment
from lstm_gru.files import read_json
from lstm_gru.records import recorded
from lstm_gru.report.benchmark import benchmark_record, cell_ratios, translation_speed_record
from lstm_gru.report.cells import cell_facts
from lstm_gru.report.tables import MISSING, paired, runs_of

SHARE = 0.05  # Of what the second variant gains over the weakest trivial baseline: closer than that is alike.

Expected = Literal["less", "more", "alike"]
Answer = Literal["for", "against", "open"]
Record = Mapping[str, Any]


class Effect(NamedTuple):
    """A measured effect and its 95 % interval; bounds of NaN where nothing says how far it may be off."""

    value: float
    lower: float = float("nan")
    upper: float = float("nan")


class Finding(NamedTuple):
    """One measurement beside what a claim expects.

    Attributes:
      where: the condition under which it was measured, as a verdict names it.
      compared: what with what.
      measured: both values.
      effect: their difference or quotient, with its interval.
      runs: how many were measured of each.
      says: of the claim.
      source: where the numbers are.
    """

    where: str
    compared: str
    measured: str
    effect: str
    runs: str
    says: Answer
    source: str


@dataclass(frozen=True)
class Scores:
    """Two variants of an experiment by one score.

    Attributes:
      experiment: its name.
      first: a variant.
      second: another one.
      expected: what the claim expects of the first one's score.
      where: the condition, as a verdict names it; the experiment's name when empty.
      score: which; that which ranks when empty.
    """

    experiment: str
    first: str
    second: str
    expected: Expected
    where: str = ""
    score: str = ""

    def findings(self) -> list[Finding]:
        """Return what is recorded: one finding, or none yet."""
        experiment, records = load_experiment(self.experiment), recorded(self.experiment)
        score = self.score or experiment.ranking
        runs = [[run for run in runs_of(v, records) if score in run["scores"]] for v in (self.first, self.second)]
        if not all(runs):
            return []
        effect = difference(experiment, *runs, score)
        margin = SHARE * _gained(statistics.mean(_values(runs[1], score)), records, score)
        number = f"{{:.{experiment.decimals}f}}".format
        found = Finding(
            where=self.where or self.experiment,
            compared=f"{experiment.label(self.first)} less {experiment.label(self.second)}: {experiment.scores[score]}",
            measured=", ".join(number(statistics.mean(_values(found, score))) for found in runs),
            effect=_with_interval(effect, f"{{:+.{experiment.decimals}f}}"),
            runs=", ".join(str(len(found)) for found in runs),
            says=answer(effect, self.expected, margin),
            source=f"[{self.experiment}](RESULTS.md)",
        )
        return [found]


@dataclass(frozen=True)
class Times:
    """Time or memory of one cell's layer over that of another, as ``scripts/benchmark`` measured them.

    Attributes:
      first: a cell.
      second: another one.
      what: training, inference or memory.
      equal: what both have the same of, the LSTM's.
      expected: what the claim expects of the quotient, against 1.
      against: ends the condition where a claim has several second cells.
    """

    first: str
    second: str
    what: Literal["training", "inference", "memory"]
    equal: Literal["width", "parameters"]
    expected: Expected = "less"
    against: str = ""

    def findings(self) -> list[Finding]:
        """Return the geometric mean over the shapes, with the interval of Student's t over their logarithms."""
        ratios = cell_ratios(read_json(benchmark_record()), self.first, self.second, self.what, self.equal)
        if not ratios:
            return []
        found = Finding(
            where=f"{self.what} at equal {self.equal}" + self.against,
            compared=f"{self.first.upper()} over {self.second.upper()}: {_UNITS[self.what]}",
            measured=MISSING,
            **_quotient(ratios, self.expected),
            runs=f"{len(ratios)} shapes",
            source="[benchmark](BENCHMARK.md)",
        )
        return [found]


_UNITS = {"training": "time of a step", "inference": "time of a pass", "memory": "temporaries of a step"}


@dataclass(frozen=True)
class TranslationTimes:
    """How fast one translation model is over another, as ``scripts/translation_speed`` measured it.

    Attributes:
      first: a variant of ``multi30k``.
      second: another one.
      figure: which of the record's.
      expected: what the claim expects of the quotient, against 1.
    """

    first: str
    second: str
    figure: Literal["training_tokens_per_second", "greedy_seconds", "beam_seconds"]
    expected: Expected

    def findings(self) -> list[Finding]:
        """Return the geometric mean over the rounds, with the interval of Student's t over their logarithms."""
        models, label = read_json(translation_speed_record())["models"], load_experiment("multi30k").label
        rounds = [models[variant][self.figure] for variant in (self.first, self.second)]
        what = _FIGURES[self.figure]
        found = Finding(
            where=f"{what}, against {label(self.second)}",
            compared=f"{label(self.first)} over {label(self.second)}: {what}",
            measured=", ".join(f"{statistics.median(values):,.4g}" for values in rounds),
            **_quotient(np.divide(*rounds), self.expected),
            runs=f"{len(rounds[0])} rounds",
            source="[multi30k](RESULTS.md)",
        )
        return [found]


_FIGURES = {
    "training_tokens_per_second": "tokens a second in training",
    "greedy_seconds": "time of greedy translation",
    "beam_seconds": "time of beam search",
}


@dataclass(frozen=True)
class Counted:
    """Something that is counted in two cells, not measured.

    Attributes:
      first: a cell.
      second: another one.
      what: gates, states or parameters.
      expected: what the claim expects of the first one's count.
    """

    first: str
    second: str
    what: Literal["gates", "states", "parameters"]
    expected: Expected

    def findings(self) -> list[Finding]:
        """Return the two counts."""
        facts = [getattr(cell_facts(cell), self.what) for cell in (self.first, self.second)]
        counts = [fact if isinstance(fact, int) else len(fact) for fact in facts]
        difference = float(counts[0] - counts[1])
        found = Finding(
            where=self.what,
            compared=f"{self.first.upper()} less {self.second.upper()}: {self.what}",
            measured=", ".join(f"{count:,}" for count in counts),
            effect=f"{difference:+,.0f}, exact",
            runs=MISSING,
            says=answer(Effect(difference, difference, difference), self.expected, 0.0),
            source="[cells](../README.md#cells)",
        )
        return [found]


Evidence = Scores | Times | TranslationTimes | Counted


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
    values = [_values(runs, score) for runs in (first, second)]
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
    parts = []
    for values in (first, second):
        spread = statistics.variance(values if len(values) > 1 else several[0])
        parts.append((spread / len(values), len(values) - 1))
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return [0.0]
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts if degrees)
    if len(several) == 1:
        freedom = len(several[0]) - 1
    return [float(stats.t.ppf(0.975, freedom) * np.sqrt(variance))]


def _quotient(ratios: Sequence[float], expected: Expected) -> dict[str, Any]:
    """The geometric mean of quotients with Student's interval, and what it says."""
    logs = np.log(ratios)
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    effect = Effect(logs.mean(), logs.mean() - half, logs.mean() + half)
    return {
        "effect": _with_interval(Effect(*np.exp(effect)), "{:.2f}"),
        "says": answer(effect, expected, np.log(1 + SHARE)),
    }


def _gained(value: float, records: Sequence[Record], score: str) -> float:
    """How far a score is from that of the weakest trivial baseline; 0 where no baseline has it."""
    trivial = [record["scores"][score] for record in records if "baseline" in record and score in record["scores"]]
    return max((abs(value - baseline) for baseline in trivial), default=0.0)


def _values(runs: Sequence[Record], score: str) -> list[float]:
    return [run["scores"][score] for run in runs]


def _with_interval(effect: Effect, form: str) -> str:
    number: Callable[[float], str] = form.format
    if np.isnan(effect.lower):
        return number(effect.value)
    return f"{number(effect.value)} [{number(effect.lower)}, {number(effect.upper)}]"
