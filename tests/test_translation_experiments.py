"""The translation experiments: equal terms, scores from written translations, trivial baselines, plots."""

import json
import os
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

from lstm_gru.bleu import bleu_statistics
from lstm_gru.data.corpora import load_corpus
from lstm_gru.experiment import load_experiment
from lstm_gru.tasks.translated import TranslatedPair, pairs_path, write_pairs
from lstm_gru.translator import translation_model

GRAMMAR, MULTI30K = load_experiment("translation_grammar"), load_experiment("multi30k")
both = pytest.mark.parametrize("experiment", [GRAMMAR, MULTI30K], ids=lambda experiment: experiment.name)
with_data = pytest.mark.skipif(not os.environ.get("LSTM_GRU_DATA"), reason="reads the real corpus")


def parameters(config):
    model = translation_model(config.model, config.text.vocabulary_size)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@both
def test_all_models_have_as_many_parameters(experiment):
    counts = np.array([parameters(config) for config in experiment.variants.values()])
    assert np.all(np.abs(counts / parameters(experiment.config("transformer")) - 1) < 0.03)


@both
def test_nothing_but_model_and_learning_rate_differs(experiment):
    first, *others = [
        replace(config, model=None, train=replace(config.train, learning_rate=1.0)).__dict__
        for config in experiment.variants.values()
    ]
    assert all(other == first for other in others)


@both
def test_every_rate_is_one_of_the_grid_and_a_trial_changes_the_course_only(experiment):
    for config in experiment.variants.values():
        assert config.train.learning_rate in experiment.learning_rates
        trial = experiment.trial(config)
        assert (trial.model, trial.data, trial.text) == (config.model, config.data, config.text)
        assert trial.train.learning_rate == config.train.learning_rate


@both
def test_pairs_to_compare_are_variants(experiment):
    assert {name for pair in experiment.versus for name in pair} <= set(experiment.variants)
    assert set(experiment.headline) <= set(experiment.scores)


def write_run(directory, translate):
    """A finished grammar run that translates as ``translate(pair number, reference)`` says."""
    corpus = load_corpus(next(iter(GRAMMAR.variants.values())).data)
    directory.mkdir(parents=True)
    for split in ("test", "long"):
        bitext = corpus.splits[split]
        found = [translate(number, text) for number, text in enumerate(bitext.trg)]
        rows = zip(bitext.src, bitext.trg, found, found, corpus.labels[split], strict=True)
        pairs = [TranslatedPair(s, r, b, -1.0, g, 2.0, 4, labels) for s, r, b, g, labels in rows]
        write_pairs(pairs_path(directory, split), pairs)
    (directory / "alignment.png").write_bytes(b"a picture")
    return directory


def test_a_perfect_translator_of_the_grammar_has_a_hundred_of_everything(tmp_path):
    measured = GRAMMAR.score({"": write_run(tmp_path / "run", lambda number, text: text)})
    assert set(measured.scores) == set(GRAMMAR.scores)
    assert measured.scores.pop("perplexity") == pytest.approx(np.exp(0.5))
    assert all(value == pytest.approx(100) for value in measured.scores.values())


def test_exact_translations_are_counted_by_phenomenon(tmp_path):
    corpus = load_corpus(next(iter(GRAMMAR.variants.values())).data)
    wrong = {number for number, labels in enumerate(corpus.labels["test"]) if "separable" in labels}
    run = write_run(tmp_path / "run", lambda number, text: text + " so" if number in wrong else text)
    measured = GRAMMAR.score({"": run})
    assert measured.scores["separable"] == 0
    assert measured.scores["exact"] == pytest.approx(100 * (1 - len(wrong) / 500))
    assert 0 < measured.scores["verb_final"] < 100
    assert len(measured.folds) == 500
    sums = np.sum(list(measured.folds.values()), axis=0)
    assert GRAMMAR.statistic(sums) == pytest.approx(measured.scores["exact"])


def test_the_trivial_translators_of_the_grammar_are_never_exact():
    found = GRAMMAR.baselines()
    assert set(found) == {"the source itself", "nearest training sentence"}
    for measured in found.values():
        assert measured.scores["exact"] == 0
        assert set(measured.scores) <= set(GRAMMAR.scores)
    assert found["nearest training sentence"].scores["bleu"] > found["the source itself"].scores["bleu"]


def test_plots_of_the_grammar(tmp_path):
    runs = {
        variant: {0: {"": write_run(tmp_path / variant, lambda number, text, odd=odd: text[number % 3 * odd :])}}
        for odd, variant in enumerate(("gru", "transformer"))
    }
    captions = GRAMMAR.plots(runs, [], tmp_path)
    assert len(captions) == 3
    assert all((tmp_path / name).exists() for name in captions)
    assert (tmp_path / "translation_grammar-exact_by_length.png").stat().st_size > 10_000


@with_data
def test_multi30k_scores_and_plots_from_records_alone(tmp_path, monkeypatch):
    speeds = {"models": {name: {"training_tokens_per_second": [3000.0, 4000.0]} for name in ("gru", "transformer")}}
    (tmp_path / "speeds.json").write_text(json.dumps(speeds))
    monkeypatch.setattr(sys.modules[MULTI30K.plots.__module__], "SPEEDS", tmp_path / "speeds.json")
    test = load_corpus(next(iter(MULTI30K.variants.values())).data).splits["test"]
    records = []
    for variant, keep in (("gru", 3), ("transformer", 5)):
        found = [text if number % 7 < keep else "a man ." for number, text in enumerate(test.trg)]
        pairs = [TranslatedPair(*row, -1.0, "a", 2.0, 4, ()) for row in zip(test.src, test.trg, found, strict=True)]
        write_pairs(pairs_path(tmp_path, "test"), pairs)
        measured = MULTI30K.score({"": tmp_path})
        statistics = bleu_statistics(found, test.trg, lowercase=True)
        assert list(measured.folds.values()) == statistics.tolist()
        assert MULTI30K.statistic(statistics.sum(axis=0)) == pytest.approx(measured.scores["bleu"])
        assert "case:lc" in measured.signatures["bleu"]
        curve = [{"step": step, "valid_bleu": step / 100, "seconds": step / 3.0} for step in (280, 560, 840)]
        records.append({"variant": variant, "seed": 0, "folds": dict(measured.folds), "curve": curve})
    captions = MULTI30K.plots({}, records, tmp_path)
    assert len(captions) == 3
    assert len(MULTI30K.plots({}, [{**records[0], "variant": "lstm"}], tmp_path)) == 2  # Without a measured speed.
    assert MULTI30K.plots({}, [], tmp_path) == {}
    assert all((tmp_path / name).stat().st_size > 10_000 for name in captions)
