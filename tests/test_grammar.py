"""The grammar of German and English: derivations by hand, agreement and articles by a checker of its own, splits."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from random import Random

import pytest

from lstm_gru.data.grammar import PHENOMENA, GrammarConfig, draw, english, fitting, german, grammar_corpus
from lstm_gru.data.grammar.clauses import Clause, clause, main
from lstm_gru.data.grammar.corpus import finished
from lstm_gru.data.grammar.draw import Scope
from lstm_gru.data.grammar.joining import (
    coordinate,
    in_order_to,
    infinitive,
    relative,
    subordinate,
    that,
    whether,
)
from lstm_gru.data.grammar.lexicon import ADJECTIVES, COPULA, NOUNS, VERBS
from lstm_gru.data.grammar.phrases import both, noun_phrase, prepositional, pronoun
from lstm_gru.data.grammar.rules import RULES, long_sentence, sentence, statement, with_subordinate
from lstm_gru.errors import InputError

SPLITS = ("train", "valid", "test", "long")


@pytest.fixture(scope="module")
def corpus():
    return grammar_corpus(GrammarConfig())


@cache
def drawn():
    """Many sentences as they are before lengths are looked at."""
    random = Random("a sample")
    phrases = [sentence(random, Scope(3)) for _ in range(3000)]
    return [(finished(phrase), phrase) for phrase in phrases + [long_sentence(random, Scope(3)) for _ in range(100)]]


def subject(lemma="Mann", number="sg", **more):
    return noun_phrase(lemma, "nom", number, **more)


def accusative(lemma="Frau", number="sg", **more):
    return noun_phrase(lemma, "acc", number, **more)


def dative(lemma="Kind", number="sg", **more):
    return noun_phrase(lemma, "dat", number, **more)


def calls(**parts):
    return clause("an|rufen", subject(), **{"accusative": accusative(), **parts})


def where(preposition="in", english_preposition="in", lemma="Stadt", case="dat", **more):
    return prepositional(preposition, english_preposition, noun_phrase(lemma, case, **more))


def about(noun, verb, case="nom", who=None, number="sg", place=("", ""), **parts):
    """A noun's relative clause."""
    return relative(noun, number, clause(verb, who, **parts), case, place)


def is_(adjective, who, tense="present", **parts):
    return Clause(COPULA, who, tense, predicate=adjective, **parts)


SEEN = about("Frau", "sehen", tense="perfect", accusative=accusative("Hund", adjective="alt"))
A_BOOK = accusative("Buch", determiner="ein")
MICE = accusative("Maus", relative=about("Maus", "fangen", "acc", subject("Hund")))
THIS_PLAN = accusative("Plan", determiner="dieser")
DERIVATIONS = [
    # The verb is second, whatever is first.
    (main(calls()), "Der Mann ruft die Frau an.", "The man calls the woman."),
    (main(calls(time="heute")), "Der Mann ruft heute die Frau an.", "The man calls the woman today."),
    (main(calls(time="heute"), "time"), "Heute ruft der Mann die Frau an.", "Today the man calls the woman."),
    (
        main(clause("arbeiten", pronoun("wir"), place=where(lemma="Garten", adjective="alt")), "place"),
        "Im alten Garten arbeiten wir.",
        "In the old garden we work.",
    ),
    (
        main(clause("sehen", subject("Frau"), accusative=accusative("Hund")), "object"),
        "Den Hund sieht die Frau.",
        "The woman sees the dog.",
    ),
    (
        main(clause("helfen", subject("Kind"), dative=dative("Frau"), negated=True), "object"),
        "Der Frau hilft das Kind nicht.",
        "The child does not help the woman.",
    ),
    # Particles.
    (
        main(clause("auf|rufen", subject(), accusative=accusative())),
        "Der Mann ruft die Frau auf.",
        "The man calls on the woman.",
    ),
    (
        main(clause("auf|geben", pronoun("sie"), accusative=THIS_PLAN, negated=True)),
        "Sie gibt diesen Plan nicht auf.",
        "She does not give up this plan.",
    ),
    (
        main(clause("zu|geben", pronoun("sie", agreement="pl"), accusative=THIS_PLAN, negated=True)),
        "Sie geben diesen Plan nicht zu.",
        "They do not admit this plan.",
    ),
    (
        main(clause("zu|nehmen", subject("Bär", "pl", determiner="alle"), tense="past")),
        "Alle Bären nahmen zu.",
        "All bears gained weight.",
    ),
    (
        main(calls(accusative=accusative(relative=SEEN), negated=True)),
        "Der Mann ruft die Frau, die den alten Hund gesehen hat, nicht an.",
        "The man does not call the woman who has seen the old dog.",
    ),
    (
        main(calls(accusative=accusative(relative=SEEN), negated=True, extraposed=True)),
        "Der Mann ruft die Frau nicht an, die den alten Hund gesehen hat.",
        "The man does not call the woman who has seen the old dog.",
    ),
    # The verb is last.
    (
        main(clause("lachen", subject("Kind"), after=subordinate("weil", calls(tense="perfect")))),
        "Das Kind lacht, weil der Mann die Frau angerufen hat.",
        "The child laughs because the man has called the woman.",
    ),
    (
        main(clause("lachen", subject("Kind"), tense="past"), front=subordinate("als", calls(tense="past"))),
        "Als der Mann die Frau anrief, lachte das Kind.",
        "When the man called the woman, the child laughed.",
    ),
    (
        coordinate(main(clause("lachen", subject("Kind"))), "denn", main(calls())),
        "Das Kind lacht, denn der Mann ruft die Frau an.",
        "The child laughs because the man calls the woman.",
    ),
    (
        main(clause("glauben", pronoun("ich"), after=that(clause("sagen", pronoun("er"), after=that(calls()))))),
        "Ich glaube, dass er sagt, dass der Mann die Frau anruft.",
        "I believe that he says that the man calls the woman.",
    ),
    (
        main(clause("fragen", subject(), after=whether(clause("an|kommen", pronoun("sie"), tense="perfect")))),
        "Der Mann fragt, ob sie angekommen ist.",
        "The man asks whether she has arrived.",
    ),
    (
        main(
            clause(
                "versuchen",
                subject("Junge", "pl"),
                tense="past",
                after=infinitive(clause("auf|schließen", accusative=accusative("Küchentür"))),
            )
        ),
        "Die Jungen versuchten, die Küchentür aufzuschließen.",
        "The boys tried to unlock the kitchen door.",
    ),
    (
        main(
            clause(
                "gehen",
                subject("Dame"),
                prepositional=where("zu", "to", "Schule"),
                after=in_order_to(clause("helfen", dative=pronoun("er", "dat"))),
            )
        ),
        "Die Dame geht zur Schule, um ihm zu helfen.",
        "The lady goes to the school in order to help him.",
    ),
    # Relative clauses.
    (
        main(is_("müde", subject(relative=about("Mann", "füttern", accusative=accusative("Pferd", "pl"))))),
        "Der Mann, der die Pferde füttert, ist müde.",
        "The man who feeds the horses is tired.",
    ),
    (
        main(is_("klug", subject("Frau", "pl", attribute=where("mit", "with", "Hund", determiner="ein")), "past")),
        "Die Frauen mit einem Hund waren klug.",
        "The women with a dog were clever.",
    ),
    (
        main(is_("arm", subject("Frau", relative=about("Frau", "sehen", accusative=accusative("Kind", "pl"))))),
        "Die Frau, die die Kinder sieht, ist arm.",
        "The woman who sees the children is poor.",
    ),
    (
        main(is_("arm", subject("Frau", relative=about("Frau", "sehen", "acc", subject("Kind", "pl"))))),
        "Die Frau, die die Kinder sehen, ist arm.",
        "The woman whom the children see is poor.",
    ),
    (
        main(is_("reich", subject("Freund", "pl", relative=about("Freund", "danken", "dat", pronoun("ich"), "pl")))),
        "Die Freunde, denen ich danke, sind reich.",
        "The friends whom I thank are rich.",
    ),
    (
        main(
            is_("leer", subject("Haus", relative=about("Haus", "wohnen", "dat", subject("Tante"), place=("in", "in"))))
        ),
        "Das Haus, in dem die Tante wohnt, ist leer.",
        "The house in which the aunt lives is empty.",
    ),
    (
        main(
            is_("faul", subject("Dame", relative=about("Dame", "warten", "acc", pronoun("er"), place=("auf", "for"))))
        ),
        "Die Dame, auf die er wartet, ist faul.",
        "The lady for whom he waits is lazy.",
    ),
    (
        main(is_("jung", subject("Dame", relative=about("Dame", "geben", "dat", pronoun("er"), accusative=A_BOOK)))),
        "Die Dame, der er ein Buch gibt, ist jung.",
        "The lady to whom he gives a book is young.",
    ),
    (
        main(
            is_("neu", subject("Plan", relative=about("Plan", "vor|schlagen", "acc", pronoun("ich"), dative=dative())))
        ),
        "Der Plan, den ich dem Kind vorschlage, ist neu.",
        "The plan which I propose to the child is new.",
    ),
    (
        main(clause("schlafen", subject("Katze", relative=about("Katze", "jagen", accusative=MICE)))),
        "Die Katze, die die Maus, die der Hund fängt, jagt, schläft.",
        "The cat which chases the mouse which the dog catches sleeps.",
    ),
    (
        main(
            is_(
                "alt",
                subject(),
                prepositional=where(lemma="Haus", relative=about("Haus", "sehen", "acc", pronoun("wir"))),
            )
        ),
        "Der Mann ist in dem Haus, das wir sehen, alt.",
        "The man is old in the house which we see.",
    ),
    # Modals, tenses, negation.
    (main(is_("müde", subject("Esel"), negated=True)), "Der Esel ist nicht müde.", "The donkey is not tired."),
    (
        main(calls(modal="müssen", negated=True)),
        "Der Mann muss die Frau nicht anrufen.",
        "The man does not have to call the woman.",
    ),
    (
        main(calls(modal="müssen", tense="past")),
        "Der Mann musste die Frau anrufen.",
        "The man had to call the woman.",
    ),
    (
        main(clause("singen", pronoun("ich"), modal="dürfen", negated=True)),
        "Ich darf nicht singen.",
        "I am not allowed to sing.",
    ),
    (
        main(calls(modal="wollen", frequency="oft")),
        "Der Mann will die Frau oft anrufen.",
        "The man often wants to call the woman.",
    ),
    (
        main(clause("ein|schlafen", subject("Kind", "pl"), tense="perfect", time="gestern"), "time"),
        "Gestern sind die Kinder eingeschlafen.",
        "Yesterday the children fell asleep.",
    ),
    (
        main(clause("kochen", pronoun("wir"), accusative=accusative("Ei", determiner="ein"), time="morgen")),
        "Wir kochen morgen ein Ei.",
        "We will cook an egg tomorrow.",
    ),
    (
        main(clause("lesen", subject(), accusative=accusative("Brief", "pl", determiner="kein"), tense="past")),
        "Der Mann las keine Briefe.",
        "The man did not read any letters.",
    ),
    (
        main(clause("lesen", subject("Junge", determiner="kein"), accusative=accusative("Brief"), tense="perfect")),
        "Kein Junge hat den Brief gelesen.",
        "No boy has read the letter.",
    ),
    (
        main(clause("essen", subject(), accusative=accusative("Ei"), frequency="nie")),
        "Der Mann isst das Ei nie.",
        "The man never eats the egg.",
    ),
    (
        main(clause("lesen", subject(), accusative=A_BOOK, tense="perfect", frequency="oft")),
        "Der Mann hat oft ein Buch gelesen.",
        "The man has often read a book.",
    ),
    # Cases.
    (
        main(
            clause(
                "zeigen",
                subject("Tante", determiner="unser"),
                dative=dative("Nachbar", adjective="arm"),
                accusative=accusative("Apfel", determiner="ein", adjective="rot"),
            )
        ),
        "Unsere Tante zeigt dem armen Nachbarn einen roten Apfel.",
        "Our aunt shows a red apple to the poor neighbour.",
    ),
    (
        main(clause("zu|sehen", subject("Gast", "pl", determiner="viele"), dative=pronoun("ich", "dat"), time="heute")),
        "Viele Gäste sehen mir heute zu.",
        "Many guests watch me today.",
    ),
    (
        main(clause("laufen", subject("Esel"), prepositional=where("in", "in", "Haus"))),
        "Der Esel läuft im Haus.",
        "The donkey runs in the house.",
    ),
    (
        main(clause("laufen", subject("Esel"), prepositional=where("in", "into", "Haus", "acc"))),
        "Der Esel läuft ins Haus.",
        "The donkey runs into the house.",
    ),
    (
        main(clause("fahren", pronoun("ich"), prepositional=where("zu", "to", "Hotel"), tense="perfect")),
        "Ich bin zum Hotel gefahren.",
        "I have driven to the hotel.",
    ),
    # Coordination.
    (
        main(clause("warten", both(subject(adjective="jung"), subject("Frau")), tense="past")),
        "Der junge Mann und die Frau warteten.",
        "The young man and the woman waited.",
    ),
    (
        main(calls(accusative=accusative(relative=SEEN), joined=clause("aus|gehen"))),
        "Der Mann ruft die Frau, die den alten Hund gesehen hat, an und geht aus.",
        "The man calls the woman who has seen the old dog and goes out.",
    ),
    (
        coordinate(main(calls()), "aber", main(clause("auf|hören", subject("Kind"), tense="future"))),
        "Der Mann ruft die Frau an, aber das Kind wird aufhören.",
        "The man calls the woman, but the child will stop.",
    ),
]


@pytest.mark.parametrize(("phrase", "src", "trg"), DERIVATIONS, ids=[src for _, src, _ in DERIVATIONS])
def test_derivations(phrase, src, trg):
    assert finished(phrase)[:2] == (src, trg)


@pytest.mark.parametrize(
    ("phrase", "names", "distance"),
    [
        (main(calls(time="heute"), "time"), {"inversion", "separable"}, {"separable": 5}),
        (
            main(calls(accusative=accusative(relative=SEEN), negated=True)),
            # The pronoun die and its verb hat are five words apart.
            {"separable", "relative", "verb_final", "perfect", "negation", "agreement"},
            {"separable": 10, "agreement": 5},
        ),
        (
            main(is_("arm", subject("Frau", relative=about("Frau", "sehen", "acc", subject("Kind", "pl"))))),
            {"relative", "verb_final", "number_decides", "agreement"},
            {"agreement": 5},
        ),
        (
            main(calls(joined=clause("aus|gehen"))),
            {"coordination", "separable", "agreement"},
            {"separable": 3, "agreement": 6},
        ),
        (
            main(clause("helfen", subject("Kind"), dative=dative("Frau")), "object"),
            {"inversion", "object_first", "dative"},
            {},
        ),
        (main(clause("lachen", subject(), tense="perfect", time="gestern")), {"perfect", "tense_by_adverb"}, {}),
        (main(clause("laufen", subject(), prepositional=where())), {"place_or_direction"}, {}),
        (
            main(clause("springen", subject(), prepositional=where("auf", "onto", "Dach", "acc"))),
            {"place_or_direction"},
            {},
        ),
        (main(clause("lachen", subject("Frau"), modal="wollen")), {"modal"}, {}),
        (main(clause("lachen", subject("Frau"), frequency="nie")), {"negation"}, {}),
        (main(clause("stehlen", subject(), accusative=accusative("Bürostuhl"))), {"compound"}, {}),
        (main(clause("versuchen", subject(), after=infinitive(clause("schlafen")))), {"infinitive"}, {}),
        (
            main(clause("schlafen", subject("Katze", relative=about("Katze", "jagen", accusative=MICE)))),
            {"relative", "nested_relative", "verb_final", "agreement"},
            {"agreement": 9},
        ),
    ],
)
def test_phenomena_and_distances_of_derivations(phrase, names, distance):
    one = finished(phrase)
    assert (one.phenomena, one.distance) == (names, distance)


# Infinitive, third person present and past, perfect, zu; from a dictionary.
PRINCIPAL_PARTS = """
    an|rufen ruft rief hat|angerufen anzurufen
    begegnen begegnet begegnete ist|begegnet zu|begegnen
    reparieren repariert reparierte hat|repariert zu|reparieren
    arbeiten arbeitet arbeitete hat|gearbeitet zu|arbeiten
    übersetzen übersetzt übersetzte hat|übersetzt zu|übersetzen
    verkaufen verkauft verkaufte hat|verkauft zu|verkaufen
    füttern füttert fütterte hat|gefüttert zu|füttern
    ein|laden lädt lud hat|eingeladen einzuladen
    auf|halten hält hielt hat|aufgehalten aufzuhalten
    um|schreiben schreibt schrieb hat|umgeschrieben umzuschreiben
    betreten betritt betrat hat|betreten zu|betreten
    auf|essen isst aß hat|aufgegessen aufzuessen
    kennen kennt kannte hat|gekannt zu|kennen
    wissen weiß wusste hat|gewusst zu|wissen
    nach|laufen läuft lief ist|nachgelaufen nachzulaufen
    bleiben bleibt blieb ist|geblieben zu|bleiben
    vergessen vergisst vergaß hat|vergessen zu|vergessen
    tanzen tanzt tanzte hat|getanzt zu|tanzen
"""


@pytest.mark.parametrize("row", PRINCIPAL_PARTS.strip().splitlines(), ids=lambda row: row.split()[0])
def test_principal_parts(row):
    lemma, present, past, perfect, infinitive = row.split()
    verb = VERBS[lemma]
    assert german.finite(verb.base, "present", "3sg") == present
    assert german.finite(verb.base, "past", "1sg") == german.finite(verb.base, "past", "3sg") == past
    assert perfect == f"{'hat' if verb.auxiliary == 'haben' else 'ist'}|{german.participle(verb)}"
    assert infinitive.split("|") == list(german.to_infinitive(verb))


# Endings of an adjective by the word before it, for nouns whose gender and forms are from a dictionary.
EIN = ("ein", "kein", "mein", "unser")
ENDINGS = {
    "m": {"der": "e", "dieser": "e", "jeder": "e", **dict.fromkeys(EIN, "er")}
    | {f"{stem}en": "en" for stem in ("d", "dies", "jed", *EIN)}
    | {f"{stem}em": "en" for stem in ("d", "dies", "jed", *EIN)}
    | {"im": "en", "zum": "en", "vom": "en"},
    "f": {"die": "e", "diese": "e", "jede": "e", **{f"{stem}e": "e" for stem in EIN}}
    | {f"{stem}er": "en" for stem in ("d", "dies", "jed", *EIN)}
    | {"zur": "en"},
    "n": {"das": "e", "dieses": "e", "jedes": "e", "ins": "e", **dict.fromkeys(EIN, "es")}
    | {f"{stem}em": "en" for stem in ("d", "dies", "jed", *EIN)}
    | {"im": "en", "zum": "en", "vom": "en"},
    "pl": dict.fromkeys(("die", "diese", "keine", "meine", "unsere", "alle"), "en")
    | dict.fromkeys(("viele", "einige", "zwei", "drei", ""), "e"),
    "pl dat": dict.fromkeys(("den", "diesen", "keinen", "meinen", "unseren", "allen"), "en")
    | dict.fromkeys(("vielen", "einigen", "zwei", "drei", ""), "en"),
}
FORMS = {
    **dict.fromkeys(("Mann", "Hund", "Brief", "Wald", "Plan", "Schuh", "Stuhl", "Apfel", "Küchenstuhl"), "m"),
    **dict.fromkeys(("Frau", "Tochter", "Katze", "Stadt", "Jacke", "Idee", "Gartentür", "Königin"), "f"),
    **dict.fromkeys(("Kind", "Pferd", "Buch", "Haus", "Kleid", "Dorf", "Stadtmuseum"), "n"),
    **dict.fromkeys(("Männer", "Hunde", "Töchter", "Städte", "Kinder", "Bücher", "Äpfel", "Häuser"), "pl"),
    **dict.fromkeys(("Männern", "Hunden", "Töchtern", "Städten", "Kindern", "Büchern", "Äpfeln", "Häusern"), "pl dat"),
    # A weak masculine has this form in the nominative alone.
    **dict.fromkeys(("Junge", "Student", "Bär", "Nachbar"), "weak"),
}
ENDINGS["weak"] = {word: ending for word, ending in ENDINGS["m"].items() if ending != "en"}
RELATIVE = {"m": "der den dem", "f": "die der", "n": "das dem", "pl": "die denen", "pl dat": "die denen"}
RELATIVE["weak"] = RELATIVE["m"]
DETERMINERS = {word for column in ENDINGS.values() for word in column if word}
DATIVE = ("mit", "aus", "neben", "hinter", "von", "zu")
CONJUNCTIONS = ("weil", "obwohl", "wenn", "als", "sobald", "bevor", "während", "dass", "ob", "um", "aber", "denn")
STEMS = {stem for stem, _, _ in ADJECTIVES.values()}


def known_nouns(text):
    """The words of a text, with commas, and for each known noun its position and kind."""
    first, *rest = text.rstrip(".").split()
    words = [first[0].lower() + first[1:], *rest]
    for at, word in enumerate(words):
        if at and word.rstrip(",") in FORMS:
            yield words, at, FORMS[word.rstrip(",")]


def described(words, at):
    """The position before a noun and its adjective, and the adjective's ending if there is one."""
    for ending in ("en", "er", "es", "e"):
        if words[at - 1].endswith(ending) and words[at - 1].removesuffix(ending) in STEMS:
            return at - 2, ending
    return at - 1, None


def test_articles_and_adjectives_agree_with_their_nouns():
    checked = set()
    for one, _ in drawn():
        for words, at, kind in known_nouns(one.src):
            place, ending = described(words, at)
            article = words[place] if place >= 0 and words[place] in DETERMINERS else ""
            column = ENDINGS[kind]
            fits = article in column and ending in (None, column[article])
            if not fits and any(word.endswith(",") for word in words[max(0, place - 2) : place]):
                article = ""  # It is a relative pronoun, before a plural without article.
                fits = article in column and ending in (None, column[article])
            assert fits, one.src
            if place > 0 and words[place - 1] in DATIVE and article not in ("", "zwei", "drei"):
                assert article[-1] in "mnr", one.src
            checked.add((kind, article, ending))
    assert len(checked) > 100


def test_relative_pronouns_agree_with_their_nouns():
    checked = set()
    for one, _ in drawn():
        if "infinitive" in one.phenomena:
            continue  # A noun and a comma are before these as well.
        for words, at, kind in known_nouns(one.src):
            following = words[at + 1 : at + 3]
            if words[at].endswith(",") and following and following[0] not in CONJUNCTIONS:
                pronoun = following[following[0] in (*DATIVE, "in", "auf")]
                assert pronoun in RELATIVE[kind].split(), one.src
                checked.add((kind, pronoun))
    # Every pronoun of every gender, but for the weak nouns, whose nominative is rare.
    assert len({(kind, pronoun) for kind, pronoun in checked if kind in "mfn"}) == 7


PLURAL_NOUNS = {"men", "policemen", "women", "children", "wolves", "mice", "knives", "they", "we"}
SINGULAR_NOUNS = {"dress", "he", "she"}
NOMINATIVES = {"ich", "er", "sie", "wir", "der", "die", "das"}
PASTS = {past for past, _ in english.IRREGULAR.values()} - {"was"}


def german_number(verb):
    """Every plural form ends in n, and no singular one but kann and bin."""
    return "pl" if verb == "sind" or (verb.endswith("n") and verb not in ("kann", "bin")) else "sg"


def english_number(verb):
    """None where the forms are the same: in the past and of modals."""
    if verb in PASTS | {"can", "cannot", "could", "must", "should", "will"} or verb.endswith("ed"):
        return {"were": "pl"}.get(verb)
    return "sg" if verb.endswith("s") and verb not in ("pass", "embarrass") else "pl"


def noun_number(noun):
    """By the form; None for pronouns that have one form."""
    if noun in ("I", "who", "which"):
        return None
    return "pl" if noun in PLURAL_NOUNS or (noun.endswith("s") and noun not in SINGULAR_NOUNS) else "sg"


def test_every_verb_agrees_with_its_subject():
    kinds = Counter()
    for one, phrase in drawn():
        texts = {"de": one.src, "en": one.trg}
        words = {name: re.sub("[.,]", "", f" {text}").lower().split() for name, text in texts.items()}
        for link in phrase.links:
            there = words[link.language]
            ends = link.first.lower(), link.second.lower()
            places = [
                at for at in range(len(there)) if tuple(there[at : at + link.distance + 1][:: link.distance]) == ends
            ]
            assert places, (link, texts[link.language])
            kinds[link.kind, link.language, link.agreement] += 1
            if link.kind == "separable":
                assert VERBS.keys() & {f"{link.second}|{verb.base}" for verb in VERBS.values()}
                continue
            noun, verb = (link.first, link.second) if link.kind == "agreement" else (link.second, link.first)
            number = link.agreement[-2:]
            if link.language == "de":
                assert german_number(verb) == number, (link, one.src)
                assert (noun == "ich") == (link.agreement == "1sg")
                assert noun[0].isupper() or noun in NOMINATIVES, (link, one.src)
                continue
            two = any("and" in there[max(0, at - 4) : at] for at in places)
            assert noun_number(noun) in (None, number) or (two and number == "pl"), (link, one.trg)
            assert (noun == "I") == (link.agreement == "1sg")
            if noun == "I":
                assert verb in ("am", "was") or english_number(verb) != "sg", one.trg
            else:
                assert verb != "am"
                assert english_number(verb) in (None, number), (link, one.trg)
    assert len(kinds) == 3 * 3 + 1


@pytest.fixture
def few_words(monkeypatch):
    """Two or three nouns of a kind, one adjective, two determiners; call it with the verbs that are left."""

    def leave(lemmas):
        nouns = {
            **{"person": ("Student", "Frau", "Kind"), "animal": ("Hund", "Maus"), "text": ("Brief", "Zeitung")},
            **{"place": ("Garten", "Schule"), "surface": ("Insel", "Dach"), "food": ("Ei", "Kuchen")},
        }
        pairs = [(COPULA, "predicate")]
        for verb, frame in fitting.predicates(copula=False):
            if verb.lemma in lemmas:
                kinds = tuple(kind for kind in verb.kinds if kind in ("person", "text", "food"))
                pairs.append((verb._replace(kinds=kinds, subjects=("person",)), frame))

        @cache
        def predicates(subject="", copula=True):
            return tuple(pair for pair in pairs if not subject or subject in pair[0].subjects)

        monkeypatch.setattr(fitting, "predicates", predicates)
        monkeypatch.setattr(fitting, "relative_predicates", cache(fitting.relative_predicates.__wrapped__))
        monkeypatch.setattr(fitting, "nouns", lambda kind: nouns.get(kind, ("Stuhl", "Bild")))
        monkeypatch.setattr(fitting, "adjectives", lambda kind: ("alt",))
        monkeypatch.setattr(fitting, "times", lambda tense, past, negated: ("gestern",) if past else ("heute",))
        for name in ("_SINGULAR", "_PLURAL", "_BESIDE"):
            monkeypatch.setattr(draw, name, ("der", "der", "ein"))
        monkeypatch.setattr(draw, "_DEFINITE", ("der",))

    return leave


FEW_VERBS = [
    ("sehen", "zu|sehen"),
    ("an|rufen", "auf|rufen"),
    ("vor|stellen", "geben"),
    ("laufen", "gehen"),
    ("warten", "sprechen"),
]


@pytest.mark.parametrize("verbs", FEW_VERBS, ids=lambda verbs: verbs[0])
def test_a_translation_is_a_function_of_the_source(few_words, verbs):
    """With few words sentences repeat, and what could be read in two ways would be translated in two."""
    few_words(verbs)
    translations, sentences = {}, 0
    random = Random("few words")
    for past in (False, True) * 6000:
        phrase = statement(random, Scope(2, past))
        if len(phrase.de) <= 9:
            one = finished(phrase)
            assert translations.setdefault(one.src, one.trg) == one.trg, one.src
            sentences += 1
    assert sentences - len(translations) > 800


@pytest.mark.parametrize("verbs", FEW_VERBS[:3], ids=lambda verbs: verbs[0])
@pytest.mark.parametrize("noun", ["Student", "Frau", "Kind", "Brief"])
@pytest.mark.parametrize("number", ["sg", "pl"])
def test_a_relative_clause_can_be_read_in_one_way(few_words, verbs, noun, number):
    few_words(verbs)
    translations = {}
    random = Random("few words")
    for past in (False, True) * 700:
        phrase = draw.draw_relative(random, Scope(0, past), noun, number)
        assert translations.setdefault(phrase.de, phrase.en) == phrase.en, phrase.de


def test_no_two_translations_in_the_corpus(corpus):
    pairs = [pair for split in corpus.values() for pair in zip(*split.pairs, strict=True)]
    more = [finished(sentence(random, Scope(2)))[:2] for random in [Random("more")] for _ in range(10_000)]
    translations = {}
    for src, trg in pairs + more:
        assert translations.setdefault(src, trg) == trg


def test_no_reflexive_is_missing():
    random = Random("who")
    for _ in range(3000):
        said = draw.draw_clause(random, Scope(0))
        objects = [part for part in (said.dative, said.accusative, said.prepositional) if part]
        words = {word for part in objects for word in part.de}
        assert said.subject.de not in (("ich",), ("wir",)) or not words & {"mich", "mir", "uns"}


def test_negation_is_said_once_and_of_what_is_definite():
    random = Random("not")
    clauses = [draw.draw_clause(random, Scope(0)) for _ in range(3000)]
    negated = [said for said in clauses if said.negated]
    assert 0.05 < len(negated) / len(clauses) < 0.25
    for said in negated:
        assert said.subject.definite
        assert all(noun.definite for noun in (said.accusative, said.dative) if noun)
        if said.prepositional and said.prepositional.en[0] in ("for", "with", "of"):
            de = said.prepositional.de
            assert de[0] == "vom" or de[1].startswith(("d", "m", "uns", "ih")), de


def test_before_and_the_like_are_not_negated():
    random = Random("before")
    found = 0
    for _ in range(1500):
        text = finished(with_subordinate(random, Scope(0))).trg
        clause_of_time = re.search(" (before|while|when|as soon as) .*", text)
        if clause_of_time:
            found += 1
            assert not re.search(r"\b(not|never|no|cannot)\b", clause_of_time[0]), text
    assert found > 200


@pytest.mark.parametrize(("time", "tense"), [("gestern", "past"), ("heute", "perfect")])
def test_time_gives_way_to_a_relative_clause(time, tense):
    said = calls(tense="perfect", time=time)
    assert draw.embedded(Random(0), said) == said
    inside = draw.embedded(Random(0), said._replace(accusative=accusative(relative=SEEN)))
    assert (inside.time, inside.tense) == ("", tense)


def test_no_relative_clause_is_between_an_object_and_what_follows_in_english():
    random = Random("two objects")
    clauses = [draw.draw_clause(random, Scope(2)) for _ in range(3000)]
    assert not any(said.place and draw.heavy(said) for said in clauses)
    two = [said for said in clauses if said.accusative and said.dative]
    assert len(two) > 100
    assert not any(said.accusative.relative for said in two)
    assert any(said.dative.relative for said in two)


def test_the_past_has_no_perfect_in_english():
    random = Random("then")
    for _ in range(2000):
        text = finished(statement(random, Scope(0, past=True))).trg
        assert not re.search(r"\b(has|have) (?!to )", text), text


def test_splits_have_their_sizes_and_do_not_overlap(corpus):
    assert tuple(corpus) == SPLITS
    assert [len(corpus[name].pairs.src) for name in SPLITS] == [20_000, 500, 500, 300]
    for split in corpus.values():
        assert len({len(column) for column in (*split.pairs, split.phenomena, split.distance)}) == 1
    sources = [src for split in corpus.values() for src in split.pairs.src]
    assert len(set(sources)) == len(sources) == 21_300


def test_every_long_sentence_is_longer_than_any_other(corpus):
    for language in (0, 1):
        words = {name: [len(text.split()) for text in corpus[name].pairs[language]] for name in SPLITS}
        for name in ("train", "valid", "test"):
            assert min(words[name]) >= 3
            assert max(words[name]) <= 20
        assert min(words["long"]) >= 22
        assert max(words["long"]) <= 45
        assert 10 < sum(words["train"]) / 20_000 < 14


@pytest.mark.parametrize("name", SPLITS)
def test_every_phenomenon_is_in_every_split(corpus, name):
    split = corpus[name]
    counts = Counter(phenomenon for names in split.phenomena for phenomenon in names)
    assert counts.keys() == PHENOMENA.keys()
    assert min(counts.values()) >= 0.01 * len(split.phenomena)
    assert counts["separable"] > 0.2 * len(split.phenomena)


@pytest.mark.parametrize("name", SPLITS)
def test_distances_are_of_the_sentence(corpus, name):
    split = corpus[name]
    for src, trg, names, distance in zip(*split.pairs, split.phenomena, split.distance, strict=True):
        assert distance.keys() == names & {"agreement", "separable"}
        assert distance.get("agreement", 3) >= 3
        assert all(1 <= words < max(len(src.split()), len(trg.split())) for words in distance.values())


def test_long_sentences_have_longer_distances(corpus):
    means = {}
    for name in ("test", "long"):
        for kind in ("agreement", "separable"):
            found = [distance[kind] for distance in corpus[name].distance if kind in distance]
            means[name, kind] = sum(found) / len(found)
    assert means["long", "agreement"] > 1.3 * means["test", "agreement"]
    assert means["long", "separable"] > means["test", "separable"]


def test_there_are_many_words_and_the_test_has_few_new_ones(corpus):
    for language, low, high in ((0, 1200, 2000), (1, 500, 900)):
        words = {
            name: [re.sub("[.,]", "", word).lower() for text in corpus[name].pairs[language] for word in text.split()]
            for name in SPLITS
        }
        train = set(words["train"])
        assert low < len(train) < high
        for name in ("valid", "test", "long"):
            assert sum(word in train for word in words[name]) > 0.995 * len(words[name])


def test_punctuation(corpus):
    for split in corpus.values():
        for text in (*split.pairs.src, *split.pairs.trg):
            assert re.fullmatch(r"[A-ZÄÖÜ]\w*(,? \w+)*\.", text), text
        for src in split.pairs.src:
            # A comma before every conjunction, but not between two of them.
            assert not re.search(
                r"(?<!,)(?<! und)(?<! aber) (weil|obwohl|dass|ob|wenn|als|sobald|bevor|denn|aber) ", src
            ), src
        for trg in split.pairs.trg:
            assert not re.search(r"\b(a [aeiou]|an [^aeiou])", trg), trg


def test_a_corpus_is_the_same_in_every_process():
    program = (
        "import hashlib; from lstm_gru.data.grammar import *; from dataclasses import *;"
        "splits = grammar_corpus(GrammarConfig(train=300, valid=20, test=20, long=20));"
        "print(hashlib.sha256(repr([(split.pairs, [sorted(names) for names in split.phenomena], split.distance)"
        " for split in splits.values()]).encode()).hexdigest())"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE
        )
        for seed in ("1", "2")
    ]
    first, second = (run.communicate()[0] for run in runs)
    assert first == second
    assert len(first) == 65


def test_seeds_and_sizes():
    small = GrammarConfig(train=50, valid=20, test=20, long=10)
    one, other = grammar_corpus(small), grammar_corpus(GrammarConfig(train=70, valid=20, test=20, long=10))
    assert one == grammar_corpus(small)
    assert all(one[name] == other[name] for name in ("valid", "test", "long"))
    assert other["train"].pairs.src[:50] == one["train"].pairs.src
    reseeded = grammar_corpus(GrammarConfig(train=50, valid=20, test=20, long=10, seed=1))
    assert not any(set(one[name].pairs.src) & set(reseeded[name].pairs.src) for name in ("valid", "test", "long"))


def test_depth_limits_nesting():
    flat = grammar_corpus(GrammarConfig(train=300, valid=1, test=1, long=20, depth=0, long_depth=0))
    assert not any("relative" in names for name in SPLITS for names in flat[name].phenomena)
    once = grammar_corpus(GrammarConfig(train=300, valid=1, test=1, long=20, depth=1))
    assert any("relative" in names for names in once["train"].phenomena)
    assert not any("nested_relative" in names for names in once["train"].phenomena)


def test_a_corpus_takes_few_seconds():
    """A quarter of the default, all of which takes two seconds on one core, and on a slow one seven."""
    start = time.process_time()
    grammar_corpus(GrammarConfig(train=5000, valid=125, test=125, long=75))
    assert time.process_time() - start < 4


def test_no_unused_rows():
    assert german.IRREGULAR.keys() <= {verb.base for verb in VERBS.values()}
    assert english.IRREGULAR.keys() <= {verb.english[0] for verb in VERBS.values()} | {"be", "do", "have"}
    kinds = {noun.kind for noun in NOUNS.values()}
    assert {kind for verb in VERBS.values() for kind in (*verb.kinds, *verb.subjects)} == kinds | {"-"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rules_say_what_they_make(rule):
    phenomena = {name for seed in range(200) for name in rule(Random(seed), Scope(2)).phenomena}
    assert phenomena <= PHENOMENA.keys()
    assert rule.__doc__


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"train": 0}, "GrammarConfig: train = 0; expected a number at least 1"),
        ({"valid": -1}, "valid = -1"),
        ({"test": float("nan")}, "test = nan"),
        ({"long": 10**7}, "long = 10000000; .* at most 1e[+]06"),
        ({"depth": -1}, "depth = -1; expected a number at least 0 and at most 5"),
        ({"long_depth": 6}, "long_depth = 6"),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(InputError, match=message):
        GrammarConfig(**setting)
