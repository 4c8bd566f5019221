"""The words of the grammar as tables, one lemma a line; adding a word is adding a line.

German nouns come with gender and plural, verbs with what they govern; `german` and `english` inflect them.
An underscore in an English entry is a space.
"""

from typing import NamedTuple


class Noun(NamedTuple):
    """A noun.

    Attributes:
      lemma: nominative singular.
      gender: ``m``, ``f`` or ``n``.
      plural: nominative plural.
      weak: masculine with -(e)n in all other forms: der Junge, den Jungen, dem Jungen.
      english: singular and plural, as words.
      kind: what it names, for choosing fitting verbs and adjectives.
      compound: one German word for two English ones.
    """

    lemma: str
    gender: str
    plural: str
    weak: bool
    english: dict[str, tuple[str, ...]]
    kind: str
    compound: bool = False


class Verb(NamedTuple):
    """A verb.

    Attributes:
      lemma: infinitive, ``an|rufen`` with a bar behind a separable particle.
      particle: ``an``, or empty.
      base: ``rufen``, what is inflected.
      english: base form, as words; the first is inflected.
      frames: what it can govern, see `VERBS`.
      kinds: kinds of nouns its accusative (or only) object can be.
      subjects: kinds of nouns its subject can be.
      auxiliary: of the perfect, ``haben`` or ``sein``.
    """

    lemma: str
    particle: str
    base: str
    english: tuple[str, ...]
    frames: tuple[str, ...]
    kinds: tuple[str, ...]
    subjects: tuple[str, ...]
    auxiliary: str


class Time(NamedTuple):
    """An adverbial of time.

    Attributes:
      de: German words.
      en: English words.
      period: ``past`` and ``future`` decide the English tense (see `english.TENSE_BY_ADVERB`); ``now`` and
        ``habit`` go with the present only; ``any`` with every tense.
    """

    de: tuple[str, ...]
    en: tuple[str, ...]
    period: str


# German singular, gender (w: weak masculine), German plural, English singular, English plural unless regular.
_NOUNS = {
    "person": """
        Mann m Männer man men
        Lehrer m Lehrer teacher
        Arzt m Ärzte doctor
        Bruder m Brüder brother
        Freund m Freunde friend
        Sohn m Söhne son
        Onkel m Onkel uncle
        Koch m Köche cook
        Maler m Maler painter
        Gast m Gäste guest
        Junge w Jungen boy
        Student w Studenten student
        Polizist w Polizisten policeman policemen
        Nachbar w Nachbarn neighbour
        Kollege w Kollegen colleague
        Frau f Frauen woman women
        Mutter f Mütter mother
        Schwester f Schwestern sister
        Tochter f Töchter daughter
        Tante f Tanten aunt
        Königin f Königinnen queen
        Sängerin f Sängerinnen singer
        Richterin f Richterinnen judge
        Dame f Damen lady
        Kind n Kinder child children
        Mädchen n Mädchen girl
    """,
    "animal": """
        Hund m Hunde dog
        Vogel m Vögel bird
        Esel m Esel donkey
        Wolf m Wölfe wolf wolves
        Bär w Bären bear
        Katze f Katzen cat
        Kuh f Kühe cow
        Maus f Mäuse mouse mice
        Ziege f Ziegen goat
        Pferd n Pferde horse
    """,
    "text": """
        Brief m Briefe letter
        Roman m Romane novel
        Artikel m Artikel article
        Zeitung f Zeitungen newspaper
        Geschichte f Geschichten story
        Buch n Bücher book
        Gedicht n Gedichte poem
    """,
    "thing": """
        Stuhl m Stühle chair
        Spiegel m Spiegel mirror
        Teller m Teller plate
        Schlüssel m Schlüssel key
        Tasche f Taschen bag
        Uhr f Uhren clock
        Flasche f Flaschen bottle
        Fahrrad n Fahrräder bicycle
        Bild n Bilder picture
        Messer n Messer knife knives
        Geschenk n Geschenke gift
    """,
    "container": """
        Koffer m Koffer suitcase
        Schrank m Schränke cupboard
        Tür f Türen door
        Kiste f Kisten box
        Fenster n Fenster window
    """,
    "device": """
        Computer m Computer computer
        Fernseher m Fernseher television
        Lampe f Lampen lamp
        Kamera f Kameras camera
        Radio n Radios radio
    """,
    "clothes": """
        Hut m Hüte hat
        Mantel m Mäntel coat
        Schuh m Schuhe shoe
        Jacke f Jacken jacket
        Kleid n Kleider dress
        Hemd n Hemden shirt
    """,
    "food": """
        Apfel m Äpfel apple
        Kuchen m Kuchen cake
        Suppe f Suppen soup
        Birne f Birnen pear
        Kartoffel f Kartoffeln potato potatoes
        Ei n Eier egg
        Brötchen n Brötchen roll
    """,
    "place": """
        Garten m Gärten garden
        Wald m Wälder forest
        Park m Parks park
        Palast m Paläste palace
        Stadt f Städte city
        Schule f Schulen school
        Kirche f Kirchen church
        Küche f Küchen kitchen
        Bibliothek f Bibliotheken library
        Fabrik f Fabriken factory
        Dorf n Dörfer village
        Haus n Häuser house
        Hotel n Hotels hotel
        Museum n Museen museum
        Büro n Büros office
        Theater n Theater theatre
    """,
    "surface": """
        Platz m Plätze square
        Straße f Straßen street
        Brücke f Brücken bridge
        Insel f Inseln island
        Dach n Dächer roof
    """,
    "idea": """
        Plan m Pläne plan
        Wunsch m Wünsche wish
        Fehler m Fehler mistake
        Idee f Ideen idea
        Absicht f Absichten intention
        Geheimnis n Geheimnisse secret
    """,
}

# First parts of compounds with their English, and the nouns above that follow any of them: Küchentür, kitchen door.
_COMPOUNDS = (
    ("Küchen kitchen, Garten garden, Keller cellar, Hotel hotel, Büro office", "Tür Fenster Lampe Stuhl Schlüssel"),
    ("Stadt city, Dorf village, Schul school", "Park Museum Bibliothek Theater Kirche"),
)

# Never with mein and unser: mein Mann is my husband.
UNPOSSESSED = ("Mann", "Frau", "Dame")

# German, English, kinds; a second German form is the stem before endings (ein dunkler Wald).
_ADJECTIVES = """
    alt old person,animal,text,thing,container,device,clothes,place,surface
    jung young person,animal
    klein small person,animal,text,thing,container,device,clothes,food,place,surface
    groß big animal,thing,container,device,clothes,food,place,surface,idea
    neu new text,thing,container,device,clothes,place,surface,idea
    schön beautiful person,animal,text,thing,container,clothes,place,surface
    freundlich friendly person
    reich rich person
    arm poor person,animal
    klug clever person,animal,idea
    fleißig diligent person
    faul lazy person,animal
    traurig sad person,animal,text
    müde/müd tired person,animal
    hungrig hungry person,animal
    krank sick person,animal
    berühmt famous person,text,place,surface
    stark strong person,animal
    ruhig quiet person,animal,place,surface
    rot red thing,container,device,clothes,food
    grün green thing,container,device,clothes,food
    schwarz black animal,thing,container,device,clothes
    weiß white animal,thing,container,device,clothes
    teuer/teur expensive text,thing,container,device,clothes
    lang long text,surface
    kurz short text,surface
    interessant interesting person,text,place,idea
    gut good text,food,idea
    schlecht bad text,food,idea
    frisch fresh food
    kalt cold food,place
    dunkel/dunkl dark place,surface
    leer empty container,place,surface
    wichtig important person,text,idea
"""

# Infinitive, English, what it governs, kinds of its object, kinds of its subject if not persons. It can govern:
#   nothing        -, or (place), which may be left out
#   an object      acc, dat, dat+acc (both), (dat)+acc (the dative may be left out)
#   a place        place: where; direction: where to
#   a preposition  auf+acc:for, German preposition and case, English preposition
#   a clause       that (dass), whether (ob), to (zu and infinitive)
# Verbs with one base, one frame and one kind of object differ by their particle alone (gibt den Plan auf, zu, weiter).
_VERBS = """
    schlafen       sleep            (place)                - person,animal
    ein|schlafen   fall_asleep      (place)                - person,animal
    aus|schlafen   sleep_in         -                      -
    auf|wachen     wake_up          (place)                - person,animal
    an|kommen      arrive           (place)                - person,animal
    mit|kommen     come_along       -                      - person,animal
    zurück|kommen  come_back        -                      - person,animal
    herein|kommen  come_in          -                      - person,animal
    kommen         come             direction              - person,animal
    gehen          go               direction              - person,animal
    aus|gehen      go_out           -                      -
    weg|gehen      go_away          -                      - person,animal
    ein|steigen    get_in           (place)                -
    aus|steigen    get_out          (place)                -
    ab|nehmen      lose_weight      -                      - person,animal
    zu|nehmen      gain_weight      -                      - person,animal
    an|fangen      begin            -,to                   -
    auf|hören      stop             -                      -
    ab|fahren      depart           -                      -
    los|fahren     set_off          -                      -
    fern|sehen     watch_television (place)                -
    lachen         laugh            (place)                -
    arbeiten       work             (place)                -
    tanzen         dance            (place),mit+dat:with   person
    singen         sing             (place)                -
    spielen        play             (place),mit+dat:with   person,animal
    laufen         run              place,direction        - person,animal
    springen       jump             place,direction        - person,animal
    fahren         drive            place,direction        -
    wohnen         live             place                  -
    sitzen         sit              place                  - person,animal
    stehen         stand            place                  - person,animal
    bleiben        stay             place                  - person,animal
    warten         wait             (place),auf+acc:for    person,animal,food
    sprechen       speak            mit+dat:with           person
    träumen        dream            von+dat:of             person,animal,place,food

    sehen          see              acc                    person,animal,thing,container,place person,animal
    an|sehen       look_at          acc                    person,animal,thing,container,device,clothes
    zu|sehen       watch            dat                    person,animal
    hören          hear             acc,that               person,animal person,animal
    zu|hören       listen_to        dat                    person
    an|rufen       call             acc                    person
    auf|rufen      call_on          acc                    person
    herbei|rufen   summon           acc                    person
    holen          fetch            acc                    person,thing,container,clothes
    ab|holen       collect          acc                    person,thing,container,clothes
    ein|holen      catch_up_with    acc                    person
    ein|laden      invite           acc                    person
    aus|laden      disinvite        acc                    person
    vor|stellen    introduce        (dat)+acc              person
    ein|stellen    hire             acc                    person
    bloß|stellen   embarrass        acc                    person
    an|halten      stop             acc                    person
    auf|halten     delay            acc                    person
    fest|halten    hold             acc                    person
    suchen         look_for         acc                    person,animal,thing,container,clothes,text
    besuchen       visit            acc                    person,place
    aus|suchen     choose           acc                    thing,container,device,clothes,text
    finden         find             acc                    person,animal,thing,container,clothes,text
    kennen         know             acc                    person,place,text
    lieben         love             acc                    person,animal
    aus|lachen     laugh_at         acc                    person
    fragen         ask              acc,whether            person
    begrüßen       greet            acc                    person
    verstehen      understand       acc                    person,text,idea
    treffen        meet             acc                    person
    vergessen      forget           acc,to                 person,thing,clothes,text,idea
    malen          paint            acc                    person,animal,place,surface
    füttern        feed             acc                    animal
    jagen          chase            acc                    animal,person person,animal
    fangen         catch            acc                    animal person,animal
    ein|fangen     capture          acc                    animal

    helfen         help             dat                    person,animal
    danken         thank            dat                    person
    folgen         follow           dat                    person,animal person,animal
    nach|laufen    run_after        dat                    person,animal person,animal
    antworten      answer           dat                    person
    vertrauen      trust            dat                    person,animal
    begegnen       encounter        dat                    person,animal
    zu|stimmen     agree_with       dat                    person
    zu|winken      wave_to          dat                    person

    kaufen         buy              acc                    thing,container,device,clothes,food,text
    verkaufen      sell             (dat)+acc              thing,container,device,clothes,food,text
    tragen         carry            acc                    thing,container,device
    weg|tragen     carry_away       acc                    thing,container,device
    reparieren     repair           acc                    thing,container,device
    verlieren      lose             acc                    thing,clothes,text
    stehlen        steal            acc                    thing,device,clothes,food
    nehmen         take             acc                    thing,clothes,food
    mit|nehmen     take_along       acc                    thing,clothes,food,text
    an|nehmen      accept           acc                    thing,clothes,food,idea
    auf|heben      pick_up          acc                    thing,container,clothes
    hoch|heben     lift_up          acc                    thing,container,clothes
    ab|stellen     put_down         acc                    thing,container,device
    aus|stellen    exhibit          acc                    thing,container,device
    her|stellen    produce          acc                    thing,container,device,clothes
    bringen        bring            dat+acc                thing,container,clothes,food,text
    mit|bringen    bring_along      acc                    thing,container,clothes,food,text
    zurück|bringen bring_back       acc                    thing,container,clothes,food,text
    weg|bringen    take_away        acc                    thing,container,clothes,food,text
    werfen         throw            acc                    thing
    weg|werfen     throw_away       acc                    thing,clothes,food,text
    auf|machen     open             acc                    container
    zu|machen      close            acc                    container
    an|machen      turn_on          acc                    device
    aus|machen     turn_off         acc                    device
    auf|schließen  unlock           acc                    container
    ab|schließen   lock             acc                    container
    an|ziehen      put_on           acc                    clothes
    aus|ziehen     take_off         acc                    clothes
    waschen        wash             acc                    clothes,food

    lesen          read             acc                    text
    vor|lesen      read_aloud       (dat)+acc              text
    schreiben      write            acc                    text
    ab|schreiben   copy             acc                    text
    um|schreiben   rewrite          acc                    text
    auf|schreiben  write_down       acc                    text,idea
    übersetzen     translate        acc                    text
    geben          give             dat+acc                thing,container,device,clothes,food,text
    ab|geben       hand_in          acc                    text,thing
    heraus|geben   publish          acc                    text
    weiter|geben   pass_on          (dat)+acc              text,thing,idea
    zurück|geben   give_back        (dat)+acc              text,thing
    auf|geben      give_up          acc                    idea
    zu|geben       admit            acc,that               idea
    bekannt|geben  announce         acc,that               idea
    ab|lehnen      reject           acc                    idea
    vor|schlagen   propose          (dat)+acc              idea
    erklären       explain          (dat)+acc              text,idea
    zeigen         show             dat+acc                thing,container,device,clothes,text,place
    schicken       send             dat+acc                thing,container,clothes,text
    leihen         lend             dat+acc                thing,device,clothes,text

    essen          eat              acc                    food
    auf|essen      eat_up           acc                    food
    fressen        eat              acc                    food animal
    kochen         cook             acc                    food
    schneiden      cut              acc                    food
    betreten       enter            acc                    place
    verlassen      leave            acc                    place,person

    sagen          say              that                   -
    glauben        believe          that                   -
    wissen         know             that                   -
    hoffen         hope             that,to                -
    versuchen      try              to                     -
    beschließen    decide           to                     -
    planen         plan             to                     -
"""
COPULA = Verb("sein", "", "sein", ("be",), ("predicate",), (), tuple(_NOUNS), "sein")

_PERFECT_WITH_SEIN = """
    ein|schlafen auf|wachen an|kommen mit|kommen zurück|kommen herein|kommen kommen gehen aus|gehen weg|gehen
    ein|steigen aus|steigen ab|fahren los|fahren laufen springen fahren bleiben folgen nach|laufen begegnen
"""

_TIMES = {
    "any": "heute/today, in dieser Woche/this week",
    "now": "jetzt/now",
    "habit": "jeden Tag/every day, jeden Abend/every evening, im Sommer/in summer",
    "past": "gestern/yesterday, letzte Woche/last week, vor einem Jahr/a year ago, am Montag/on Monday",
    "future": "morgen/tomorrow, nächste Woche/next week, bald/soon",
}

FREQUENCIES = {"oft": "often", "immer": "always", "manchmal": "sometimes", "nie": "never"}

# Conjunctions that put the verb at the end; the second half is for what is or was so at the same time.
REASONS = {"weil": "because", "obwohl": "although"}
PRESENT_TIMES = {"wenn": "if", "sobald": "as_soon_as", "bevor": "before", "während": "while"}
PAST_TIMES = {"als": "when", "sobald": "as_soon_as", "bevor": "before", "während": "while"}
# Conjunctions that leave the second clause as a main clause.
COORDINATORS = {"und": "and", "aber": "but", "denn": "because"}

# Prepositions within a noun phrase (all with the dative) and kinds of nouns that follow, by the kind of the first noun.
ATTRIBUTES = {
    "person": (
        ("mit", "with", ("animal", "thing", "clothes")),
        ("aus", "from", ("place",)),
        ("neben", "beside", ("person", "animal", "container")),
    ),
    "animal": (("neben", "beside", ("person", "animal")), ("hinter", "behind", ("person", "animal", "container"))),
    "place": (("neben", "beside", ("place",)), ("hinter", "behind", ("place",))),
    "text": (("von", "by", ("person",)),),
    **{
        kind: (("neben", "beside", ("thing", "container", "device")), ("hinter", "behind", ("thing", "container")))
        for kind in ("thing", "container", "device", "clothes")
    },
}


def spaced(entry: str) -> tuple[str, ...]:
    """Return the words of an entry, ``look_for`` as ``("look", "for")``."""
    return tuple(entry.split("_"))


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines() if line.strip()]


def _regular_plural(english: str) -> str:
    if english.endswith(("s", "sh", "ch", "x")):
        return f"{english}es"
    return f"{english[:-1]}ies" if english.endswith("y") and english[-2] not in "aeiou" else f"{english}s"


def _noun(kind: str, lemma: str, gender: str, plural: str, english: str, english_plural: str = "") -> Noun:
    both = {"sg": (english,), "pl": (english_plural or _regular_plural(english),)}
    return Noun(lemma, "m" if gender == "w" else gender, plural, gender == "w", both, kind)


def _compound(first: str, english: str, head: Noun) -> Noun:
    return head._replace(
        lemma=first + head.lemma.lower(),
        plural=first + head.plural.lower(),
        english={number: (english, *words) for number, words in head.english.items()},
        compound=True,
    )


def _nouns() -> dict[str, Noun]:
    nouns = [_noun(kind, *row) for kind, table in _NOUNS.items() for row in _rows(table)]
    by_lemma = {noun.lemma: noun for noun in nouns}
    for firsts, heads in _COMPOUNDS:
        parts = [part.split() for part in firsts.split(",")]
        nouns += [_compound(*part, by_lemma[head]) for part in parts for head in heads.split()]
    return {noun.lemma: noun for noun in nouns}


def _verb(lemma: str, english: str, frames: str, kinds: str, subjects: str = "person") -> Verb:
    particle, _, base = lemma.rpartition("|")
    auxiliary = "sein" if lemma in _PERFECT_WITH_SEIN.split() else "haben"
    listed = (tuple(column.split(",")) for column in (frames, kinds, subjects))
    return Verb(lemma, particle, base, spaced(english), *listed, auxiliary)


def _times() -> dict[str, Time]:
    entries = ((period, *entry.split("/")) for period, table in _TIMES.items() for entry in table.split(", "))
    return {german: Time(tuple(german.split()), tuple(english.split()), period) for period, german, english in entries}


NOUNS = _nouns()
ADJECTIVES = {row[0].split("/")[0]: (row[0].split("/")[-1], row[1], row[2].split(",")) for row in _rows(_ADJECTIVES)}
VERBS = {row[0]: _verb(*row) for row in _rows(_VERBS)}
TIMES = _times()
