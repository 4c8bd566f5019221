"""Clauses joined to others: relative and subordinate ones, infinitives, two main clauses.

What begins with a conjunction or a relative pronoun ends with a comma, which a full stop or another comma absorbs. It
can be ``after`` another clause or, from `subordinate`, in front of one.
"""

from lstm_gru.data.grammar import german
from lstm_gru.data.grammar.clauses import Clause, english_dative, to_infinitive, verb_final
from lstm_gru.data.grammar.lexicon import COORDINATORS, NOUNS, PAST_TIMES, PRESENT_TIMES, REASONS, spaced
from lstm_gru.data.grammar.phrases import NounPhrase, Phrase, Words, with_comma

_CONJUNCTIONS = {**REASONS, **PRESENT_TIMES, **PAST_TIMES}


def relative(
    noun: str, number: str, said: Clause, case: str = "nom", preposition: tuple[str, str] = ("", "")
) -> Phrase:
    """Return a relative clause: the pronoun has the noun's gender and number, its case is from the clause.

    Args:
      noun: lemma of the noun it belongs to.
      number: its number.
      said: the clause without what the pronoun stands for.
      case: of the pronoun; ``nom`` if it is the subject.
      preposition: German and English, before the pronoun.

    Example:
      >>> from lstm_gru.data.grammar.clauses import clause
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> said = clause("helfen", noun_phrase("Frau"), tense="past")
      >>> " ".join(relative("Kind", "pl", said, "dat").de), " ".join(relative("Kind", "pl", said, "dat").en)
      ('denen die Frau half,', 'whom the woman helped')
    """
    pronoun = german.RELATIVE[case][german.slot(NOUNS[noun], number)]
    person = NOUNS[noun].kind == "person"
    if case == "nom":
        subject = NounPhrase((pronoun,), ("who" if person else "which",), "3sg" if number == "sg" else "pl")
        phrase = verb_final(said._replace(subject=subject))
    else:
        de, en = (spaced(word) if word else () for word in preposition)
        if case == "dat" and not en:
            en = english_dative(said.verb)
        phrase = verb_final(said)
        phrase = phrase._replace(de=(*de, pronoun, *phrase.de), en=(*en, "whom" if person else "which", *phrase.en))
    names = ["relative"]
    if "relative" in phrase.phenomena:
        names.append("nested_relative")
    if case == "dat" and not preposition[0]:
        names.append("dative")
    if case == "acc" and not preposition[0] and pronoun != "den" and not said.subject.marked:
        # die Frau, die die Kinder sehen (sieht): only the verb's number says who sees whom.
        names.append("number_decides")
    return phrase._replace(de=with_comma(phrase.de), phenomena=(*names, *phrase.phenomena))


def subordinate(conjunction: str, said: Clause) -> Phrase:
    """Return a clause of reason or time: the conjunction puts the verb at its end.

    Example:
      >>> from lstm_gru.data.grammar.clauses import clause
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> phrase = subordinate("weil", clause("ein|schlafen", noun_phrase("Kind")))
      >>> " ".join(phrase.de), " ".join(phrase.en)
      ('weil das Kind einschläft,', 'because the child falls asleep')
    """
    return _introduced((conjunction,), spaced(_CONJUNCTIONS[conjunction]), verb_final(said))


def that(said: Clause) -> Phrase:
    """Return the object of sagen and the like: dass das Kind einschläft, that the child falls asleep."""
    return _introduced(("dass",), ("that",), verb_final(said))


def whether(said: Clause) -> Phrase:
    """Return an indirect question: ob das Kind einschläft, whether the child falls asleep."""
    return _introduced(("ob",), ("whether",), verb_final(said))


def infinitive(said: Clause) -> Phrase:
    """Return the object of versuchen and the like: die Frau anzurufen, to call the woman."""
    return _introduced((), (), to_infinitive(said))


def in_order_to(said: Clause) -> Phrase:
    """Return an infinitive of purpose: um die Frau anzurufen, in order to call the woman."""
    return _introduced(("um",), ("in", "order"), to_infinitive(said))


def coordinate(first: Phrase, conjunction: str, second: Phrase) -> Phrase:
    """Return two main clauses joined by und, aber or denn, which leave the verb second (weil puts it last).

    Example:
      >>> from lstm_gru.data.grammar.clauses import clause, main
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> one, two = (main(clause("lachen", noun_phrase(who))) for who in ("Mann", "Frau"))
      >>> " ".join(coordinate(one, "denn", two).de), " ".join(coordinate(one, "denn", two).en)
      ('der Mann lacht, denn die Frau lacht', 'the man laughs because the woman laughs')
    """
    de = first.de if conjunction == "und" else with_comma(first.de)
    en = first.en if conjunction == "denn" else with_comma(first.en)
    return Phrase(
        (*de, conjunction, *second.de),
        (*en, COORDINATORS[conjunction], *second.en),
        (*first.phenomena, *second.phenomena, "coordination"),
        first.links + second.links,
    )


def _introduced(de: Words, en: Words, phrase: Phrase) -> Phrase:
    return phrase._replace(de=with_comma(de + phrase.de), en=en + phrase.en)
