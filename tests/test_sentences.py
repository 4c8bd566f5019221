"""Sentences as numbers: each once an epoch, few shapes, sorted spellings; a pure function of seed and step."""

from collections import Counter

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from lstm_gru.data.sentences import NARROWEST, SentenceBatches, ordered_sentences, sentence_batch, width_of
from lstm_gru.data.tagged import Tagged
from lstm_gru.data.vocabulary import BEGIN, END, UNKNOWN, Vocabulary, learn_vocabulary
from lstm_gru.errors import InputError

few = hypothesis.settings(max_examples=80, deadline=None, derandomize=True)
words = st.text("abcå", min_size=1, max_size=9)
sentences = st.lists(st.lists(words, min_size=1, max_size=20), min_size=1, max_size=30)


def tagged(sentences):
    """A tag that says which word it is the tag of."""
    tags = tuple(tuple(f"{word}-{place % 2}" for place, word in enumerate(sentence)) for sentence in sentences)
    return Tagged(tuple(map(tuple, sentences)), tags, {"file": "a.tsv"})


def rows_of(batch, vocabulary):
    """The words and spellings of a batch's rows, as they were before they became numbers."""
    for row, length in enumerate(batch["lengths"]):
        places = batch["spelled"][row, :length]
        spellings = [tuple(batch["spellings"][k, : batch["spelling_lengths"][k]].tolist()) for k in places]
        assert not batch["words"][row, length:].any()
        assert not batch["counts"][row, length:].any()
        assert not batch["spelled"][row, length:].any()
        yield batch["words"][row, :length].tolist(), spellings


def check_spellings(batch, shown):
    lengths = batch["spelling_lengths"]
    assert len(lengths) == batch["words"].size
    assert (np.diff(lengths) <= 0).all()
    for row, length in zip(batch["spellings"], lengths, strict=True):
        assert not row[length:].any()
    assert (lengths > 0).sum() == len({word for sentence in shown for word in sentence})


@few
@hypothesis.given(sentences, st.integers(0, 3))
def test_an_epoch_holds_every_sentence_once_in_the_narrowest_width(given, epoch):
    train = tagged(given)
    vocabulary = learn_vocabulary(train)
    batches = SentenceBatches(train, vocabulary, tokens_per_batch=64, seed=3)
    seen = []
    for step in range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch):
        batch = batches.batch(step)
        shape = batch["words"].shape
        assert shape[0] == 64 // shape[1]
        shown = []
        for row, (numbers, spellings) in enumerate(rows_of(batch, vocabulary)):
            if not numbers:
                assert not batch["tags"][row].any()
                continue
            assert width_of(len(numbers)) == shape[1]
            tags = [vocabulary.tags[k] for k in batch["tags"][row, : len(numbers)]]
            shown.append([tag.rpartition("-")[0] for tag in tags])
            assert vocabulary.word_ids(shown[-1]) == numbers
            assert [tuple(vocabulary.spelling(word)) for word in shown[-1]] == spellings
            counts = batch["counts"][row, : len(numbers)].tolist()
            assert counts == [sum(sentence.count(word) for sentence in given) for word in shown[-1]]
        check_spellings(batch, shown)
        assert batch["spellings"].shape[1] == width_of(max(len(word) + 2 for sentence in given for word in sentence))
        seen += map(tuple, shown)
    assert Counter(seen) == Counter(map(tuple, given))


@few
@hypothesis.given(st.lists(st.lists(words, max_size=20), max_size=30), sentences)
def test_ordered_sentences_hold_every_line_once_from_short_to_long(given, train):
    vocabulary = learn_vocabulary(tagged(train))
    found, before = {}, 0
    for lines, batch in ordered_sentences(given, vocabulary, tokens_per_batch=16):
        rows = list(rows_of(batch, vocabulary))
        assert 1 <= len(lines) <= len(rows)
        assert all(numbers == [] for numbers, _ in rows[len(lines) :])
        check_spellings(batch, [given[line] for line in lines])
        for line, (numbers, spellings) in zip(lines.tolist(), rows, strict=False):
            assert numbers == vocabulary.word_ids(given[line])
            assert spellings == [tuple(vocabulary.spelling(word)) for word in given[line]]
            assert line not in found
            found[line] = numbers
        assert batch["words"].shape[1] >= before
        before = batch["words"].shape[1]
    assert sorted(found) == list(range(len(given)))


def test_a_batch_is_a_pure_function_of_seed_and_step():
    train = tagged([["a"] * (k % 17 + 1) + ["b" * (k % 5 + 1)] for k in range(60)])
    vocabulary = learn_vocabulary(train)
    one, again, other = (SentenceBatches(train, vocabulary, tokens_per_batch=64, seed=s) for s in (0, 0, 1))
    steps = range(2 * one.steps_per_epoch)
    for step in reversed(steps):
        for name, array in one.batch(step).items():
            np.testing.assert_array_equal(array, again.batch(step)[name])
    assert any(not np.array_equal(one.batch(step)["words"], other.batch(step)["words"]) for step in steps)
    assert not all(
        np.array_equal(one.batch(step)["words"], one.batch(step + one.steps_per_epoch)["words"])
        for step in range(one.steps_per_epoch)
    )


def test_one_batch_by_hand():
    vocabulary = Vocabulary(("on", "a"), (3, 1), ("a", "n", "o"), ("X", "Y"))
    batch = sentence_batch([("a", "on", "nano"), ()], vocabulary, 3, 6)
    assert batch["words"].tolist() == [[3, 2, UNKNOWN], [0, 0, 0]]
    assert batch["counts"].tolist() == [[1, 3, 0], [0, 0, 0]]
    assert batch["lengths"].tolist() == [3, 0]
    assert batch["spelled"].tolist() == [[2, 1, 0], [0, 0, 0]]
    assert batch["spellings"][:3].tolist() == [
        [BEGIN, 5, 4, 5, 6, END],
        [BEGIN, 6, 5, END, 0, 0],
        [BEGIN, 4, END, 0, 0, 0],
    ]
    assert batch["spelling_lengths"].tolist() == [6, 4, 3, 0, 0, 0]
    assert vocabulary.tag_ids(["Y", "Z", "X"]) == [1, -1, 0]


def test_a_vocabulary_knows_the_training_words_the_most_frequent_first():
    vocabulary = learn_vocabulary(Tagged((("b", "å", "b"), ("c",)), (("X", "Y", "X"), ("V",)), {}))
    assert (vocabulary.words, vocabulary.counts) == (("b", "c", "å"), (2, 1, 1))
    assert vocabulary.characters == ("b", "c", "å")
    assert vocabulary.tags == ("V", "X", "Y")
    assert (vocabulary.word_numbers, vocabulary.character_numbers) == (5, 7)
    assert [vocabulary.known(word) for word in ("å", "d")] == [True, False]
    assert vocabulary.sha256 != Vocabulary(("b", "å", "c"), (2, 1, 1), ("b", "c", "å"), ("V", "X", "Y")).sha256


def test_a_very_long_word_is_read_by_its_ends():
    vocabulary = Vocabulary((), (), ("a", "b", "c"), ())
    word = "a" * 30 + "c" * 5000 + "b" * 30
    assert vocabulary.spelling(word) == vocabulary.spelling("a" * 30 + "b" * 30)
    [(_, batch)] = ordered_sentences([(word,)], vocabulary, tokens_per_batch=8)
    assert batch["spellings"].shape == (8, 64)


def test_a_sentence_that_fits_no_batch_is_named():
    train = tagged([["a"] * (NARROWEST + 1)])
    with pytest.raises(
        InputError, match=r"a\.tsv: a sentence of 9 words needs 16 positions; expected tokens_per_batch"
    ):
        SentenceBatches(train, learn_vocabulary(train), tokens_per_batch=15, seed=0)
