"""BLEU and chrF: sacreBLEU's own values, and sums of statistics from which they follow."""

import hypothesis
import numpy as np
import pytest
import sacrebleu
from hypothesis import strategies as st

from lstm_gru.bleu import bleu, bleu_of, bleu_statistics, chrf

few = hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
cases = pytest.mark.parametrize("lowercase", [True, False])

# Few words, so that n-grams are shared and repeated, and some that the tokeniser 13a takes apart.
sentence = st.lists(st.sampled_from(["a", "A", "dog", "Dog", "runs.", "2,5", "-", "(so)", "&amp;"]), max_size=9)
sentences = st.lists(st.tuples(sentence.map(" ".join), sentence.map(" ".join)), min_size=1, max_size=6)

HYPOTHESES = ["The dog runs fast.", "Two men, one dog", "a Man sleeps", ""]
REFERENCES = ["the dog runs very fast.", "Two men and one dog.", "A man sleeps here today.", "Nothing."]


def test_the_value_is_that_of_sacrebleu_and_the_signature_says_how():
    for lowercase, case, args in ((True, "lc", {"lowercase": True}), (False, "mixed", {})):
        value, signature = bleu(HYPOTHESES, REFERENCES, lowercase=lowercase)
        assert value == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], **args).score
        assert signature == f"nrefs:1|case:{case}|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    assert bleu(HYPOTHESES, REFERENCES, lowercase=True).value > bleu(HYPOTHESES, REFERENCES, lowercase=False).value > 0


def test_chrf_is_that_of_sacrebleu():
    value, signature = chrf(HYPOTHESES, REFERENCES)
    assert value == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert signature.startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|")


def test_statistics_by_hand():
    [row] = bleu_statistics(["the dog runs The dog"], ["The dog runs fast"], lowercase=True)
    assert row.tolist() == [5, 4, 3, 2, 1, 0, 5, 4, 3, 2]
    [row] = bleu_statistics(["the dog runs The dog"], ["The dog runs fast"], lowercase=False)
    assert row.tolist() == [5, 4, 3, 2, 0, 0, 5, 4, 3, 2]


def test_score_of_statistics_by_hand():
    exact = 100 * np.exp(1 - 4 / 3) * (3 / 3 * 1 / 2 * (1 / 2) / 2 * (1 / 4) / 1) ** 0.25  # Twice nothing right.
    np.testing.assert_allclose(bleu_of([3, 4, 3, 1, 0, 0, 3, 2, 2, 1]), exact)
    np.testing.assert_allclose(bleu_of([8, 4, 4, 4, 4, 4, 8, 8, 8, 8]), 50)  # Too long is no matter of brevity.


@cases
@few
@hypothesis.given(pairs=sentences)
def test_the_score_of_summed_statistics_is_that_of_the_corpus(lowercase, pairs):
    hypotheses, references = zip(*pairs, strict=True)
    total = bleu_statistics(hypotheses, references, lowercase=lowercase).sum(axis=0)
    expected = sacrebleu.corpus_bleu(hypotheses, [references], lowercase=lowercase).score
    np.testing.assert_allclose(bleu_of(total), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "hypotheses",
    [
        ["the dog runs", "two dogs run"],  # No 4-gram at all: 0.
        ["the dog sleeps there now", "b c d e"],  # Trigrams and 4-grams, but none is right: smoothed.
        ["", "the dog runs in the garden"],
        ["", ""],
        ["x y z u v", "x y z u v"],  # Nothing right.
    ],
)
def test_the_score_where_something_is_missing_is_that_of_sacrebleu(hypotheses):
    references = ["the dog runs in a garden", "two dogs run"]
    expected = sacrebleu.corpus_bleu(hypotheses, [references]).score
    total = bleu_statistics(hypotheses, references, lowercase=False).sum(axis=0)
    np.testing.assert_allclose(bleu_of(total), expected, rtol=1e-12)
    assert bleu(hypotheses, references, lowercase=False).value == expected


@few
@hypothesis.given(sentences, sentences)
def test_statistics_add_up(some, others):
    def statistics(pairs):
        return bleu_statistics(*zip(*pairs, strict=True), lowercase=True)

    whole = statistics(some + others)
    assert whole.shape == (len(some) + len(others), 10)
    np.testing.assert_array_equal(whole, np.concatenate([statistics(some), statistics(others)]))


def test_many_scores_at_once_are_those_one_by_one():
    rows = bleu_statistics(HYPOTHESES * 3, REFERENCES * 3, lowercase=True)
    sums = rows[np.random.default_rng(0).integers(0, len(rows), (2, 5, len(rows)))].sum(axis=2)
    scores = bleu_of(sums)
    assert scores.shape == (2, 5)
    np.testing.assert_array_equal(scores, [[bleu_of(row) for row in block] for block in sums])
    assert len(np.unique(scores)) > 5
    assert bleu_statistics([], [], lowercase=True).shape == (0, 10)


@pytest.mark.parametrize(("ours", "theirs"), [(2, 3), (3, 2), (0, 0)])
def test_sides_of_unequal_length_are_no_score(ours, theirs):
    message = rf"^{ours} hypotheses, {theirs} references; expected as many, at least one$"
    for score in (lambda *sides: bleu(*sides, lowercase=True), chrf):
        with pytest.raises(ValueError, match=message):
            score(["a"] * ours, ["a"] * theirs)
