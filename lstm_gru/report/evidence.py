"""What a claim is held against: scores of two variants, times of two cells, and what is counted in them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from lstm_gru.experiment import load_experiment
from lstm_gru.records import recorded, script_result
from lstm_gru.report.cell_costs import cell_ratios
from lstm_gru.report.cells import cell_facts
from lstm_gru.report.effects import Answer, Effect, Expected, answer, difference, in_text, quotient, values_of
from lstm_gru.report.tables import MISSING, runs_of, trivial_scores

SHARE = 0.05  # Of what the second variant gains over the best trivial baseline: closer than that is alike.


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
        single = all(len(found) == 1 for found in runs)  # The interval says nothing of other seeds.
        gained = _gained(statistics.mean(values_of(runs[1], score)), trivial_scores(records, score), experiment.better)
        number = f"{{:.{experiment.decimals}f}}".format
        found = Finding(
            where=self.where or self.experiment,
            compared=f"{experiment.label(self.first)} − {experiment.label(self.second)}: {experiment.scores[score]}",
            measured=", ".join(number(statistics.mean(values_of(found, score))) for found in runs),
            effect=in_text(effect, f"{{:+.{experiment.decimals}f}}"),
            runs=", ".join(str(len(found)) for found in runs),
            says="open" if single else answer(effect, self.expected, SHARE * gained),
            source=f"[{self.experiment}](RESULTS.md#{self.experiment})",
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
        ratios = cell_ratios(script_result("benchmark"), self.first, self.second, self.what, self.equal)
        if not ratios:
            return []
        effect = quotient(ratios)
        found = Finding(
            where=f"{self.what} at equal {self.equal}" + self.against,
            compared=f"{self.first.upper()} over {self.second.upper()}: {_UNITS[self.what]}",
            measured=MISSING,
            effect=in_text(effect, "{:.2f}"),
            runs=f"{len(ratios)} shapes",
            says=_of_quotient(effect, self.expected),
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
        models, label = script_result("translation_speed")["models"], load_experiment("multi30k").label
        rounds = [models[variant].get(self.figure) for variant in (self.first, self.second)]
        if not all(rounds):  # Translating is timed where finished runs were there.
            return []
        what, effect = _FIGURES[self.figure], quotient(np.divide(*rounds))
        found = Finding(
            where=f"{what}, against {label(self.second)}",
            compared=f"{label(self.first)} over {label(self.second)}: {what}",
            measured=", ".join(f"{statistics.median(values):,.4g}" for values in rounds),
            effect=in_text(effect, "{:.2f}"),
            runs=f"{len(rounds[0])} rounds",
            says=_of_quotient(effect, self.expected),
            source="[speed](RESULTS.md#speed-of-the-translation-models)",
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
            compared=f"{self.first.upper()} − {self.second.upper()}: {self.what}",
            measured=", ".join(f"{count:,}" for count in counts),
            effect=f"{difference:+,.0f}, exact",
            runs=MISSING,
            says=answer(Effect(difference, difference, difference), self.expected, 0.0),
            source="[cells](RESULTS.md#the-cells)",
        )
        return [found]


Evidence = Scores | Times | TranslationTimes | Counted


def _gained(value: float, trivial: Sequence[float], better: Literal["min", "max"]) -> float:
    """How much better a score is than that of the best trivial baseline; 0 where it is not, or where there is none."""
    sign = 1 if better == "max" else -1
    return max(0.0, min((sign * (value - baseline) for baseline in trivial), default=0.0))


def _of_quotient(effect: Effect, expected: Expected) -> Answer:
    """What a quotient says, held against 1."""
    return answer(Effect(*np.log(effect)), expected, np.log(1 + SHARE))
