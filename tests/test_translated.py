"""Translated pairs: a file that keeps them, and scores that follow from them."""

import json

import numpy as np
import pytest

from lstm_gru.bleu import bleu, chrf
from lstm_gru.tasks.translated import TranslatedPair, pairs_path, perplexity, read_pairs, scores, write_pairs

PAIRS = [
    TranslatedPair(
        "Ein Hund läuft weit.", "A dog runs far away.", "A dog runs far away.", -0.1, "A dog runs far", 2.0, 4, ("a",)
    ),
    TranslatedPair("Zwei Männer sind da.", "Two men are here now.", "two men are here now.", -1 / 3, "Two", 7.0, 5, ()),
]


def test_a_file_keeps_every_bit_and_character(tmp_path):
    odd = TranslatedPair(
        '"東"\\ 👩\u200d🚀\ufeff', "a\u2028b\x85c\x1cd\ne\r", "", -1e-17, "\t", 0.1 + 0.2, 1, ("x", "y")
    )
    path = pairs_path(tmp_path, "long")
    assert path == tmp_path / "translations-long.jsonl"
    write_pairs(path, [*PAIRS, odd])
    assert read_pairs(path) == [*PAIRS, odd]
    first, *_ = lines = path.read_bytes().decode().removesuffix("\n").split("\n")
    assert len(lines) == 3
    assert json.loads(first) == {**PAIRS[0]._asdict(), "labels": ["a"]}
    assert "läuft" in first
    write_pairs(path, [])
    assert read_pairs(path) == []


def test_scores_are_those_of_the_columns():
    found = scores(PAIRS)
    reference = ["A dog runs far away.", "Two men are here now."]
    assert found == {
        "bleu": pytest.approx(100),
        "bleu_cased": bleu(["A dog runs far away.", "two men are here now."], reference, lowercase=False).value,
        "bleu_greedy": bleu(["A dog runs far", "Two"], reference, lowercase=True).value,
        "chrf": chrf(["A dog runs far away.", "two men are here now."], reference).value,
        "exact": 50,
        "perplexity": pytest.approx(np.exp(9 / 9)),
    }
    assert 0 < found["bleu_greedy"] < found["bleu_cased"] < 100


def test_perplexity_is_of_all_subwords_alike():
    assert perplexity(np.array([[1.0, 1], [8.0, 2]])) == pytest.approx(np.exp(3))
