"""The trivial translator: the nearest training sentence, by hand."""

import math

import numpy as np
import pytest

from lstm_gru.data.bitext import Bitext
from lstm_gru.retrieval import nearest_translation

SRC = ("ein Hund rennt", "ein Hund schläft im Garten", "eine Katze schläft", "ein ein ein Vogel")
TRAIN = Bitext(SRC, ("a dog runs", "a dog sleeps in the garden", "a cat sleeps", "a bird"), {})


def by_hand(sentence):
    """The index of the nearest sentence, from the definition."""
    words = sorted({word for source in SRC for word in source.lower().split()})

    def vector(text):
        count = np.array([text.lower().split().count(word) for word in words], float)
        having = np.array([sum(word in source.lower().split() for source in SRC) for word in words])
        return count * np.log(len(SRC) / having)

    def cosine(a, b):
        return a @ b / math.sqrt((a @ a) * (b @ b)) if (a @ a) * (b @ b) else 0.0

    return int(np.argmax([cosine(vector(sentence), vector(source)) for source in SRC]))


@pytest.mark.parametrize("sentence", [*SRC, "EIN HUND", "schläft Garten Katze", "Katze Katze Hund rennt", "Vogel ein"])
def test_it_is_the_nearest_by_definition(sentence):
    assert nearest_translation(TRAIN, [sentence]) == [TRAIN.trg[by_hand(sentence)]]


def test_what_shares_no_word_gets_the_first():
    assert nearest_translation(TRAIN, ["", "Pferd"]) == ["a dog runs", "a dog runs"]


def test_rare_words_count_more_than_frequent_ones():
    assert nearest_translation(TRAIN, ["ein Hund Katze"]) == ["a cat sleeps"]
