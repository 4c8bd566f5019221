"""German inflection: articles, adjectives, nouns, pronouns and verbs as tables and the rules that fill them.

Forms are asked for by ``case`` (``nom``, ``acc``, ``dat``), ``slot`` (the gender ``m``, ``f``, ``n``, or ``pl``) and,
of verbs, ``agreement`` (``1sg``, ``3sg``, ``pl``; the first and third person plural are the same).
"""

from functools import cache

from lstm_gru.data.grammar.lexicon import ADJECTIVES, Noun, Verb

_DEFINITE = {
    "nom": {"m": "der", "f": "die", "n": "das", "pl": "die"},
    "acc": {"m": "den", "f": "die", "n": "das", "pl": "die"},
    "dat": {"m": "dem", "f": "der", "n": "dem", "pl": "den"},
}
RELATIVE = {**_DEFINITE, "dat": _DEFINITE["dat"] | {"pl": "denen"}}
# Endings of dieser, jeder, alle, viele, einige; and of adjectives after no article (strong).
_STRONG = {
    "nom": {"m": "er", "f": "e", "n": "es", "pl": "e"},
    "acc": {"m": "en", "f": "e", "n": "es", "pl": "e"},
    "dat": {"m": "em", "f": "er", "n": "em", "pl": "en"},
}
# After der, dieser, jeder, alle.
_WEAK = {
    "nom": {"m": "e", "f": "e", "n": "e", "pl": "en"},
    "acc": {"m": "en", "f": "e", "n": "e", "pl": "en"},
    "dat": {"m": "en", "f": "en", "n": "en", "pl": "en"},
}
# ein, kein, mein, unser lack the strong ending in three places: it moves to the adjective (ein alter Mann).
_BARE = {("nom", "m"), ("nom", "n"), ("acc", "n")}

_STEMS = {
    **{"dieser": "dies", "jeder": "jed", "alle": "all", "viele": "viel", "einige": "einig"},
    **{"ein": "ein", "kein": "kein", "mein": "mein", "unser": "unser"},
}
_LIKE_EIN = ("ein", "kein", "mein", "unser")
_LIKE_DER = ("der", "dieser", "jeder", "alle")
NUMERALS = ("zwei", "drei")

PRONOUNS = {
    "ich": {"nom": "ich", "acc": "mich", "dat": "mir"},
    "er": {"nom": "er", "acc": "ihn", "dat": "ihm"},
    "sie": {"nom": "sie"},
    "wir": {"nom": "wir", "acc": "uns", "dat": "uns"},
}
CONTRACTIONS = {"in dem": "im", "in das": "ins", "zu dem": "zum", "zu der": "zur", "von dem": "vom"}

# Infinitive, third person present, third person past, participle.
_IRREGULAR = """
    beschließen beschließt beschloss beschlossen
    betreten betritt betrat betreten
    bleiben bleibt blieb geblieben
    bringen bringt brachte gebracht
    essen isst aß gegessen
    fahren fährt fuhr gefahren
    fangen fängt fing gefangen
    finden findet fand gefunden
    fressen frisst fraß gefressen
    geben gibt gab gegeben
    gehen geht ging gegangen
    halten hält hielt gehalten
    heben hebt hob gehoben
    helfen hilft half geholfen
    kennen kennt kannte gekannt
    kommen kommt kam gekommen
    laden lädt lud geladen
    laufen läuft lief gelaufen
    leihen leiht lieh geliehen
    lesen liest las gelesen
    nehmen nimmt nahm genommen
    rufen ruft rief gerufen
    schlafen schläft schlief geschlafen
    schlagen schlägt schlug geschlagen
    schließen schließt schloss geschlossen
    schneiden schneidet schnitt geschnitten
    schreiben schreibt schrieb geschrieben
    sehen sieht sah gesehen
    singen singt sang gesungen
    sitzen sitzt saß gesessen
    sprechen spricht sprach gesprochen
    springen springt sprang gesprungen
    stehen steht stand gestanden
    stehlen stiehlt stahl gestohlen
    steigen steigt stieg gestiegen
    tragen trägt trug getragen
    treffen trifft traf getroffen
    vergessen vergisst vergaß vergessen
    verlassen verlässt verließ verlassen
    verlieren verliert verlor verloren
    verstehen versteht verstand verstanden
    waschen wäscht wusch gewaschen
    werfen wirft warf geworfen
    ziehen zieht zog gezogen
"""
IRREGULAR = {row[0]: tuple(row[1:]) for row in map(str.split, _IRREGULAR.strip().splitlines())}
_INSEPARABLE = ("be", "er", "ver", "über")
# Present of verbs whose singular is not the infinitive's stem; modals have no ending there.
_PRESENT = {
    "sein": ("bin", "ist", "sind"),
    "haben": ("habe", "hat", "haben"),
    "werden": ("werde", "wird", "werden"),
    "wissen": ("weiß", "weiß", "wissen"),
    "können": ("kann", "kann", "können"),
    "müssen": ("muss", "muss", "müssen"),
    "wollen": ("will", "will", "wollen"),
    "sollen": ("soll", "soll", "sollen"),
    "dürfen": ("darf", "darf", "dürfen"),
}
_PAST = {
    **{"sein": "war", "haben": "hatte", "wissen": "wusste"},
    **{"können": "konnte", "müssen": "musste", "wollen": "wollte", "dürfen": "durfte"},
}
_PARTICIPLES = {"sein": "gewesen", "wissen": "gewusst"}


@cache
def determiner(lemma: str, slot: str, case: str) -> tuple[str, ...]:
    """Return an article or another determiner; ``ein`` has no plural.

    Example:
      >>> determiner("der", "m", "acc"), determiner("ein", "f", "dat"), determiner("ein", "pl", "nom")
      (('den',), ('einer',), ())
    """
    if lemma == "der":
        return (_DEFINITE[case][slot],)
    if lemma in NUMERALS:
        return (lemma,)
    if lemma == "ein" and slot == "pl":
        return ()
    bare = lemma in _LIKE_EIN and (case, slot) in _BARE
    return (_STEMS[lemma] + ("" if bare else _STRONG[case][slot]),)


@cache
def adjective(lemma: str, after: str, slot: str, case: str) -> str:
    """Return an adjective before a noun: weak after der, strong without article, mixed after ein.

    Example:
      >>> [adjective("alt", word, "m", "nom") for word in ("der", "ein")], adjective("alt", "viele", "pl", "nom")
      (['alte', 'alter'], 'alte')
    """
    mixed = after in _LIKE_EIN and (case, slot) not in _BARE and not (after == "ein" and slot == "pl")
    endings = _WEAK if after in _LIKE_DER or mixed else _STRONG
    return ADJECTIVES[lemma][0] + endings[case][slot]


def noun(word: Noun, number: str, case: str) -> str:
    """Return a noun's form: -n in the dative plural, and in all but the nominative of weak masculines.

    Example:
      >>> from lstm_gru.data.grammar.lexicon import NOUNS
      >>> noun(NOUNS["Kind"], "pl", "dat"), noun(NOUNS["Junge"], "sg", "acc")
      ('Kindern', 'Jungen')
    """
    if number == "sg":
        return word.plural if word.weak and case != "nom" else word.lemma
    return word.plural if case != "dat" or word.plural[-1] in "ns" else f"{word.plural}n"


def slot(word: Noun, number: str) -> str:
    """Return the column of the tables: genders differ in the singular only."""
    return word.gender if number == "sg" else "pl"


@cache
def finite(base: str, tense: str, agreement: str) -> str:
    """Return a finite form; ``tense`` is ``present`` or ``past``.

    Example:
      >>> [finite("rufen", tense, who) for tense in ("present", "past") for who in ("1sg", "3sg", "pl")]
      ['rufe', 'ruft', 'rufen', 'rief', 'rief', 'riefen']
    """
    if tense == "past":
        past = _PAST.get(base) or IRREGULAR.get(base, ("", _regular(base)[1]))[1]
        return past if agreement != "pl" else past + ("n" if past.endswith("e") else "en")
    if base in _PRESENT:
        return _PRESENT[base][("1sg", "3sg", "pl").index(agreement)]
    third = IRREGULAR.get(base, _regular(base))[0]
    return {"1sg": f"{_stem(base)}e", "3sg": third, "pl": base}[agreement]


@cache
def participle(verb: Verb) -> str:
    """Return the past participle: ge- stands between particle and stem, not before inseparable prefixes or -ieren.

    Example:
      >>> from lstm_gru.data.grammar.lexicon import VERBS
      >>> [participle(VERBS[lemma]) for lemma in ("an|rufen", "kaufen", "verkaufen", "reparieren")]
      ['angerufen', 'gekauft', 'verkauft', 'repariert']
    """
    base = verb.base
    return verb.particle + (_PARTICIPLES.get(base) or IRREGULAR.get(base, _regular(base))[2])


def infinitive(verb: Verb) -> str:
    """Return the plain infinitive, particle and base in one word."""
    return verb.particle + verb.base


def to_infinitive(verb: Verb) -> tuple[str, ...]:
    """Return the infinitive with zu, which stands between particle and base.

    Example:
      >>> from lstm_gru.data.grammar.lexicon import VERBS
      >>> to_infinitive(VERBS["an|rufen"]), to_infinitive(VERBS["kaufen"])
      (('anzurufen',), ('zu', 'kaufen'))
    """
    return (f"{verb.particle}zu{verb.base}",) if verb.particle else ("zu", verb.base)


def _stem(base: str) -> str:
    return base[:-2] if base.endswith("en") else base[:-1]


def _regular(base: str) -> tuple[str, str, str]:
    """Third person, past, participle of a weak verb; -e- after d, t and gn, where -t could not be said."""
    stem = _stem(base)
    linked = f"{stem}e" if stem.endswith(("d", "t", "gn")) else stem
    prefix = "" if base.startswith(_INSEPARABLE) or base.endswith("ieren") else "ge"
    return f"{linked}t", f"{linked}te", f"{prefix}{linked}t"
