"""What became of the words of a tagged split: their file, and the scores that follow from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_gru.data.tagged import Tagged
from lstm_gru.data.vocabulary import Vocabulary
from lstm_gru.files import write_text


class TaggedWord(NamedTuple):
    """A word and what became of it.

    Attributes:
      word: as it is written.
      tag: the right one.
      found: the tagger's.
      known: whether training had the word.
    """

    word: str
    tag: str
    found: str
    known: bool


Sentences = Sequence[Sequence[TaggedWord]]


def compared(sentences: Tagged, found: Sequence[Sequence[str]], vocabulary: Vocabulary) -> list[list[TaggedWord]]:
    """Return the sentences' words with the tags that were found for them."""
    return [
        [TaggedWord(word, tag, ours, vocabulary.known(word)) for word, tag, ours in zip(*columns, strict=True)]
        for columns in zip(sentences.words, sentences.tags, found, strict=True)
    ]


def accuracies(sentences: Sentences) -> dict[str, float]:
    """Return the share of words whose tag is right, in percent.

    Returns:
      ``accuracy`` of all words, ``known`` of those that training had, ``unknown`` of the others; NaN of none.
    """
    words = [word for sentence in sentences for word in sentence]
    right = np.array([word.tag == word.found for word in words])
    known = np.array([word.known for word in words])
    chosen = {"accuracy": np.ones(len(words), bool), "known": known, "unknown": ~known}
    return {name: 100 * float(right[which].mean()) if which.any() else np.nan for name, which in chosen.items()}


def right_and_all(sentences: Sentences) -> np.ndarray:
    """Return the words of each sentence with the right tag, and all of them, ``[N, 2]``."""
    return np.array([(sum(word.tag == word.found for word in words), len(words)) for words in sentences])


def words_path(run_dir: Path, split: str) -> Path:
    """Return the file of a split's tags: ``word TAB right tag TAB found tag TAB known`` and a blank line a sentence."""
    return run_dir / f"tags-{split}.tsv"


def write_words(path: Path, sentences: Sentences) -> None:
    """Write tagged sentences; ``known`` is 1 or 0."""
    blocks = ("".join(f"{w.word}\t{w.tag}\t{w.found}\t{w.known:d}\n" for w in words) for words in sentences)
    write_text(path, "\n".join(blocks))


def read_words(path: Path) -> list[list[TaggedWord]]:
    """Return tagged sentences as written by `write_words`."""
    blocks = path.read_bytes().decode().removesuffix("\n").split("\n\n")
    rows = [[line.split("\t") for line in block.split("\n")] for block in blocks]
    return [[TaggedWord(word, tag, found, known == "1") for word, tag, found, known in row] for row in rows]
