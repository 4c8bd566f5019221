"""German-English sentence pairs from the grammar, in splits without overlap, a pure function of the settings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from lstm_gru.config import require
from lstm_gru.data.grammar.draw import Scope
from lstm_gru.data.grammar.phrases import Phrase
from lstm_gru.data.grammar.rules import long_sentence, sentence

# Fewest and most words of a sentence, in either language; punctuation belongs to its word.
SHORT, LONG = (3, 20), (22, 45)
# An agreement is one at a distance if at least two words stand between noun and verb.
FAR = 3

PHENOMENA = {
    "verb_final": "a clause with its finite verb at the end",
    "inversion": "something else than the subject before the verb",
    "object_first": "the object before the verb, the subject behind it: only the case tells them apart",
    "separable": "a particle at the end of the clause, which decides the English verb",
    "agreement": "two or more words between a subject's noun and its verb, in German or English",
    "number_decides": "the verb's number alone tells she from they, or subject from object of a relative clause",
    "relative": "a relative clause",
    "nested_relative": "a relative clause in another",
    "modal": "a modal, its infinitive at the end",
    "perfect": "haben or sein, the participle at the end",
    "tense_by_adverb": "an English tense that follows from the adverbial",
    "infinitive": "an infinitive with zu",
    "negation": "nicht, kein or nie",
    "coordination": "clauses, verbs or nouns joined by und, aber or denn",
    "dative": "a dative object",
    "place_or_direction": "in or auf, in and on with the dative, into and onto with the accusative",
    "compound": "one German noun for two English words",
}


class Pairs(NamedTuple):
    """Sentences in two languages, line by line.

    Attributes:
      src: German.
      trg: English.
    """

    src: tuple[str, ...]
    trg: tuple[str, ...]


class GrammarSplit(NamedTuple):
    """Sentence pairs and what happens in each.

    Attributes:
      pairs: the sentences.
      phenomena: for each pair, keys of `PHENOMENA`.
      distance: for each pair, the largest distance in words (neighbours: 1) between words that depend on each other,
        by phenomenon: ``agreement`` (a subject's noun, or a relative pronoun, and the verb after it, in either
        language) and ``separable`` (verb and particle, in German); only of those that are among its phenomena.
    """

    pairs: Pairs
    phenomena: tuple[frozenset[str], ...]
    distance: tuple[dict[str, int], ...]


class Sentence(NamedTuple):
    """A sentence pair with its phenomena and distances, see `GrammarSplit`."""

    src: str
    trg: str
    phenomena: frozenset[str]
    distance: dict[str, int]


@dataclass(frozen=True)
class GrammarConfig:
    """Sizes of the splits, and how deep clauses nest in them."""

    train: int = 20_000
    """Sentence pairs to train on, of 3 to 20 words in both languages."""
    valid: int = 500
    """Pairs of the same kind for validation."""
    test: int = 500
    """Pairs of the same kind for the test."""
    long: int = 300
    """Pairs of 22 to 45 words in both languages."""
    depth: int = 2
    """How many clauses may be nested, one in another, within those of ordinary length."""
    long_depth: int = 3
    """The same within the long ones."""
    seed: int = 0
    """Decides every sentence; valid and test do not change with the size of train."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("train", "valid", "test", "long"):
            require(self, name, low=1, high=1_000_000)
        for name in ("depth", "long_depth"):
            require(self, name, low=0, high=5)
        require(self, "seed", low=0)


def grammar_corpus(config: GrammarConfig | None = None) -> dict[str, GrammarSplit]:
    """Return the splits ``train``, ``valid``, ``test`` and ``long``.

    No German sentence is in two splits or twice in one, and each has one English translation. Sentences of ``long``
    are longer, in both languages, than any of the others.

    Args:
      config: settings; the defaults if None. It checks its own ranges.

    Returns:
      A `GrammarSplit` by name, in that order.

    Example:
      >>> splits = grammar_corpus(GrammarConfig(train=30, valid=5, test=5, long=5))
      >>> {name: len(split.pairs.src) for name, split in splits.items()}
      {'train': 30, 'valid': 5, 'test': 5, 'long': 5}
    """
    config = config or GrammarConfig()
    short = _distinct(f"short {config.seed}", sentence, Scope(config.depth), SHORT)
    long = _distinct(f"long {config.seed}", long_sentence, Scope(config.long_depth), LONG)
    taken = {name: _split(short, getattr(config, name)) for name in ("valid", "test", "train")}
    return {"train": taken["train"], "valid": taken["valid"], "test": taken["test"], "long": _split(long, config.long)}


def finished(phrase: Phrase) -> Sentence:
    """Return a phrase as a sentence: capital, full stop, no comma before it.

    Example:
      >>> from lstm_gru.data.grammar.clauses import clause, main
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> finished(main(clause("auf|wachen", noun_phrase("Kind"), time="jetzt"), front="time"))[:2]
      ('Jetzt wacht das Kind auf.', 'Now the child wakes up.')
    """
    src, trg = (_text(words) for words in (phrase.de, phrase.en))
    distance = {}
    for link in phrase.links:
        if link.kind == "separable" or (link.kind == "agreement" and link.distance >= FAR):
            distance[link.kind] = max(link.distance, distance.get(link.kind, 0))
    return Sentence(src, trg, frozenset(phrase.phenomena).union(distance), distance)


def _text(words: tuple[str, ...]) -> str:
    text = " ".join(words).rstrip(",")
    return f"{text[0].upper()}{text[1:]}."


def _distinct(
    seed: str, draw: Callable[[Random, Scope], Phrase], scope: Scope, words: tuple[int, int]
) -> Iterator[Sentence]:
    """Sentences within the numbers of words, none twice, without end; a string seeds alike in every process."""
    random, seen = Random(seed), set()
    low, high = words
    while True:
        phrase = draw(random, scope)
        if low <= len(phrase.de) <= high and low <= len(phrase.en) <= high:
            one = finished(phrase)
            if one.src not in seen:
                seen.add(one.src)
                yield one


def _split(sentences: Iterator[Sentence], count: int) -> GrammarSplit:
    src, trg, phenomena, distance = zip(*(next(sentences) for _ in range(count)), strict=True)
    return GrammarSplit(Pairs(src, trg), phenomena, distance)
