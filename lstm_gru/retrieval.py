"""The trivial translator: the translation of the training sentence that is most like the source."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from lstm_gru.data.bitext import Bitext


def nearest_translation(train: Bitext, sentences: Sequence[str]) -> list[str]:
    """Return for each sentence the translation of the nearest training source.

    Nearest is the largest cosine of word counts weighted by ``log(N / n_w)`` for the n_w of N training sentences that
    have the word, lowercased; of equally near ones the first. Source: Salton & Buckley 1988 (tf·idf).

    Args:
      train: sentences and their translations.
      sentences: what is to be translated.

    Example:
      >>> train = Bitext(("ein Hund rennt", "eine Katze schläft"), ("a dog runs", "a cat sleeps"), {})
      >>> nearest_translation(train, ["die Katze springt"])
      ['a cat sleeps']
    """
    words = {word: column for column, word in enumerate(dict.fromkeys(w for s in train.src for w in _words(s)))}
    known, asked = _counts(train.src, words), _counts(sentences, words)
    present = np.bincount(known.indices, minlength=len(words))
    weight = np.log(len(train) / np.maximum(present, 1))
    known, asked = _unit(known, weight), _unit(asked, weight)
    return [train.trg[int(asked[[row]].dot(known.T).toarray().argmax())] for row in range(len(sentences))]


def _words(sentence: str) -> list[str]:
    return sentence.lower().split()


def _counts(sentences: Sequence[str], words: dict[str, int]) -> csr_array:
    rows = [Counter(words[word] for word in _words(s) if word in words) for s in sentences]
    ends = np.cumsum([0, *map(len, rows)])
    columns = [column for row in rows for column in row]
    counts = [float(count) for row in rows for count in row.values()]
    return csr_array((counts, columns, ends), shape=(len(rows), len(words)))


def _unit(counts: csr_array, weight: np.ndarray) -> csr_array:
    """Weighted rows of length 1; a row of nothing stays 0."""
    weighted = csr_array((counts.data * weight[counts.indices], counts.indices, counts.indptr), shape=counts.shape)
    length = np.sqrt(weighted.multiply(weighted).sum(axis=1))
    scale = np.repeat(1 / np.where(length > 0, length, 1), np.diff(weighted.indptr))
    return csr_array((weighted.data * scale, weighted.indices, weighted.indptr), shape=weighted.shape)
