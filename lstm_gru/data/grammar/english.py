"""English inflection, the verb group with do-support, and which English tense stands for a German one."""

from functools import cache

from lstm_gru.data.grammar.lexicon import Noun

# Of German determiners, for the singular and the plural; "a" becomes "an" by the word that follows.
DETERMINERS = {
    "der": ("the", "the"),
    "ein": ("a", ""),
    "dieser": ("this", "these"),
    "jeder": ("every", ""),
    "mein": ("my", "my"),
    "unser": ("our", "our"),
    "alle": ("", "all"),
    "viele": ("", "many"),
    "einige": ("", "some"),
    "zwei": ("", "two"),
    "drei": ("", "three"),
}
PRONOUNS = {
    "ich": ("I", "me"),
    "er": ("he", "him"),
    "sie 3sg": ("she", "her"),
    "sie pl": ("they", "them"),
    "wir": ("we", "us"),
}

# Base, past, participle.
_IRREGULAR = """
    be was been
    begin began begun
    bring brought brought
    buy bought bought
    carry carried carried
    catch caught caught
    choose chose chosen
    come came come
    cut cut cut
    do did done
    drive drove driven
    eat ate eaten
    fall fell fallen
    feed fed fed
    find found found
    forget forgot forgotten
    get got got
    give gave given
    go went gone
    have had had
    hear heard heard
    hold held held
    know knew known
    leave left left
    lend lent lent
    lose lost lost
    meet met met
    pick picked picked
    plan planned planned
    put put put
    read read read
    rewrite rewrote rewritten
    run ran run
    say said said
    see saw seen
    sell sold sold
    send sent sent
    set set set
    show showed shown
    sing sang sung
    sit sat sat
    sleep slept slept
    speak spoke spoken
    stand stood stood
    steal stole stolen
    stop stopped stopped
    take took taken
    throw threw thrown
    admit admitted admitted
    understand understood understood
    wake woke woken
    write wrote written
"""
IRREGULAR = {row[0]: tuple(row[1:]) for row in map(str.split, _IRREGULAR.strip().splitlines())}
_BE = {
    "present": {"1sg": "am", "3sg": "is", "pl": "are"},
    "past": {"1sg": "was", "3sg": "was", "pl": "were"},
}

# English tense by German tense and the adverbial's period: English has no perfect with "yesterday", and no present with
# "tomorrow", where German is free.
TENSE_BY_ADVERB = {("perfect", "past"): "past", ("present", "future"): "future"}

# Words of a modal in the present and in the past, plain and negated. The first is inflected if it is one of be, have,
# do, want; without auxiliary, want and have are ordinary verbs, after adverbs of frequency.
MODALS = {
    ("können", "present"): ("can", "cannot"),
    ("können", "past"): ("could", "could not"),
    ("müssen", "present"): ("must", "do not have to"),
    ("müssen", "past"): ("have to", "do not have to"),
    ("wollen", "present"): ("want to", "do not want to"),
    ("wollen", "past"): ("want to", "do not want to"),
    ("sollen", "present"): ("should", "should not"),
    ("dürfen", "present"): ("be allowed to", "be not allowed to"),
    ("dürfen", "past"): ("be allowed to", "be not allowed to"),
}
_INFLECTED = ("be", "have", "do", "want")


def determiner(lemma: str, number: str, case: str) -> str:
    """Return the determiner, empty where English has none; kein is no in a subject, elsewhere the verb is negated.

    Example:
      >>> determiner("dieser", "pl", "acc"), determiner("kein", "sg", "nom"), determiner("kein", "pl", "acc")
      ('these', 'no', 'any')
    """
    if lemma == "kein":
        return "no" if case == "nom" else ("a", "any")[number == "pl"]
    return DETERMINERS[lemma][number == "pl"]


def noun_words(noun: Noun, number: str, case: str, determiner_lemma: str, adjective: str) -> tuple[str, ...]:
    """Return determiner, adjective and noun, with ``an`` before a vowel.

    Example:
      >>> from lstm_gru.data.grammar.lexicon import NOUNS
      >>> noun_words(NOUNS["Hund"], "sg", "nom", "ein", "old")
      ('an', 'old', 'dog')
    """
    article = determiner(determiner_lemma, number, case)
    words = (adjective, *noun.english[number]) if adjective else noun.english[number]
    if article == "a" and words[0][0] in "aeiou":
        article = "an"
    return (article, *words) if article else words


@cache
def finite(base: str, tense: str, agreement: str) -> str:
    """Return a finite form; ``tense`` is ``present`` or ``past``, ``agreement`` one of ``1sg``, ``3sg``, ``pl``.

    Example:
      >>> finite("watch", "present", "3sg"), finite("buy", "past", "pl"), finite("be", "past", "pl")
      ('watches', 'bought', 'were')
    """
    if base == "be":
        return _BE[tense][agreement]
    if tense == "past":
        return IRREGULAR.get(base, (_regular_past(base),))[0]
    if agreement != "3sg":
        return base
    if base == "have":
        return "has"
    if base.endswith(("s", "sh", "ch", "x", "o")):
        return f"{base}es"
    return f"{base[:-1]}ies" if base.endswith("y") and base[-2] not in "aeiou" else f"{base}s"


def participle(base: str) -> str:
    """Return the past participle."""
    return IRREGULAR[base][1] if base in IRREGULAR else _regular_past(base)


@cache
def verb_group(
    verb: tuple[str, ...], tense: str, modal: str, agreement: str, negated: bool, frequency: str
) -> tuple[tuple[str, ...], int]:
    """Return all words of the verb in order, and the index of the finite one.

    The negation of an ordinary verb needs ``do``; ``must`` is negated as ``not have to`` (muss nicht), and
    ``may not`` (darf nicht) is ``not allowed to``. An adverb of frequency precedes an ordinary verb and follows an
    auxiliary.

    Args:
      verb: base form as words, the first is inflected.
      tense: ``present``, ``past``, ``perfect`` or ``future``.
      modal: German modal or empty.
      agreement: ``1sg``, ``3sg`` or ``pl``.
      negated: whether to negate.
      frequency: the adverb or empty.

    Example:
      >>> verb_group(("look", "at"), "present", "", "3sg", True, "")
      (('does', 'not', 'look', 'at'), 0)
      >>> verb_group(("see",), "past", "", "3sg", False, "often")
      (('often', 'saw'), 1)
    """
    words, auxiliary = _verb_group(verb, tense, modal, agreement, negated)
    if not frequency:
        return words, 0
    return ((words[0], frequency, *words[1:]), 0) if auxiliary else ((frequency, *words), 1)


def _verb_group(
    verb: tuple[str, ...], tense: str, modal: str, agreement: str, negated: bool
) -> tuple[tuple[str, ...], bool]:
    """The words, and whether the first of them is an auxiliary."""
    if modal:
        first, *rest = MODALS[modal, tense][negated].split()
        first_form = finite(first, tense, agreement) if first in _INFLECTED else first
        return (first_form, *rest, *verb), first not in ("have", "want")
    if tense == "perfect":
        return (finite("have", "present", agreement), *["not"] * negated, participle(verb[0]), *verb[1:]), True
    if tense == "future":
        return ("will", *["not"] * negated, *verb), True
    if verb == ("be",):
        return (finite("be", tense, agreement), *["not"] * negated), True
    if negated:
        return (finite("do", tense, agreement), "not", *verb), True
    return (finite(verb[0], tense, agreement), *verb[1:]), False


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return f"{base}d"
    return f"{base[:-1]}ied" if base.endswith("y") and base[-2] not in "aeiou" else f"{base}ed"
