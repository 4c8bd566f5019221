"""Tags without a network: what a word was most often in training."""

from collections import Counter
from collections.abc import Sequence

from lstm_gru.data.tagged import Tagged

Words = Sequence[Sequence[str]]


def most_frequent_tag(train: Tagged, sentences: Words) -> list[list[str]]:
    """Return the training sentences' most frequent tag for every word.

    Example:
      >>> train = Tagged((("en", "hund", "en"),), (("DET", "NOUN", "DET"),), {})
      >>> most_frequent_tag(train, [["hund"]])
      [['DET']]
    """
    best = _best(Counter(tag for tags in train.tags for tag in tags))
    return [[best] * len(words) for words in sentences]


def most_frequent_tag_of_word(train: Tagged, sentences: Words, *, longest: int = 4) -> list[list[str]]:
    """Return for every word its most frequent tag in training; for an unknown one, that of words that end alike.

    An unknown word has the most frequent tag of the training words, each counted once, with which it shares its last
    ``longest`` characters; where there are none, one character fewer, and so on down to none. Words that are alike in
    nothing else may well be alike in their end (Brants 2000, section 2.3). Among equals the first by alphabet wins.

    Example:
      >>> train = Tagged((("huset", "kan", "taget"),), (("NOUN", "AUX", "NOUN"),), {})
      >>> most_frequent_tag_of_word(train, [["kan", "skabet"]])
      [['AUX', 'NOUN']]
    """
    of_word: dict[str, Counter[str]] = {}
    for words, tags in zip(train.words, train.tags, strict=True):
        for word, tag in zip(words, tags, strict=True):
            of_word.setdefault(word, Counter())[tag] += 1
    known = {word: _best(counts) for word, counts in of_word.items()}
    of_end: dict[str, Counter[str]] = {}
    for word, tag in known.items():
        for end in _ends(word, longest):
            of_end.setdefault(end, Counter())[tag] += 1
    by_end = {end: _best(counts) for end, counts in of_end.items()}

    def guess(word: str) -> str:
        return next(by_end[end] for end in _ends(word, longest) if end in by_end)

    return [[known.get(word) or guess(word) for word in words] for words in sentences]


def _ends(word: str, longest: int) -> list[str]:
    """The word's ends, from the longest to none."""
    return [word[len(word) - length :] for length in range(min(longest, len(word)), -1, -1)]


def _best(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))
