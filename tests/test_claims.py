"""Claims: effects and intervals computed by hand, what they say, and the verdicts that follow."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from lstm_gru.experiment import load_experiment
from lstm_gru.report import evidence
from lstm_gru.report.cell_costs import cell_ratios
from lstm_gru.report.claim_list import CLAIMS
from lstm_gru.report.claims import Claim, claims_table, findings_of, findings_table, in_words, verdict
from lstm_gru.report.effects import Effect, answer, difference
from lstm_gru.report.evidence import Counted, Finding, Scores, Times, TranslationTimes

SUMS = replace(load_experiment("page_views"), statistic=lambda sums: sums[..., 0] / sums[..., 1], better="min")


def run(variant, seed, rmse, folds=None, **scores):
    return {"variant": variant, "seed": seed, "scores": {"rmse": rmse, **scores}, "folds": folds or {}}


def seeds(variant, *values):
    return [run(variant, seed, value) for seed, value in enumerate(values)]


@pytest.mark.parametrize(
    ("effect", "expected", "says"),
    [
        ((-2, -3, -1), "less", "for"),
        ((-2, -3, -1), "more", "against"),
        ((2, 1, 3), "more", "for"),
        ((2, 1, 3), "less", "against"),
        ((2, -1, 5), "more", "open"),
        ((0, 0, 0), "less", "against"),
        ((2, math.nan, math.nan), "more", "open"),
        ((0.2, -0.4, 0.4), "alike", "for"),
        ((0.2, -0.4, 0.6), "alike", "open"),
        ((2, 0.6, 3), "alike", "against"),
        ((-2, -3, -0.6), "alike", "against"),
        ((0.1, math.nan, math.nan), "alike", "open"),
    ],
)
def test_an_interval_on_one_side_speaks_and_one_on_both_does_not(effect, expected, says):
    assert answer(Effect(*effect), expected, margin=0.5) == says


def test_the_interval_over_seeds_is_that_of_welch():
    first, second = [1.0, 2.0, 4.0], [7.0, 8.0]
    found = difference(SUMS, seeds("gru", *first), seeds("rnn", *second), "rmse")
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose(found, (np.mean(first) - np.mean(second), low, high))


def test_the_interval_over_units_is_added_as_squares_for_the_score_that_ranks():
    random = np.random.default_rng(0)
    folds = [{f"{k}": [value, 1.0] for k, value in enumerate(random.normal(size=400))} for _ in range(2)]
    one, other = (run(v, 0, np.mean([s for s, _ in f.values()]), f, mae=0.5) for v, f in zip("ab", folds, strict=True))
    value, low, high = difference(SUMS, [one], [other], "rmse")
    sd = np.std([a[0] - b[0] for a, b in zip(folds[0].values(), folds[1].values(), strict=True)])
    assert value == pytest.approx(one["scores"]["rmse"] - other["scores"]["rmse"])
    assert high - value == pytest.approx(value - low) == pytest.approx(1.96 * sd / 20, rel=0.05)
    assert math.isnan(difference(SUMS, [one], [other], "mae").lower)  # Its units are not known.
    assert difference(replace(SUMS, repeated="mae"), [one], [other], "mae") == (
        0.0,
        pytest.approx(low - value),
        high - value,
    )
    more = [{**one, "scores": {"rmse": one["scores"]["rmse"] + step}} for step in (-0.1, 0.1)]
    over_seeds = stats.t.ppf(0.975, 1) * math.sqrt(0.02 / 2 + 0.02)  # The single run is given the others' spread.
    assert difference(SUMS, more, [other], "rmse").upper - value == pytest.approx(math.hypot(over_seeds, high - value))


def test_seeds_that_all_agree_leave_nothing_open():
    assert difference(SUMS, seeds("gru", 2.0, 2.0), seeds("rnn", 1.0, 1.0), "rmse") == (1.0, 1.0, 1.0)


class Fixed(NamedTuple):
    found: tuple

    def findings(self):
        return self.found


def finding(says, where="somewhere"):
    return Finding(where, "a − b", "1, 2", "-1", "1, 1", says, "here")


@pytest.mark.parametrize(
    ("said", "mostly", "expected"),
    [
        ("", False, "open"),
        ("oo", False, "open"),
        ("f", False, "holds"),
        ("ffo", False, "holds"),
        ("fo", False, "depends"),
        ("ffffa", False, "depends"),
        ("ffffa", True, "holds"),
        ("ffaao", True, "depends"),
        ("faaa", True, "does not hold"),
        ("faaa", False, "depends"),
        ("aao", False, "does not hold"),
        ("aoo", False, "depends"),
    ],
)
def test_a_verdict_follows_from_what_is_said(said, mostly, expected):
    findings = [finding({"f": "for", "a": "against", "o": "open"}[letter]) for letter in said]
    assert verdict(Claim("X.", (), mostly=mostly), findings) == expected


def test_a_verdict_names_the_conditions_of_each_side():
    claim = Claim("X is better.", (), depends_on="the task")
    findings = (finding("for", "at home"), finding("against", "abroad"), finding("for", "at home"))
    assert in_words(claim, findings) == "**Depends on the task.**\n\n- for it: at home\n- against it: abroad"
    assert in_words(claim, findings[:1]) == "**Holds.**"
    assert in_words(claim, []) == "**Open.**"
    assert findings_table(findings).rows[1] == ("abroad", "a − b", "against", "1, 2", "-1", "1, 1", "here")
    assert claims_table([replace(claim, evidence=(Fixed(findings),))]).rows == (
        ("1", "X is better.", "depends on the task", "2", "1", "0"),
    )


def test_scores_are_read_from_the_records(monkeypatch):
    trivial = [{"baseline": name, "scores": {"rmse": value}, "folds": {}} for name, value in (("last", 9), ("mean", 5))]
    records = [
        *trivial,
        {"baseline": "x", "scores": {}, "folds": {}},
        *seeds("gru", 1.9, 2.1),
        *seeds("lstm", 2.1, 2.3),
        run("rnn", 0, 5.0),
    ]
    monkeypatch.setattr(evidence, "recorded", lambda name: records)
    [found] = Scores("page_views", "gru", "lstm", "alike", "views").findings()
    assert (found.where, found.measured, found.runs) == ("views", "2.000, 2.200", "2, 2")
    assert found.compared == "GRU − LSTM: RMSE"
    half = stats.t.ppf(0.975, 2) * math.sqrt(0.02)
    assert found.effect == f"-0.200 [{-0.2 - half:+.3f}, {-0.2 + half:+.3f}]"
    assert found.says == "open"  # Wider than 5 % of 5.0 - 2.2.
    records[3:7] = [*seeds("gru", 2.0, 2.001), *seeds("lstm", 2.1, 2.101)]
    assert Scores("page_views", "gru", "lstm", "alike").findings()[0].says == "for"
    records[1]["scores"]["rmse"] = 3.0
    assert Scores("page_views", "gru", "lstm", "alike").findings()[0].says == "against"
    records[1]["scores"]["rmse"] = 2.0  # Nothing is gained over it.
    assert Scores("page_views", "gru", "lstm", "alike").findings()[0].says == "against"
    assert Scores("page_views", "gru", "lstm", "less").findings()[0].says == "for"
    assert Scores("page_views", "gru", "rnn", "less", score="mae").findings() == []
    units = {f"{k}": [4.0, 1.0] for k in range(9)}
    records[3:] = [run("gru", 0, 2.0, units), run("rnn", 0, 5.0, {k: [25.0, 1.0] for k in units})]
    [single] = Scores("page_views", "gru", "rnn", "less").findings()
    assert (single.effect, single.runs, single.says) == ("-3.000 [-3.000, -3.000]", "1, 1", "open")


def test_quotients_of_times_are_of_one_width_or_of_as_many_parameters():
    def row(model, shape, mode, seconds, parameters):
        return {"library": "lstm_gru", "model": model, "shape": shape, "mode": mode, "seconds": seconds} | {
            "temporary_bytes": 100 * seconds[0],
            "parameters": parameters,
        }

    measured = []
    for batch, scale in (("8×16×4", 1.0), ("1×16×4", 3.0)):
        for mode in ("training", "inference"):
            for model, width, seconds, parameters in (
                ("lstm", 64, 4.0, 400),
                ("gru", 64, 3.0, 300),
                ("gru", 75, 5.0, 401),
                ("rnn", 64, 1.0, 100),
            ):
                measured.append(row(model, f"{batch}×{width}", mode, [scale * seconds], parameters))
    record = {"measured": measured, "versions": {}}
    assert cell_ratios(record, "gru", "lstm", "training", "width") == [0.75, 0.75]
    assert cell_ratios(record, "gru", "lstm", "inference", "parameters") == [1.25, 1.25]
    assert cell_ratios(record, "rnn", "gru", "memory", "width") == pytest.approx([1 / 3, 1 / 3])
    assert cell_ratios(record, "rnn", "gru", "training", "parameters") == []


def test_times_are_geometric_means_with_the_interval_of_student(monkeypatch):
    monkeypatch.setattr(evidence, "cell_ratios", lambda *_: [0.5, 0.5, 0.4])
    [found] = Times("gru", "lstm", "training", "width").findings()
    logs = np.log([0.5, 0.5, 0.4])
    half = stats.t.ppf(0.975, 2) * np.std(logs, ddof=1) / math.sqrt(3)
    low, mean, high = np.exp([logs.mean() - half, logs.mean(), logs.mean() + half])
    assert found.effect == f"{mean:.2f} [{low:.2f}, {high:.2f}]"
    assert (found.says, found.runs) == ("for", "3 shapes")
    monkeypatch.setattr(evidence, "cell_ratios", lambda *_: [])
    assert Times("gru", "lstm", "training", "width").findings() == []


def test_what_is_counted_is_exact():
    assert Counted("gru", "lstm", "gates", "less").findings()[0].effect == "-1, exact"
    assert Counted("lstm", "gru", "gates", "less").findings()[0].says == "against"
    [found] = Counted("gru", "lstm", "parameters", "less").findings()
    assert (found.measured, found.effect, found.says) == ("98,816, 131,584", "-32,768, exact", "for")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_every_claim_has_evidence_that_can_be_measured(claim):
    assert claim.evidence
    assert claim.text.endswith(".")
    assert claim.depends_on or len(claim.evidence) == 1
    places = [found.where for found in findings_of(claim)]
    assert len(set(places)) == len(places)
    for each in claim.evidence:
        if isinstance(each, Scores):
            experiment = load_experiment(each.experiment)
            assert {each.first, each.second} <= set(experiment.variants)
            assert (each.score or experiment.ranking) in experiment.scores
        if isinstance(each, TranslationTimes):
            assert {each.first, each.second} <= set(load_experiment("multi30k").variants)
