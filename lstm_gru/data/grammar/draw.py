"""Random noun phrases and clauses, without constructions that could be read in two ways."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, NamedTuple

from lstm_gru.data.grammar import fitting
from lstm_gru.data.grammar.clauses import Clause
from lstm_gru.data.grammar.joining import relative
from lstm_gru.data.grammar.lexicon import ATTRIBUTES, COPULA, FREQUENCIES, NOUNS, TIMES, UNPOSSESSED, Verb
from lstm_gru.data.grammar.phrases import NounPhrase, Phrase, both, noun_phrase, prepositional, pronoun

Parts = dict[str, Any]  # Some fields of a `Clause`.


class Scope(NamedTuple):
    """What a clause may contain.

    Attributes:
      depth: how many clauses may be nested in it, one in another.
      past: whether it tells of the past.
      plain: present or past alone and no adverbial of time, as in and beside a clause with wenn.
      positive: without negation, as in a clause with bevor.
      relative: how probable a relative clause is at each noun.
    """

    depth: int
    past: bool = False
    plain: bool = False
    positive: bool = False
    relative: float = 0.25

    def inside(self) -> "Scope":
        """Return the scope of a clause nested in this one."""
        return Scope(self.depth - 1, self.past)

    def half(self) -> "Scope":
        """Return the scope of one of two clauses in a sentence, which with more would rarely be short enough."""
        return self._replace(depth=self.depth - 1, relative=self.relative / 2)

    def flat(self) -> "Scope":
        """Return the scope of a noun phrase without clauses."""
        return self._replace(depth=0)


class Gap(NamedTuple):
    """What a relative clause leaves out: ``nom``, ``acc``, ``dat``, ``place`` or nothing; and the noun it is about."""

    part: str = ""
    noun: str = ""


NOTHING = Gap()


class _Company(NamedTuple):
    """What the objects of a clause have to go with."""

    subject: NounPhrase | None
    negated: bool = False
    gap: Gap = NOTHING

    def avoid(self) -> str:
        """The noun that was just named."""
        return self.subject.lemma if self.subject else self.gap.noun

    def pronouns(self) -> tuple[str, ...]:
        """Those that are not the subject's own, for which a reflexive would be needed."""
        first_person = self.subject is not None and self.subject.de in (("ich",), ("wir",))
        return ("er",) if first_person else ("ich", "er", "wir")


# Determiners, as often as they are listed.
_SINGULAR = ("der",) * 9 + ("ein",) * 5 + ("dieser",) * 3 + ("mein", "mein", "unser", "jeder")
_PLURAL = ("der",) * 8 + ("ein",) * 3 + ("dieser", "dieser", "mein", "unser", "alle", "viele", "viele", "einige")
_PLURAL += ("zwei", "drei")
_DEFINITE = ("der",) * 4 + ("dieser", "mein", "unser")
_NEGATED = _DEFINITE + ("kein",) * 5
# After prepositions; in the plural with an article, without which in Gärten is both where and where to.
_BESIDE = ("der",) * 5 + ("ein", "ein", "dieser", "mein", "unser")

# Tense and whether there is a modal, as often as they are listed, of the present and of the past.
_TENSES = {
    False: (("present", False),) * 8 + (("present", True),) * 5 + (("perfect", False),) * 5 + (("future", False),) * 2,
    True: (("past", False),) * 12 + (("past", True),) * 4 + (("perfect", False),) * 4,
}
# Without sollen in the past, and beside wenn and the like: before he should is not what bevor er soll means.
_MODALS = {
    "present": ("können", "müssen", "wollen", "sollen", "dürfen"),
    "past": ("können", "müssen", "wollen", "dürfen"),
}
_SUBJECT_PRONOUNS = (("ich", "1sg"), ("er", "3sg"), ("sie", "3sg"), ("sie", "pl"), ("wir", "pl"))
_GAPS = ("nom",) * 5 + ("acc",) * 4 + ("dat", "place")


def chance(random: Random, probability: float) -> bool:
    """Return True as often as the probability says."""
    return random.random() < probability


def pick(random: Random, choices: Sequence) -> Any:
    """Return one of the choices; `Random.choice` takes several times as long."""
    return choices[int(random.random() * len(choices))]


def draw_clause(random: Random, scope: Scope) -> Clause:
    """Return a clause of any verb that needs no other clause."""
    return fill(random, scope, *pick(random, fitting.predicates()))


def draw_infinitive(random: Random, scope: Scope, subject: NounPhrase) -> Clause:
    """Return a clause for an infinitive of the subject: without subject, tense, negation and adverbials of time."""
    verb, frame = pick(random, fitting.predicates("person", copula=False))
    return Clause(verb, **_complements(random, scope, verb, frame, _Company(subject)))


def draw_subject(random: Random, scope: Scope, kinds: tuple[str, ...], definite: bool = False) -> NounPhrase:
    """Return a subject: a pronoun (for a person), two nouns, or a noun."""
    kind = pick(random, kinds)
    if kind == "person" and chance(random, 0.2):
        lemma, agreement = pick(random, _SUBJECT_PRONOUNS)
        return pronoun(lemma, "nom", agreement)
    determiners = _DEFINITE if definite else ()
    if not definite and not scope.positive and chance(random, 0.05):
        determiners = ("kein",)
    return _noun_or_two(random, scope, kind, "nom", determiners)


def fill(
    random: Random, scope: Scope, verb: Verb, frame: str, subject: NounPhrase | None = None, gap: Gap = NOTHING
) -> Clause:
    """Return a clause of the verb with all that the frame asks for.

    Args:
      random: the generator.
      scope: what it may contain.
      verb: its verb.
      frame: one of the verb's frames.
      subject: drawn if None.
      gap: what a relative clause leaves out.
    """
    negated = not scope.positive and chance(random, 0.18)
    if subject is None and gap.part != "nom":
        subject = draw_subject(random, scope, verb.subjects, definite=negated)
    definite = subject is None or subject.definite
    negated = negated and definite
    parts = _complements(random, scope, verb, frame, _Company(subject, negated, gap))
    parts |= _tense(random, scope, negated, modal=verb is not COPULA)
    parts["negated"] = negated and not ("accusative" in parts and parts["accusative"].negates)
    if definite and not negated and not scope.positive and "time" not in parts and chance(random, 0.12):
        parts["frequency"] = pick(random, tuple(FREQUENCIES))
    return Clause(verb, subject, **parts)


def embedded(random: Random, said: Clause) -> Clause:
    """Return the clause as it can stand where nothing but a conjunction or another clause is in front of it.

    An adverbial of time would be last in English, which a relative clause forbids. Without one, the past needs the
    tense of that name.
    """
    if said.time and heavy(said):
        past = TIMES[said.time].period == "past"
        said = said._replace(time="", tense="past" if past else said.tense)
    return extraposed(random, said)


def extraposed(random: Random, said: Clause) -> Clause:
    """Return the clause with the relative clause of its last object behind the verb, half of the times it can be."""
    last = said.accusative or said.dative
    possible = last and last.relative and not (said.place or said.prepositional or said.joined or said.after)
    return said._replace(extraposed=True) if possible and chance(random, 0.5) else said


def heavy(said: Clause) -> bool:
    """Return whether a relative clause follows the verb in English, where what comes behind seems to belong to it."""
    return _any_relative(part for part in (said.accusative, said.dative, said.prepositional) if part)


def _any_relative(parts: Iterable[NounPhrase | Phrase]) -> bool:
    return any("relative" in part.phenomena for part in parts)


def draw_relative(random: Random, scope: Scope, lemma: str, number: str) -> Phrase:
    """Return a relative clause about a noun, of which German shows what the pronoun is.

    die Frau, die das Kind sieht, is read as the woman who sees the child; whom the child sees is never meant by it.
    """
    noun = NOUNS[lemma]
    part = pick(random, _GAPS)
    if not fitting.relative_predicates(noun.kind, part):
        part = "nom"
    verb, frame = pick(random, fitting.relative_predicates(noun.kind, part))
    subject = None
    if part == "acc":
        subject = draw_subject(random, scope, verb.subjects)
        shown = (noun.gender == "m" and number == "sg") or subject.marked
        if not shown and (subject.agreement == "pl") == (number == "pl"):
            subject = pronoun(pick(random, ("ich", "er", "wir")))
    said = embedded(random, fill(random, scope, verb, frame, subject, Gap(part, lemma)))
    if part != "place":
        return relative(lemma, number, said, part)
    if ":" in frame:
        preposition, case, translation = _government(frame)
    else:
        preposition, case, translation = ("auf", "dat", "on") if noun.kind == "surface" else ("in", "dat", "in")
    return relative(lemma, number, said, case, (preposition, translation))


def _government(frame: str) -> tuple[str, str, str]:
    """Preposition, case and translation of a frame as ``auf+acc:for``."""
    government, translation = frame.split(":")
    return (*government.split("+"), translation)


def _tense(random: Random, scope: Scope, negated: bool, modal: bool) -> Parts:
    tense, with_modal = pick(random, _TENSES[scope.past])
    if scope.plain and tense in ("perfect", "future"):
        tense = "past" if scope.past else "present"
    parts = {"tense": tense}
    if modal and with_modal:
        parts["modal"] = pick(random, _MODALS["past" if scope.plain else tense])
    needs_time = tense == "perfect" and scope.past
    if needs_time or (not scope.plain and chance(random, 0.35)):
        parts["time"] = pick(random, fitting.times(tense, scope.past, negated))
    return parts


def _complements(random: Random, scope: Scope, verb: Verb, frame: str, company: _Company) -> Parts:
    parts = _objects(random, scope, verb, frame, company)
    if frame == "predicate":
        lemma = company.subject.lemma if company.subject else company.gap.noun
        parts["predicate"] = pick(random, fitting.adjectives(NOUNS[lemma].kind if lemma else "person"))
    elif company.gap.part == "place":
        pass
    elif frame in ("place", "direction"):
        parts["prepositional"] = _place(random, scope, motion=frame == "direction")
    elif ":" in frame:
        preposition, case, translation = _government(frame)
        noun = _object(random, scope, verb.kinds, case, company, _DEFINITE if company.negated else ())
        parts["prepositional"] = prepositional(preposition, translation, noun)
    elif chance(random, _probability_of_place(verb, frame)) and not _any_relative(parts.values()):
        parts["place"] = _place(random, scope.flat())
    return parts


def _probability_of_place(verb: Verb, frame: str) -> float:
    if frame == "(place)":
        return 0.5
    return 0.1 if frame in ("acc", "dat") and "place" not in verb.kinds else 0.0


def _objects(random: Random, scope: Scope, verb: Verb, frame: str, company: _Company) -> Parts:
    parts, gap = {}, company.gap.part
    dative = frame in ("dat", "dat+acc") or (frame == "(dat)+acc" and (gap == "dat" or chance(random, 0.4)))
    if frame.endswith("acc") and gap != "acc":
        determiners = _NEGATED if company.negated else ()
        # In English the dative follows, from which a relative clause would part it.
        inside = scope.flat() if dative else scope
        parts["accusative"] = _object(random, inside, verb.kinds, "acc", company, determiners, pronouns=not dative)
    if dative and gap != "dat":
        kinds = verb.kinds if frame == "dat" else ("person",)
        parts["dative"] = _object(random, scope, kinds, "dat", company, _DEFINITE if company.negated else ())
    return parts


def _object(
    random: Random,
    scope: Scope,
    kinds: tuple[str, ...],
    case: str,
    company: _Company,
    determiners: tuple[str, ...],
    pronouns: bool = True,
) -> NounPhrase:
    kind = pick(random, kinds)
    if kind == "person" and pronouns and chance(random, 0.15):
        return pronoun(pick(random, company.pronouns()), case)
    return _noun_or_two(random, scope, kind, case, determiners, company.avoid())


def _place(random: Random, scope: Scope, motion: bool = False) -> Phrase:
    """Where, with the dative, or where to: in and auf with the accusative, zu with the dative."""
    kind = "surface" if chance(random, 0.2) else "place"
    preposition, where, into = ("auf", "on", "onto") if kind == "surface" else ("in", "in", "into")
    if motion and chance(random, 0.4):
        return prepositional("zu", "to", _noun(random, scope, kind, "dat", _BESIDE))
    noun = _noun(random, scope, kind, "acc" if motion else "dat", _BESIDE)
    return prepositional(preposition, into if motion else where, noun)


def _noun_or_two(
    random: Random, scope: Scope, kind: str, case: str, determiners: tuple[str, ...], avoid: str = ""
) -> NounPhrase:
    if "kein" in determiners or not chance(random, 0.07):
        return _noun(random, scope, kind, case, determiners, avoid)
    first = _noun(random, scope.flat(), kind, case, _DEFINITE, avoid, attributes=False)
    return both(first, _noun(random, scope.flat(), kind, case, _DEFINITE, first.lemma, attributes=False))


def _noun(
    random: Random,
    scope: Scope,
    kind: str,
    case: str,
    determiners: tuple[str, ...],
    avoid: str = "",
    attributes: bool = True,
) -> NounPhrase:
    """A noun of a kind with any of what can accompany it; any determiner if none are given."""
    nouns = fitting.nouns(kind)
    lemma = pick(random, nouns)
    if lemma == avoid:
        lemma = nouns[nouns.index(lemma) - 1]
    number = "pl" if chance(random, 0.35) else "sg"
    determiner = pick(random, determiners or (_SINGULAR if number == "sg" else _PLURAL))
    bare = determiners is _BESIDE and determiner == "ein" and number == "pl"
    if bare or (lemma in UNPOSSESSED and determiner in ("mein", "unser")):
        determiner = "der"
    adjective = pick(random, fitting.adjectives(kind)) if chance(random, 0.3) else ""
    attribute = about = None
    if scope.depth > 0 and chance(random, scope.relative):
        # Nearly always one in another where there can be, or nesting would be rare.
        about = draw_relative(random, scope.inside()._replace(relative=0.9), lemma, number)
    elif attributes and kind in ATTRIBUTES and chance(random, 0.12):
        preposition, translation, kinds = pick(random, ATTRIBUTES[kind])
        inner = _noun(random, scope.flat(), pick(random, kinds), "dat", _BESIDE, lemma, attributes=False)
        attribute = prepositional(preposition, translation, inner)
    return noun_phrase(lemma, case, number, determiner, adjective, attribute, about)
