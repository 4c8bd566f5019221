"""A clause in both languages: German arranges what is said in three ways, English in one.

===============  =========================================  ===================================
`main`           Heute *ruft* der Mann die Frau *an*.       Today the man calls the woman.
`verb_final`     ..., weil der Mann die Frau *anruft*       ... because the man calls the woman
`to_infinitive`  ..., die Frau *anzurufen*                  ... to call the woman
===============  =========================================  ===================================
"""

from typing import Any, NamedTuple

from lstm_gru.data.grammar import english, german
from lstm_gru.data.grammar.lexicon import ADJECTIVES, FREQUENCIES, TIMES, VERBS, Verb
from lstm_gru.data.grammar.phrases import Link, NounPhrase, Phrase, Words, with_comma


class Clause(NamedTuple):
    """What is said, before it is arranged.

    Attributes:
      verb: from `lexicon.VERBS`, or `lexicon.COPULA`.
      subject: None where it is left out: in a relative clause about it, an infinitive, after und.
      tense: ``present``, ``past`` (Präteritum), ``perfect`` or ``future``; English may differ by the adverb.
      modal: können, müssen, wollen, sollen, dürfen, or empty.
      dative: object.
      accusative: object.
      place: where it happens, if the verb does not need it.
      prepositional: what the verb needs: where, where to, or an object with a preposition.
      predicate: adjective after sein.
      time: adverbial of time, one of `lexicon.TIMES`.
      frequency: adverb, one of `lexicon.FREQUENCIES`.
      negated: with nicht; kein is a determiner instead.
      extraposed: the relative clause of the last object stands behind the verb: hat die Frau gesehen, die ...
      joined: a second clause with the same subject, after und.
      after: a clause behind it, from `joining`.
    """

    verb: Verb
    subject: NounPhrase | None = None
    tense: str = "present"
    modal: str = ""
    dative: NounPhrase | None = None
    accusative: NounPhrase | None = None
    place: Phrase | None = None
    prepositional: Phrase | None = None
    predicate: str = ""
    time: str = ""
    frequency: str = ""
    negated: bool = False
    extraposed: bool = False
    joined: "Clause | None" = None
    after: Phrase | None = None


def clause(verb: str, subject: NounPhrase | None = None, **parts: Any) -> Clause:
    """Return a `Clause` by its verb's lemma, as ``an|rufen``."""
    return Clause(VERBS[verb], subject, **parts)


def main(said: Clause, front: str | Phrase = "subject") -> Phrase:
    """Return a main clause: the finite verb is second, what belongs to it (particle, infinitive, participle) is last.

    One constituent stands before the verb; if it is not the subject, the subject follows the verb. English keeps its
    order, with adverbials in front where German has them there.

    Args:
      said: the clause, with a subject.
      front: ``subject``, ``time``, ``place``, ``object``, or a whole subordinate clause.

    Example:
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> said = clause("an|rufen", noun_phrase("Mann"), accusative=noun_phrase("Frau", "acc"), time="heute")
      >>> " ".join(main(said, front="time").de), " ".join(main(said, front="time").en)
      ('heute ruft der Mann die Frau an', 'today the man calls the woman')
    """
    subject, (start, rest) = said.subject, _front(said, front)
    inverted = front != "subject"
    head = subject.head_de + (len(start.de) + 1 if inverted else 0)
    de, links = start.de, []
    for part in (rest, rest.joined) if rest.joined else (rest,):
        de += ("und",) if part is rest.joined else ()
        verb_at = len(de)
        finite, end = _german_verbs(part, subject.agreement)
        after_verb = subject.german() if inverted and part is rest else ()
        de += (finite, *after_verb, *_middle(part), *end)
        links.append(_agreement("de", subject, head, de, verb_at))
        if end == (part.verb.particle,):
            links.append(_link("separable", "de", de, verb_at, len(de) - 1))
    en, links_en = _english(said, said if front == "object" else rest, start.en)
    names = (*start.phenomena, *_phenomena(said))
    return Phrase(_behind(said, de), en, names, (*start.links, *_links(said), *links, *links_en))


def verb_final(said: Clause) -> Phrase:
    """Return a clause with its subject first and its finite verb last, as after a conjunction.

    Example:
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> said = clause("sehen", noun_phrase("Mann"), tense="perfect", accusative=noun_phrase("Hund", "acc"))
      >>> " ".join(verb_final(said).de), " ".join(verb_final(said).en)
      ('der Mann den Hund gesehen hat', 'the man has seen the dog')
    """
    subject = said.subject
    finite, end = _german_verbs(said, subject.agreement)
    # A particle and its verb are one word here.
    verbs = (said.verb.particle + finite,) if end == (said.verb.particle,) else (*end, finite)
    de = (*subject.german(), *_middle(said), *verbs)
    link = _agreement("de", subject, subject.head_de, de, len(de) - 1)
    en, links_en = _english(said, said)
    return Phrase(_behind(said, de), en, ("verb_final", *_phenomena(said)), (*_links(said), link, *links_en))


def to_infinitive(said: Clause) -> Phrase:
    """Return a clause without subject in the infinitive: zu stands before the verb or inside it.

    Example:
      >>> from lstm_gru.data.grammar.phrases import noun_phrase
      >>> " ".join(to_infinitive(clause("an|rufen", accusative=noun_phrase("Frau", "acc"))).de)
      'die Frau anzurufen'
    """
    de = _behind(said, (*_middle(said), *german.to_infinitive(said.verb)))
    en = ("to", *said.verb.english, *_english_objects(said))
    return Phrase(de, en, ("infinitive", *_phenomena(said)), _links(said))


def _front(said: Clause, front: str | Phrase) -> tuple[Phrase, Clause]:
    """What stands before the finite verb, and the clause without it; English has adverbials there only."""
    if front == "subject":
        return Phrase(said.subject.german(), ()), said
    if front == "time":
        time = TIMES[said.time]
        return Phrase(time.de, time.en, ("inversion",)), said._replace(time="")
    if front == "place":
        return Phrase(said.place.de, said.place.en, ("inversion",)), said._replace(place=None)
    if front == "object":
        words = (said.accusative or said.dative).german()
        return Phrase(words, (), ("inversion", "object_first")), said._replace(accusative=None, dative=None)
    return Phrase(front.de, with_comma(front.en), ("inversion", *front.phenomena), front.links), said


def _german_verbs(said: Clause, agreement: str) -> tuple[str, Words]:
    """The finite verb, and what stands at the end of a main clause."""
    verb = said.verb
    if said.modal:
        return german.finite(said.modal, said.tense, agreement), (german.infinitive(verb),)
    if said.tense == "future":
        return german.finite("werden", "present", agreement), (german.infinitive(verb),)
    if said.tense == "perfect":
        return german.finite(verb.auxiliary, "present", agreement), (german.participle(verb),)
    return german.finite(verb.base, said.tense, agreement), (verb.particle,) if verb.particle else ()


def _middle(said: Clause) -> Words:
    """What stands between subject and verbs: pronouns, time, objects, nicht, the rest.

    An adverb of frequency stands before an indefinite object and after a definite one.
    """
    objects = [noun for noun in (said.dative, said.accusative) if noun]
    nouns = [noun for noun in objects if not noun.pronoun]
    words = [word for noun in objects if noun.pronoun for word in noun.de]
    if said.time:
        words += TIMES[said.time].de
    frequency = [said.frequency] if said.frequency else []
    for noun in nouns:
        if noun is nouns[-1] and not noun.definite:
            words, frequency = words + frequency, []
        words += noun.de if said.extraposed and noun is nouns[-1] else noun.german()
    words += frequency
    if said.negated:
        words.append("nicht")
    for phrase in (said.place, said.prepositional):
        words += phrase.de if phrase else ()
    if said.predicate:
        words.append(said.predicate)
    return tuple(words)


def _behind(said: Clause, de: Words) -> Words:
    """Add what stands behind the last verb."""
    if said.extraposed:
        de = with_comma(de) + (said.accusative or said.dative).relative.de
    return with_comma(de) + said.after.de if said.after else de


def _english(said: Clause, rest: Clause, start: Words = ()) -> tuple[Words, list[Link]]:
    """All words in English order, and the links from the subject to its verbs; what stands in front is not in rest."""
    subject = said.subject
    words, links = (*start, *subject.english()), []
    period = TIMES[said.time].period if said.time else ""
    for part in (rest, rest.joined) if rest.joined else (rest,):
        if part is rest.joined:
            words += ("and",)
        group, finite_at = _english_verbs(part, subject.agreement, period)
        verb_at = len(words) + finite_at
        words += group + _english_objects(part)
        links.append(_agreement("en", subject, len(start) + subject.head_en, words, verb_at))
    return words + said.after.en if said.after else words, links


def _english_verbs(said: Clause, agreement: str, period: str) -> tuple[Words, int]:
    tense = said.tense if said.modal else english.TENSE_BY_ADVERB.get((said.tense, period), said.tense)
    negated = said.negated or bool(said.accusative and said.accusative.negates)
    frequency = FREQUENCIES[said.frequency] if said.frequency else ""
    return english.verb_group(said.verb.english, tense, said.modal, agreement, negated, frequency)


def _english_objects(said: Clause) -> Words:
    """What follows the verb: the dative after the accusative with to; the time is last."""
    words = (ADJECTIVES[said.predicate][1],) if said.predicate else ()
    if said.accusative:
        words += said.accusative.english()
    if said.dative:
        words += english_dative(said.verb) + said.dative.english()
    for phrase in (said.prepositional, said.place):
        words += phrase.en if phrase else ()
    return words + TIMES[said.time].en if said.time else words


def english_dative(verb: Verb) -> Words:
    """Return to where there is another object (gibt ihm das Buch), nothing where there is none (hilft ihm)."""
    return () if "dat" in verb.frames else ("to",)


def _agreement(language: str, subject: NounPhrase, head: int, words: Words, verb: int) -> Link:
    """The subject's noun and the verb; a verb before its subject is never far from it and has a kind of its own."""
    if verb > head:
        return _link("agreement", language, words, head, verb, subject.agreement)
    return _link("inversion", language, words, verb, head, subject.agreement)


def _link(kind: str, language: str, words: Words, first: int, second: int, agreement: str = "") -> Link:
    return Link(kind, language, words[first].rstrip(","), words[second].rstrip(","), second - first, agreement)


def _parts(said: Clause) -> list[NounPhrase | Phrase]:
    """The constituents of a clause that have phenomena and links of their own."""
    parts = [said.subject, said.dative, said.accusative, said.place, said.prepositional, said.after]
    if said.joined:
        parts += _parts(said.joined)
    return [part for part in parts if part]


def _links(said: Clause) -> tuple[Link, ...]:
    return tuple(link for part in _parts(said) for link in part.links)


def _phenomena(said: Clause) -> Words:
    names = [name for part in _parts(said) for name in part.phenomena]
    if said.modal:
        names.append("modal")
    elif said.time and (said.tense, TIMES[said.time].period) in english.TENSE_BY_ADVERB:
        names.append("tense_by_adverb")
    if said.tense == "perfect":
        names.append("perfect")
    if said.negated or said.frequency == "nie":
        names.append("negation")
    if said.dative:
        names.append("dative")
    if said.joined:
        names.append("coordination")
    return tuple(names)
