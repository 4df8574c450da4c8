"""The English words that the templates rely on: verbs with all their forms, and closed classes.

A hand-kept list of verbs is preferred to a tagger: small taggers read "The pump delivers" as
three nouns, and a wrong verb makes a wrong question, where an unknown one makes none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tasks.synthesis.wordlist import words

Tense = Literal["present_s", "present", "past", "participle"]

_REGULAR = words("""
    abandon abolish absorb accelerate accept accompany accumulate accuse achieve acquire act
    activate adapt add address adjust administer admit adopt advance advise advocate affect aim
    align allocate allow alter amend amount analyse analyze announce answer anticipate appeal
    appear apply appoint approve argue arrange arrest arrive ask assemble assert assess assign
    assist associate assume assure attach attack attain attempt attend attract author authorise
    authorize automate average avoid award back balance ban base believe belong benefit block
    boil boost borrow burn bypass calculate calibrate call campaign cancel capture carry cause
    cease celebrate change charge check circulate cite claim classify clean climb clog close
    coincide collaborate collect combine command comment commission compare compete compile
    complain complete comply compose compress comprise compute conceal conceive concentrate
    concern conclude conduct configure confirm connect conquer consider consist constitute
    construct consult consume contact contain continue contract contrast contribute control
    convert convince cool cooperate coordinate copy correct correspond cover create criticise
    criticize cross cultivate damage debate debut decide declare decline decorate decrease
    dedicate defeat defend defer define delay delegate deliver demand demolish demonstrate
    denote deny depend depict deploy deposit derive describe design designate destroy detach
    detect determine develop devise devote diagnose dictate die differ diminish direct disable
    disband discharge discover discuss disinfect dismiss display dispute disrupt dissolve
    distinguish distribute divert divide document dominate donate dose double drain drop earn
    ease edit elaborate elect eliminate embed embrace emerge emit emphasise emphasize employ
    enable enclose encounter encourage encrypt end endorse enforce engage enhance enjoy enlist
    enrich enrol ensure enter entitle equip erect escape establish estimate evaluate evolve
    examine exceed exchange exclude execute exert exhibit exist expand expect experience expire
    explain exploit explore export expose express extend fabricate face facilitate fail fasten
    feature ferment file filter finance finish fire fix flow flush focus fold follow force form
    foster found fuel fulfil fulfill function fund gain gather generate govern graduate grant
    guarantee guide halt handle happen harm head heat help highlight hinder hire host house
    identify illuminate illustrate implement imply import impose impress improve include
    incorporate increase incur indicate induce influence inform inhabit inherit inhibit initiate
    inject insert insist inspire install instruct insulate integrate intend interact interfere
    interpret interrupt intersect interview introduce invade invent invest invite involve
    isolate issue join justify kill label lack land last launch leak lift limit link list load
    locate lock lower maintain manage manipulate manufacture mark marry match measure melt merge
    migrate minimise minimize mirror mix modify monitor motivate mount move multiply murder name
    navigate need neglect negotiate nominate note notify number obey observe obtain occupy occur
    offer offset omit open operate oppose order organise organize orient originate outline
    outperform override own oxidise oxidize participate pass peak penetrate perceive perform
    permit persuade pioneer place plan play pledge point pollute portray possess post postpone
    pour practise praise precede predict prefer prepare prescribe present preserve press presume
    prevail prevent print prioritise privatise probe proceed process proclaim produce prohibit
    project promise promote prompt propel propose prosecute protect prove provide publish pump
    purchase purify pursue qualify query question quote raise range rank reach react realise
    realize recall receive recognise recognize recommend record recover recruit recycle redesign
    reduce refer reflect refuse regain register regulate reinforce reject relate relax relay
    release relieve relocate rely remain remark remind remove rename render renovate rent repair
    repeat replace report represent request require rescue resemble reside resign resist resolve
    respond restore restrict result resume retain retire retrieve return reveal reverse revise
    revoke revolve reward rinse rotate rule rust sample satisfy save scale schedule score seal
    search secure seize select separate serve settle shape share shift shorten show sign signal
    simplify simulate slow smooth soak solve sound span specify sponsor stabilise stabilize
    stage star start state stay stimulate stop store strengthen stress stretch structure
    struggle study submit succeed suffer suggest summarise summarize supersede supervise supply
    support surpass surround survive suspect suspend sustain switch symbolise symbolize tackle
    target tend terminate test tighten title tolerate top total tour trace track trade train
    transcribe transfer transform translate transmit transport trap travel traverse treat
    trigger turn uncover unify unite update upgrade use utilise utilize validate vanish vary
    verify violate visit visualise visualize vote want warm warn watch weaken weigh welcome
    widen work worship wrap yield
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
    "arise": ("arose", "arisen"),
    "bind": ("bound", "bound"),
    "cast": ("cast", "cast"),
    "cost": ("cost", "cost"),
    "cut": ("cut", "cut"),
    "eat": ("ate", "eaten"),
    "feel": ("felt", "felt"),
    "flee": ("fled", "fled"),
    "forbid": ("forbade", "forbidden"),
    "forecast": ("forecast", "forecast"),
    "forget": ("forgot", "forgotten"),
    "freeze": ("froze", "frozen"),
    "hang": ("hung", "hung"),
    "hide": ("hid", "hidden"),
    "hit": ("hit", "hit"),
    "lay": ("laid", "laid"),
    "lend": ("lent", "lent"),
    "let": ("let", "let"),
    "overcome": ("overcame", "overcome"),
    "oversee": ("oversaw", "overseen"),
    "overtake": ("overtook", "overtaken"),
    "put": ("put", "put"),
    "read": ("read", "read"),
    "rebuild": ("rebuilt", "rebuilt"),
    "reset": ("reset", "reset"),
    "ride": ("rode", "ridden"),
    "rise": ("rose", "risen"),
    "say": ("said", "said"),
    "seek": ("sought", "sought"),
    "shrink": ("shrank", "shrunk"),
    "shut": ("shut", "shut"),
    "sink": ("sank", "sunk"),
    "sit": ("sat", "sat"),
    "spin": ("spun", "spun"),
    "split": ("split", "split"),
    "spread": ("spread", "spread"),
    "steal": ("stole", "stolen"),
    "strike": ("struck", "struck"),
    "swim": ("swam", "swum"),
    "think": ("thought", "thought"),
    "throw": ("threw", "thrown"),
    "undergo": ("underwent", "undergone"),
    "understand": ("understood", "understood"),
    "undertake": ("undertook", "undertaken"),
    "wear": ("wore", "worn"),
    "withdraw": ("withdrew", "withdrawn"),
    "withstand": ("withstood", "withstood"),
}
# Forms that are far more often something else than a finite verb.
_NEVER_FINITE = frozenset(
    words("""
        found left set bore saw lay put cut read cost let hit cast bound spread split rose shut
        offset
    """)
)
_DOUBLED = frozenset(
    words("""
        ban clog compel control commit debut drop embed emit enrol equip map occur omit permit
        plan prefer propel refer regret rip rub scan ship skip slip stop strip submit tag tap
        transfer transmit trap trim wrap wed
    """)
) - {"debut"}


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

# Verbs that take no object: what follows them is when, where or how.
INTRANSITIVE = frozenset(
    words("happen occur die arise arrive emerge appear exist remain live rise fall sit stand lie")
)
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
        towards upon via off above below after before since until till despite throughout as
        than like regarding including
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
        if when while although though because since unless until whereas after before once as
        that which who whom whose where whether why how so and but or nor yet
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
        academic activist actor aide ally bassist brother champion chief co-founder cousin
        daughter defender driver drummer father footballer forward goalkeeper grandson
        grandson-in-law head husband leader midfielder mother nephew niece parliamentarian
        pitcher prisoner racer recipient referee rider rower sister son striker trustee uncle umpire
        wife winger winner actor actress agent analyst attorney cyclist consultant commissioner
        representative student secretary spy sailor captain councillor councilor legislator
        member nurse architect artist astronomer athlete author bishop broadcaster businessman
        businesswoman cellist chemist coach commander composer conductor cricketer critic dancer
        designer diplomat director doctor economist editor emperor engineer entrepreneur
        explorer farmer filmmaker footballer founder general golfer governor guitarist historian
        illustrator inventor journalist judge king lawyer lecturer linguist maintainer manager
        mathematician mayor merchant minister missionary model monk musician noble nobleman
        novelist officer official painter person philosopher photographer physician physicist
        pianist pilot player playwright poet politician priest president prince princess
        principal producer professor programmer psychologist publisher queen rapper researcher
        ruler scholar scientist screenwriter sculptor senator singer singer-songwriter
        skateboarder skier soldier songwriter surgeon swimmer teacher theologian trainer
        violinist wrestler writer
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
        add adjust allow apply attach avoid call check choose clean click close configure
        connect copy create delete detach disable disconnect do download drain dry edit empty
        enable ensure enter fasten fill follow hold insert inspect install keep leave lift load
        lower make measure mount move open perform place plug pour press print protect pull push
        put read refer release remove repeat replace reset restart return rinse run save select
        send set slide start stop store switch tighten transport try turn type unplug update
        upload use verify wait wash wipe write
    """)
)
# Words that open a sentence in capitals and are written small inside one.
COMMON_OPENERS = frozenset(
    words("""
        additional advanced all alternative ancient annual applications approximately areas
        basic big blue certain children civil clean cold common complete complex computer
        current data different digital direct early eastern efforts electric electrical
        electronic employees entire environmental events existing experts external fans federal
        female filming final financial first foreign free full further future general global
        good great green half heavy high hot human hundreds important improved increased
        independent individual industrial internal international large later legal light local
        long low main major male many medical members military minor mobile modern more most
        much multiple music national natural negative neural new newer normal northern numerous
        official oil old older online only optional original other others parents parts
        passenger people physical players political poor popular positive possible power
        previous primary private production professional public quick rail rapid raw recent
        recording red regional regular related religious remaining research residents rural
        scientists second secondary secure separate serious several short similar simple single
        small social soft software solar some southern special specific standard state strong
        students successful support symbolic teachers technical temporary third thousands total
        traditional trains typical unlike urban users various vehicles visitors visual voters
        warm water weak western white wild wind women wooden work workers young younger funding
        drinking raw tap filters pumps valves chlorine water
    """)
)
MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan\\.?|Feb\\.?|Mar\\.?|Apr\\.?|Jun\\.?|Jul\\.?|Aug\\.?|Sept?\\.?|Oct\\.?|Nov\\.?|Dec\\.?"
)
