"""Which words fit together: verbs and nouns, nouns and adjectives, tenses and adverbials."""

from functools import cache

from lstm_gru.data.grammar.lexicon import ADJECTIVES, COPULA, NOUNS, TIMES, VERBS, Verb

# Frames of verbs that need another clause.
CLAUSAL = ("that", "whether", "to")
# Periods of the adverbials that go with a tense, by whether the past is told; of the past, the perfect needs one.
_PERIODS = {
    ("present", False): ("any", "now", "habit", "future"),
    ("perfect", False): ("any",),
    ("future", False): ("any", "future"),
    ("past", True): ("any", "past"),
    ("perfect", True): ("past",),
}


@cache
def nouns(kind: str) -> tuple[str, ...]:
    """Return the nouns of a kind."""
    return tuple(noun.lemma for noun in NOUNS.values() if noun.kind == kind)


@cache
def adjectives(kind: str) -> tuple[str, ...]:
    """Return the adjectives that fit nouns of a kind."""
    return tuple(lemma for lemma, (_, _, kinds) in ADJECTIVES.items() if kind in kinds)


@cache
def times(tense: str, past: bool, negated: bool) -> tuple[str, ...]:
    """Return the adverbials that go with a tense; not ... every day would say something else."""
    periods = _PERIODS[tense, past]
    return tuple(
        name for name, time in TIMES.items() if time.period in periods and not (negated and time.period == "habit")
    )


@cache
def predicates(subject: str = "", copula: bool = True) -> tuple[tuple[Verb, str], ...]:
    """Return pairs of a verb and one of its frames.

    Args:
      subject: a kind of subject; any if empty.
      copula: whether sein with an adjective is among them, as often as one in eleven.
    """
    pairs = [(verb, frame) for verb in VERBS.values() for frame in verb.frames if frame not in CLAUSAL]
    if copula:
        pairs += [(COPULA, "predicate")] * (len(pairs) // 10)
    return tuple((verb, frame) for verb, frame in pairs if not subject or subject in verb.subjects)


@cache
def relative_predicates(kind: str, gap: str) -> tuple[tuple[Verb, str], ...]:
    """Return pairs as `predicates` does in which a noun of this kind can be the subject, an object or the place.

    Args:
      kind: of the noun that a relative clause belongs to.
      gap: what it is in the clause: ``nom``, ``acc``, ``dat`` or ``place`` (anything with a preposition).
    """
    return tuple((verb, frame) for verb, frame in predicates() if _fits(kind, gap, verb, frame))


def _fits(kind: str, gap: str, verb: Verb, frame: str) -> bool:
    if gap == "nom":
        return kind in verb.subjects
    if gap == "acc":
        return kind in verb.kinds and frame.endswith("acc")
    if gap == "dat":
        return kind in verb.kinds if frame == "dat" else kind == "person" and frame in ("dat+acc", "(dat)+acc")
    return kind in verb.kinds if ":" in frame else kind in ("place", "surface") and frame in ("place", "(place)")
