"""Words, characters and tags as numbers, learned from the training sentences only.

Words are compared as they are: in Unicode's form NFC, as `lstm_gru.data.tagged` reads them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from lstm_gru.data.tagged import Tagged

UNKNOWN = 1  # Of words and of characters; 0 is padding.
BEGIN, END = 2, 3  # Of a word, among its characters.
FIRST_WORD, FIRST_CHARACTER = 2, 4
LONGEST_SPELLING = 60  # Characters.


@dataclass(frozen=True)
class Vocabulary:
    """What a tagger knows.

    Attributes:
      words: in the order of their numbers, which begin at 2; the most frequent first.
      counts: how often each was seen in training.
      characters: in the order of their numbers, which begin at 4.
      tags: in the order of their numbers, which begin at 0.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    characters: tuple[str, ...]
    tags: tuple[str, ...]

    @cached_property
    def _numbers(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        tables = ((self.words, FIRST_WORD), (self.characters, FIRST_CHARACTER), (self.tags, 0))
        return tuple({entry: number for number, entry in enumerate(table, start)} for table, start in tables)

    @cached_property
    def sha256(self) -> str:
        """Checksum of all of it, as JSON."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()

    @property
    def word_numbers(self) -> int:
        """How many numbers words have; all are below it."""
        return FIRST_WORD + len(self.words)

    @property
    def character_numbers(self) -> int:
        """How many numbers characters have; all are below it."""
        return FIRST_CHARACTER + len(self.characters)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many numbers words, characters and tags have."""
        return self.word_numbers, self.character_numbers, len(self.tags)

    def known(self, word: str) -> bool:
        """Return whether a word was seen in training."""
        return word in self._numbers[0]

    def word_ids(self, words: Sequence[str]) -> list[int]:
        """Return the words' numbers; 1 for a word that was not seen in training."""
        return [self._numbers[0].get(word, UNKNOWN) for word in words]

    def word_counts(self, words: Sequence[str]) -> list[int]:
        """Return how often each word was seen in training."""
        return [0 if number == UNKNOWN else self.counts[number - FIRST_WORD] for number in self.word_ids(words)]

    def spelling(self, word: str) -> list[int]:
        """Return the numbers of a word's characters, between the marks of its begin and end.

        Of a word of more than 60 characters the first and the last 30 are read: what is no word, as an address or
        encoded data, then takes no more room than one.

        Example:
          >>> Vocabulary((), (), ("a", "b"), ()).spelling("bå")
          [2, 5, 1, 3]
        """
        read = word if len(word) <= LONGEST_SPELLING else word[: LONGEST_SPELLING // 2] + word[-LONGEST_SPELLING // 2 :]
        return [BEGIN, *(self._numbers[1].get(character, UNKNOWN) for character in read), END]

    def tag_ids(self, tags: Sequence[str]) -> list[int]:
        """Return the tags' numbers; -1, which no tagger gives, for a tag that was not seen in training."""
        return [self._numbers[2].get(tag, -1) for tag in tags]


def learn_vocabulary(train: Tagged) -> Vocabulary:
    """Return all words, characters and tags of the training sentences.

    Example:
      >>> learn_vocabulary(Tagged((("b", "a", "b"),), (("X", "Y", "X"),), {})).words
      ('b', 'a')
    """
    words = Counter(word for sentence in train.words for word in sentence)
    ranked = sorted(words, key=lambda word: (-words[word], word))
    characters = sorted({character for word in words for character in word})
    tags = sorted({tag for sentence in train.tags for tag in sentence})
    return Vocabulary(tuple(ranked), tuple(words[word] for word in ranked), tuple(characters), tuple(tags))
