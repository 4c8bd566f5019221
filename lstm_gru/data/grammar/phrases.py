"""Phrases in both languages at once: noun phrases, pronouns, prepositions.

A word carries its punctuation: ``"Frau,"`` is one word, so that positions are counted in words.
"""

from functools import cache
from typing import NamedTuple

from lstm_gru.data.grammar import english, german
from lstm_gru.data.grammar.lexicon import ADJECTIVES, NOUNS

Words = tuple[str, ...]


class Link(NamedTuple):
    """Two words of one sentence that depend on each other.

    Attributes:
      kind: ``agreement`` (a subject's noun and the finite verb after it), ``inversion`` (the verb before it) or
        ``separable`` (finite verb and particle).
      language: ``de`` or ``en``.
      first: the word that comes first.
      second: the word ``distance`` words later.
      distance: in words; neighbours have 1.
      agreement: ``1sg``, ``3sg`` or ``pl``; empty for a particle.
    """

    kind: str
    language: str
    first: str
    second: str
    distance: int
    agreement: str


class Phrase(NamedTuple):
    """Words in both languages, what happens in them, and which of them depend on each other."""

    de: Words
    en: Words
    phenomena: Words = ()
    links: tuple[Link, ...] = ()


class NounPhrase(NamedTuple):
    """A noun phrase in one case.

    Attributes:
      de: German words without the relative clause.
      en: English words without the relative clause.
      agreement: what its verb agrees with: ``1sg``, ``3sg`` or ``pl``.
      head_de: index of the noun in ``de``.
      head_en: index of the noun in ``en``.
      definite: whether it stands before ``nicht``, as der Hund does and ein Hund does not.
      marked: whether its form shows its case: der Hund and den Hund do, die Katze does not.
      pronoun: whether it is one.
      negates: with kein, which in an accusative object negates the English verb.
      relative: its relative clause.
      lemma: of the (first) noun.
      phenomena: what happens in it.
      links: of its relative clause.
    """

    de: Words
    en: Words
    agreement: str
    head_de: int = 0
    head_en: int = 0
    definite: bool = True
    marked: bool = False
    pronoun: bool = False
    negates: bool = False
    relative: Phrase | None = None
    lemma: str = ""
    phenomena: Words = ()
    links: tuple[Link, ...] = ()

    def german(self) -> Words:
        """Return the words with the relative clause between commas."""
        return self.de if self.relative is None else with_comma(self.de) + self.relative.de

    def english(self) -> Words:
        """Return the words with the relative clause, which has no commas."""
        return self.en if self.relative is None else self.en + self.relative.en


def noun_phrase(
    lemma: str,
    case: str = "nom",
    number: str = "sg",
    determiner: str = "der",
    adjective: str = "",
    attribute: Phrase | None = None,
    relative: Phrase | None = None,
) -> NounPhrase:
    """Return determiner, adjective, noun and what follows it, inflected by gender, number and case.

    Args:
      lemma: of the noun.
      case: ``nom``, ``acc`` or ``dat``.
      number: ``sg`` or ``pl``.
      determiner: der, ein (nothing in the plural), kein, dieser, jeder, mein, unser, alle, viele, einige, zwei, drei.
      adjective: its lemma, or empty.
      attribute: a phrase with a preposition that belongs to the noun, from `prepositional`.
      relative: a relative clause of the same noun and number, from `clauses.relative`; after an attribute it would
        seem to belong to the attribute's noun.

    Example:
      >>> noun_phrase("Hund", "dat", adjective="alt")[:2]
      (('dem', 'alten', 'Hund'), ('the', 'old', 'dog'))
    """
    phrase = _noun_phrase(lemma, case, number, determiner, adjective)
    if attribute:
        phrase = phrase._replace(
            de=phrase.de + attribute.de,
            en=phrase.en + attribute.en,
            phenomena=phrase.phenomena + attribute.phenomena,
            links=attribute.links,
        )
    if relative:
        phrase = phrase._replace(
            relative=relative, phenomena=phrase.phenomena + relative.phenomena, links=phrase.links + relative.links
        )
    return phrase


@cache
def _noun_phrase(lemma: str, case: str, number: str, determiner: str, adjective: str) -> NounPhrase:
    noun = NOUNS[lemma]
    slot = german.slot(noun, number)
    adjectives = (german.adjective(adjective, determiner, slot, case),) if adjective else ()
    de = (*german.determiner(determiner, slot, case), *adjectives, german.noun(noun, number, case))
    en = english.noun_words(noun, number, case, determiner, ADJECTIVES[adjective][1] if adjective else "")
    return NounPhrase(
        de=de,
        en=en,
        agreement="3sg" if number == "sg" else "pl",
        head_de=len(de) - 1,
        head_en=len(en) - 1,
        definite=determiner in ("der", "dieser", "mein", "unser"),
        marked=slot == "m" or (case == "dat" and determiner not in ("ein", *german.NUMERALS)),
        negates=determiner == "kein",
        lemma=lemma,
        phenomena=("compound",) * noun.compound + ("negation",) * (determiner == "kein"),
    )


def pronoun(lemma: str, case: str = "nom", agreement: str = "3sg") -> NounPhrase:
    """Return a personal pronoun; sie is she or they by ``agreement``, which German shows on the verb alone.

    Example:
      >>> pronoun("er", "dat")[:2], pronoun("sie", agreement="pl")[:2]
      ((('ihm',), ('him',)), (('sie',), ('they',)))
    """
    agreement = {"ich": "1sg", "wir": "pl"}.get(lemma, agreement)
    en = english.PRONOUNS[f"sie {agreement}" if lemma == "sie" else lemma][case != "nom"]
    phenomena = ("number_decides",) if lemma == "sie" else ()
    de = german.PRONOUNS[lemma][case]
    return NounPhrase((de,), (en,), agreement, marked=lemma != "sie", pronoun=True, phenomena=phenomena)


def both(first: NounPhrase, second: NounPhrase) -> NounPhrase:
    """Return two noun phrases joined by und: a plural of two singulars.

    Example:
      >>> both(noun_phrase("Mann"), noun_phrase("Frau")).agreement
      'pl'
    """
    return NounPhrase(
        de=(*first.de, "und", *second.de),
        en=(*first.en, "and", *second.en),
        agreement="pl",
        head_de=len(first.de) + 1 + second.head_de,
        head_en=len(first.en) + 1 + second.head_en,
        definite=first.definite and second.definite,
        lemma=first.lemma,
        phenomena=("coordination", *first.phenomena, *second.phenomena),
    )


def prepositional(preposition: str, english_preposition: str, noun: NounPhrase) -> Phrase:
    """Return a preposition with its noun phrase; in dem is im, zu der is zur, unless a relative clause follows.

    Example:
      >>> prepositional("in", "in", noun_phrase("Garten", "dat"))[:2]
      (('im', 'Garten'), ('in', 'the', 'garden'))
    """
    de = (preposition, *noun.german())
    contracted = german.CONTRACTIONS.get(" ".join(de[:2]))
    if contracted and noun.relative is None:
        de = (contracted, *de[2:])
    # Both translate in and auf; only the case says which.
    names = ("place_or_direction",) if english_preposition in ("in", "into", "on", "onto") else ()
    return Phrase(de, (english_preposition, *noun.english()), names + noun.phenomena, noun.links)


def with_comma(words: Words) -> Words:
    """Return the words with a comma after the last, unless one is there."""
    return words if words[-1].endswith(",") else (*words[:-1], f"{words[-1]},")
