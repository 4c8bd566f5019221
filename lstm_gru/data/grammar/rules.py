"""Kinds of sentences, each one function of a random generator and a `Scope`.

A new kind is a function here with a line in `RULES`.
"""

from random import Random

from lstm_gru.data.grammar import draw, fitting, joining
from lstm_gru.data.grammar.clauses import Clause, main
from lstm_gru.data.grammar.draw import Scope, chance, pick
from lstm_gru.data.grammar.lexicon import COORDINATORS, PAST_TIMES, PRESENT_TIMES, REASONS, VERBS
from lstm_gru.data.grammar.phrases import Phrase

_VERBS = {
    frame: tuple(verb for verb in VERBS.values() if frame in verb.frames) for frame in (*fitting.CLAUSAL, "direction")
}


def sentence(random: Random, scope: Scope) -> Phrase:
    """Return a sentence by one of `RULES`, of the present or the past."""
    rule = random.choices(tuple(RULES), tuple(RULES.values()))[0]
    return rule(random, scope._replace(past=chance(random, 0.4)))


def long_sentence(random: Random, scope: Scope) -> Phrase:
    """Return two or three sentences in one."""
    phrase = sentence(random, scope)
    for _ in range(pick(random, (1, 1, 2))):
        phrase = joining.coordinate(phrase, pick(random, ("und", "aber")), sentence(random, scope))
    return phrase


def statement(random: Random, scope: Scope) -> Phrase:
    """Return one clause, the verb second: Heute kauft die Frau ein Buch. Today the woman buys a book."""
    return _main(random, draw.draw_clause(random, scope))


def joined(random: Random, scope: Scope) -> Phrase:
    """Return two verbs of one subject, the second agrees with it across the first.

    Die Frau kauft ein Buch und ruft den Mann an. The woman buys a book and calls the man.
    """
    plain = scope._replace(plain=True)
    subject = draw.draw_subject(random, plain, ("person",))
    first, second = (
        draw.fill(random, plain, *pick(random, fitting.predicates("person")), subject=subject) for _ in range(2)
    )
    return _main(random, first._replace(joined=second._replace(subject=None)))


def with_subordinate(random: Random, scope: Scope) -> Phrase:
    """Return a clause and its reason or time, there with the verb last.

    Die Frau lacht, weil der Mann einen Hut kauft. The woman laughs because the man buys a hat.
    """
    said, subordinate = _pair(random, scope)
    return _main(random, said._replace(after=subordinate))


def subordinate_first(random: Random, scope: Scope) -> Phrase:
    """Return a clause after its reason or time, which is in front of the verb as an adverbial is.

    Weil der Mann einen Hut kauft, lacht die Frau. Because the man buys a hat, the woman laughs.
    """
    said, subordinate = _pair(random, scope)
    return main(draw.embedded(random, said), front=subordinate)


def complement(random: Random, scope: Scope) -> Phrase:
    """Return a verb with dass, ob or an infinitive.

    Die Frau glaubt, dass der Mann einen Hut kauft. The woman believes that the man buys a hat.
    """
    return _main(random, _with_complement(random, scope))


def coordinated(random: Random, scope: Scope) -> Phrase:
    """Return two main clauses, the verb second in both.

    Die Frau lacht, denn der Mann kauft einen Hut. The woman laughs because the man buys a hat.
    """
    first, second = (statement(random, scope.half()) for _ in range(2))
    return joining.coordinate(first, pick(random, tuple(COORDINATORS)), second)


# As often as the number says.
RULES = {
    statement: 34,
    joined: 10,
    with_subordinate: 18,
    subordinate_first: 12,
    complement: 18,
    coordinated: 8,
}


def _main(random: Random, said: Clause) -> Phrase:
    """A main clause with any of what can be in front."""
    if said.time and (draw.heavy(said) or chance(random, 0.6)):
        return main(draw.extraposed(random, said), front="time")
    if said.place and chance(random, 0.4):
        return main(said, front="place")
    if _object_can_be_first(said) and chance(random, 0.7):
        return main(said, front="object")
    return main(draw.extraposed(random, said))


def _object_can_be_first(said: Clause) -> bool:
    """Only an object whose form is no nominative is known as one before the verb."""
    if said.joined or (said.accusative and said.dative):
        return False
    noun = said.accusative or said.dative
    return noun is not None and noun.marked and not noun.pronoun


def _pair(random: Random, scope: Scope) -> tuple[Clause, Phrase]:
    """A clause, and one that gives its reason or its time."""
    first = second = scope.half()
    if chance(random, 0.6):
        conjunction = pick(random, tuple(REASONS))
    else:
        conjunction = pick(random, tuple(PAST_TIMES if scope.past else PRESENT_TIMES))
        first = first._replace(plain=True)
        second = first._replace(positive=conjunction != "wenn")
    said = draw.draw_clause(random, first)
    return said, joining.subordinate(conjunction, draw.embedded(random, draw.draw_clause(random, second)))


def _with_complement(random: Random, scope: Scope) -> Clause:
    """A clause of a verb that needs another clause, or of one that goes somewhere for a purpose."""
    frame = pick(random, ("that",) * 4 + ("to",) * 3 + ("whether", "direction"))
    subject = draw.draw_subject(random, scope, ("person",))
    said = draw.fill(random, scope, pick(random, _VERBS[frame]), frame, subject)
    if frame in ("that", "whether"):
        introduce = {"that": joining.that, "whether": joining.whether}[frame]
        return said._replace(after=introduce(_inside(random, scope.inside())))
    introduce = {"to": joining.infinitive, "direction": joining.in_order_to}[frame]
    infinitive = draw.draw_infinitive(random, scope.inside(), subject)
    return said._replace(after=introduce(draw.embedded(random, infinitive)))


def _inside(random: Random, scope: Scope) -> Clause:
    """A clause after dass or ob, which may have one of its own."""
    scope = scope._replace(past=scope.past or chance(random, 0.3))
    nested = scope.depth > 0 and chance(random, 0.2)
    said = _with_complement(random, scope) if nested else draw.draw_clause(random, scope)
    return draw.embedded(random, said)
