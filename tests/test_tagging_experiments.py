"""The experiments with tags: what they score from written files, their trivial rows, and equal terms."""

import os

import jax
import numpy as np
import pytest

from lstm_gru.baselines.tags import most_frequent_tag, most_frequent_tag_of_word
from lstm_gru.data.one_sided import KINDS
from lstm_gru.data.tagged import Tagged
from lstm_gru.experiment import load_experiment
from lstm_gru.metrics import percentage
from lstm_gru.tasks.tagged_words import TaggedWord, words_path, write_words

SENTENCES = [
    [TaggedWord("a", "X", "X", True), TaggedWord("b", "Y", "X", False)],
    [TaggedWord("a", "X", "X", True)],
]


def parameters(task):
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(task.init, jax.random.key(0))))


def test_directions_scores_each_side_and_their_mean(tmp_path):
    runs = {kind: tmp_path / kind for kind in KINDS}
    for kind, path in runs.items():
        path.mkdir()
        write_words(words_path(path, "test"), SENTENCES if kind == "past" else SENTENCES[1:] * 2)
    measured = load_experiment("directions").score(runs)
    assert measured.scores == {
        "accuracy": pytest.approx((200 / 3 + 200) / 3),
        "past": pytest.approx(200 / 3),
        "future": 100,
        "both": 100,
    }
    assert percentage(np.sum(list(measured.folds.values()), axis=0)) == pytest.approx(600 / 7)


def test_directions_are_compared_on_equal_terms():
    experiment = load_experiment("directions")
    counts = [parameters(experiment.folds(config, {})["both"]) for config in experiment.variants.values()]
    assert max(counts) < 1.03 * min(counts)
    assert {name: found.scores["both"] for name, found in experiment.baselines().items()} == {
        "guessing what is not read forward, exact": 37.5,
        "guessing what is not read backward, exact": 37.5,
    }


def test_an_unknown_word_has_the_tag_of_words_that_end_alike():
    train = Tagged((("huset", "kan", "taget", "vil", "kan"),), (("NOUN", "AUX", "NOUN", "AUX", "AUX"),), {})
    assert most_frequent_tag(train, [["huset", "x"], []]) == [["AUX", "AUX"], []]
    found = most_frequent_tag_of_word(train, [["huset", "skabet", "l", "mål", "x", ""]])
    assert found == [["NOUN", "NOUN", "AUX", "AUX", "AUX", "AUX"]]
    train = Tagged((("en", "husen", "taten"),), (("DET", "NOUN", "NOUN"),), {})
    assert most_frequent_tag_of_word(train, [["xqen"]]) == [["NOUN"]]  # Each word counts once, however short.


@pytest.mark.skipif("LSTM_GRU_DATA" not in os.environ, reason="LSTM_GRU_DATA is not set")
def test_danish_trivial_rows_and_equal_terms():
    experiment = load_experiment("danish_tags")
    found = {name: measured.scores["accuracy"] for name, measured in experiment.baselines().items()}
    assert found["most frequent tag"] == pytest.approx(100 * 1069 / 5884)  # NOUN.
    assert 87 < found["most frequent tag of the word"] < 90
    compared = {
        name: config for name, config in experiment.variants.items() if "_crf" not in name and "_words" not in name
    }
    counts = [parameters(experiment.folds(config, {})[""]) for config in compared.values()]
    assert max(counts) < 1.01 * min(counts)
