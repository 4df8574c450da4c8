"""The English words that the templates rely on: verbs with all their forms, and closed classes.

A hand-kept list of verbs is preferred to a tagger: small taggers read "The pump delivers" as
three nouns, and a wrong verb makes a wrong question, where an unknown one makes none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tasks.synthesis.wordlist import words

Tense = Literal["present_s", "present", "past", "participle"]

_REGULAR = words("""
    accept accompany achieve acquire activate add address adjust administer admit adopt affect aim
    allow amend announce answer appear appoint apply approve argue arrange arrest arrive ask
    assign assist assume attach attack attain attempt attend attract avoid award back ban base
    belong boost call campaign cancel capture carry cause celebrate change charge check claim
    clean close collaborate collect combine command commission compete compile complete compose
    comprise conclude conduct configure connect consist construct consume contain continue
    contribute control convert cool copy correspond cover create cross declare decline decrease
    dedicate defeat defend define deliver demand demonstrate deny depend depict derive describe
    design designate detect determine develop devise die differ direct disable discover discuss
    display dissolve divide dominate donate earn edit elect eliminate employ enable encourage end
    endorse enforce enhance enjoy enlist ensure enter escape establish estimate evolve examine
    exceed exclude execute exhibit exist expand expect experience explain explore export expose
    express extend face facilitate feature filter finance finish focus follow force form found
    fulfil function fund gain gather generate govern graduate grant guarantee guide handle happen
    help highlight hire host house identify illustrate implement import improve include
    incorporate increase indicate influence inform inherit initiate inspire install integrate
    introduce invade invent invest invite involve issue join kill lack last launch limit list load
    locate lock maintain manage manufacture mark marry match measure merge monitor mount move
    murder name need note number obey observe obtain occupy occur offer open operate oppose order
    organise organize originate outline own pass perform permit persuade place plan play point
    possess praise precede prefer prepare present preserve prevent print proceed process proclaim
    produce promise promote propose protect prove provide publish pump purchase pursue qualify
    raise range rank reach receive recognise recognize recommend record recover reduce refer
    reflect refuse regulate reject relate release remain remove rename render renovate rent
    replace report represent request require rescue reside resign resolve restore restrict result
    retain retire return reveal reverse reward rule save score secure select separate serve share
    show sign signal simplify solve sound specify sponsor stage star start state stay stop store
    stress study submit succeed suffer suggest supply support surround survive suspend switch
    target teach test top total tour track trade train transfer transform translate transmit
    transport travel treat trigger turn unite update upgrade use utilise utilize vary visit vote
    want warn watch weigh welcome work yield
""")

_IRREGULAR = {
    "be": ("was", "been"),
    "bear": ("bore", "born"),
    "beat": ("beat", "beaten"),
    "become": ("became", "become"),
    "begin": ("began", "begun"),
    "break": ("broke", "broken"),
    "bring": ("brought", "brought"),
    "broadcast": ("broadcast", "broadcast"),
    "build": ("built", "built"),
    "buy": ("bought", "bought"),
    "catch": ("caught", "caught"),
    "choose": ("chose", "chosen"),
    "come": ("came", "come"),
    "deal": ("dealt", "dealt"),
    "draw": ("drew", "drawn"),
    "drive": ("drove", "driven"),
    "fall": ("fell", "fallen"),
    "feed": ("fed", "fed"),
    "fight": ("fought", "fought"),
    "find": ("found", "found"),
    "fly": ("flew", "flown"),
    "get": ("got", "got"),
    "give": ("gave", "given"),
    "go": ("went", "gone"),
    "grow": ("grew", "grown"),
    "have": ("had", "had"),
    "hear": ("heard", "heard"),
    "hold": ("held", "held"),
    "keep": ("kept", "kept"),
    "know": ("knew", "known"),
    "lead": ("led", "led"),
    "leave": ("left", "left"),
    "lie": ("lay", "lain"),
    "lose": ("lost", "lost"),
    "make": ("made", "made"),
    "mean": ("meant", "meant"),
    "meet": ("met", "met"),
    "pay": ("paid", "paid"),
    "run": ("ran", "run"),
    "see": ("saw", "seen"),
    "sell": ("sold", "sold"),
    "send": ("sent", "sent"),
    "set": ("set", "set"),
    "shoot": ("shot", "shot"),
    "sing": ("sang", "sung"),
    "speak": ("spoke", "spoken"),
    "spend": ("spent", "spent"),
    "stand": ("stood", "stood"),
    "take": ("took", "taken"),
    "teach": ("taught", "taught"),
    "tell": ("told", "told"),
    "win": ("won", "won"),
    "write": ("wrote", "written"),
}
# Forms that are far more often something else than a finite verb.
_NEVER_FINITE = frozenset({"found", "left", "set", "bore", "saw", "lay"})
_DOUBLED = frozenset(
    {"ban", "control", "commit", "equip", "occur", "permit", "plan", "prefer", "refer", "regret"}
    | {"stop", "submit", "transfer", "transmit", "star", "ship", "trigger"}
) - {"trigger"}


class VerbForm(NamedTuple):
    base: str
    tense: Tense


def _third_person(base: str) -> str:
    if base == "have":
        return "has"
    if base.endswith(("s", "x", "z", "ch", "sh", "o")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def _past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ied"
    if base in _DOUBLED:
        return base + base[-1] + "ed"
    return base + "ed"


def _tables() -> tuple[dict[str, VerbForm], frozenset[str], frozenset[str]]:
    finite: dict[str, VerbForm] = {}
    participles: set[str] = set()
    bases = [base for base in _REGULAR if base not in _IRREGULAR] + list(_IRREGULAR)
    for base in bases:
        past, participle = _IRREGULAR.get(base, (_past(base), _past(base)))
        participles.add(participle)
        if base in ("be", "have"):
            continue
        finite.setdefault(_third_person(base), VerbForm(base, "present_s"))
        if past not in _NEVER_FINITE:
            finite.setdefault(past, VerbForm(base, "past"))
        finite.setdefault(base, VerbForm(base, "present"))
    return finite, frozenset(participles), frozenset(bases)


FINITE, PARTICIPLES, BASES = _tables()

BE = frozenset({"is", "are", "was", "were"})
HAVE = frozenset({"has", "have", "had"})
MODALS = frozenset({"can", "could", "may", "might", "must", "shall", "should", "will", "would"})
DETERMINERS = frozenset(
    words("""
        the a an each every all most many some several both any no its his her their our your
    """)
)
PREPOSITIONS = frozenset(
    words("""
        of in on at by for from with to into onto over under between among through during within
        without against about across along around behind beneath beside beyond near per toward
        towards upon via off above below after before since until till despite throughout as than
        like regarding including
    """)
)
PRONOUNS = frozenset(
    words("""
        i you he she it we they me him us them this that these those there here who whom which
        what whose where when one ones another others such former latter same mine yours hers
        theirs itself himself herself themselves someone something anyone anything everyone
        everything nobody nothing none it's he's she's they're we're you're i'm that's there's
    """)
)
SUBORDINATORS = frozenset(
    words("""
        if when while although though because since unless until whereas after before once as that
        which who whom whose where whether why how so and but or nor yet
    """)
)
CONJUNCTIONS = frozenset({"and", "or", "but", "nor", "yet", "so"})
POINTING_BACK = frozenset(
    words("""
        he she it they him her them his hers its their theirs himself herself itself themselves
        this these those former latter
    """)
)
PERSON_NOUNS = frozenset(
    words("""
        actor actress architect artist astronomer athlete author bishop broadcaster businessman
        businesswoman cellist chemist coach commander composer conductor cricketer critic dancer
        designer diplomat director doctor economist editor emperor engineer entrepreneur explorer
        farmer filmmaker footballer founder general golfer governor guitarist historian
        illustrator inventor journalist judge king lawyer lecturer linguist maintainer manager
        mathematician mayor merchant minister missionary model monk musician noble nobleman
        novelist officer official painter person philosopher photographer physician physicist
        pianist pilot player playwright poet politician priest president prince princess principal
        producer professor programmer psychologist publisher queen rapper researcher ruler scholar
        scientist screenwriter sculptor senator singer singer-songwriter skateboarder skier
        soldier songwriter surgeon swimmer teacher theologian trainer violinist wrestler writer
    """)
)
FRONT_ADVERBS = frozenset(
    words("""
        however moreover furthermore additionally also therefore thus hence consequently
        nevertheless nonetheless instead meanwhile otherwise finally usually generally normally
        typically originally initially currently today historically traditionally
    """)
)
IMPERATIVES = frozenset(
    words("""
        add adjust allow apply attach avoid call check choose clean click close configure connect
        copy create delete detach disable disconnect do download drain dry edit empty enable
        ensure enter fasten fill follow hold insert inspect install keep leave lift load lower
        make measure mount move open perform place plug pour press print protect pull push put
        read refer release remove repeat replace reset restart return rinse run save select send
        set slide start stop store switch tighten transport try turn type unplug update upload use
        verify wait wash wipe write
    """)
)
MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan\\.?|Feb\\.?|Mar\\.?|Apr\\.?|Jun\\.?|Jul\\.?|Aug\\.?|Sept?\\.?|Oct\\.?|Nov\\.?|Dec\\.?"
)
