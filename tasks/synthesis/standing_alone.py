"""Does a question that somebody worded freely stand alone, without the passage beside it?

`tasks.synthesis.rules` is stricter with the templates' questions, which never explain a pronoun.
A person or a model may: "When did Ada Lovelace publish her notes?" is fine, and so is
"华为的任正非在其自传中说了什么？".
"""

from __future__ import annotations

import re

from clara_model.text.normalise import to_simplified
from tasks.synthesis.word_classes import word_classes
from tasks.synthesis.wordlist import words
from tasks.text import HAN_CLASS

_QUOTED = re.compile(
    r"“[^”]*”|\"[^\"]*\"|「[^」]*」|『[^』]*』|《[^》]*》|`[^`]*`|‘[^’]*’"
    r"|(?<!\w)'[^']{2,}'(?!\w)|\*[^*]+\*"
)
_QUOTE = " Quoted "

_TOLD = (
    r"(?:mentioned|stated|described|discussed|listed|shown|given|provided|noted|presented"
    r"|explained|outlined|referenced|specified|depicted)"
)
_END = r"(?=\s*(?:[?,.!;]|$)|\s+(?:is|are|was|were|do|does|did|has|have|and|about)\b)"
_REFERS = re.compile(
    r"\b(?:according to|in|based on|per|within|throughout|by) (?:the|this|that) "
    r"(?:above |given |following |provided |same )?(?:text|passage|document|excerpt|chunk|snippet"
    r"|paragraph)\b(?![\w-]| (?:of|editor|processor|box|field|file|format|type|area|input|object"
    r"|store|database|window|layer|mode|body|root|tree|model|library|fragment))"
    r"|\bfrom the (?:passage|excerpt)\b"
    r"|\b(?:according to|in|on|from|based on|by) (?:the|this) (?:article|page|section|chapter"
    rf"|report|manual|guide|handbook|figure|image|picture|diagram|chart|photo|illustration){_END}"
    r"|\baccording to (?:the|this) (?:table|list|content|information|description|author|source)\b"
    r"|\b(?:this|the given|the above|the provided|the following|the attached) (?:text|passage"
    r"|document|article|paragraph|excerpt|chunk|section|chapter|manual|table|figure|image|picture"
    r"|diagram|chart|list|example|information|content|description)\b"
    r"|\bthe (?:figure|table|image|picture|diagram|chart|list|text|section|example)"
    r" (?:above|below)\b"
    rf"|\b(?:as )?{_TOLD} (?:above|below|earlier|previously|here)\b|\bas {_TOLD}(?=[,?])"
    rf"|\b{_TOLD} in the (?:text|passage|document|article|content|information|description"
    r"|context(?! of))\b"
    r"|^(?!.*\bwhere\b)(?!.*\bin which\b)"
    r".*\b(?:are|is|were|was) (?:mentioned|listed|discussed)\s*\?"
    r"|\bthe (?:text|passage|document|excerpt|article) (?:say|state|mention|describe|suggest"
    r"|explain|indicate|imply|discuss|refer|provide|give|list|present|claim|note|show|offer)"
    r"|\b(?:subject|topic|theme|focus|purpose|title|beginning|end|point|idea) of the"
    r" (?:text|passage|document|excerpt|paragraph)\b|\bthe document's\b"
    r"|\bthe (?:document|text|passage) (?:primarily |mainly )?about\b"
    r"|\b(?:does|did|do|is|was|are|were|according to|by) the (?:author|writer|speaker|narrator)\b"
    r"(?!,| (?:of|who|whose|that|and|named|called|associated)\b)"
    r"|\bwhich of the following\b|\bthe aforementioned\b"
    r"|\bthe (?:picture|chart|diagram|image|photo(?:graph)?|figure|table|illustration|graph"
    r"|screenshot|drawing|flow ?chart|manual|guide|handbook|report|section|chapter) (?:show|depict"
    r"|illustrate|display|explain|describe|list|say|state|mention|present|indicate|represent"
    r"|cover|recommend)s?\b"
    r"|\bthe (?:described|depicted|mentioned|pictured|shown) \w+"
    r"|\bthe given (?!names?\b)\w+",
    re.IGNORECASE,
)
# A number of a figure, table or section, but not "Section 230 of the Decency Act", "Section 8
# housing", "a table 2 metres long" or "a figure 8 knot".
_NUMBERED = re.compile(
    r"\b(?:figures?|figs?\.?|tables?|charts?|diagrams?)\s*(?:no\.?\s*)?"
    r"(?:[A-Z]?[.-]?\d+(?:[.-]\d+)*[a-z]?|(?-i:[A-Z]|[IVX]+))\b"
    r"(?!\s*(?:m|cm|mm|met(?:er|re)s?|feet|foot|inch(?:es)?|knots?|loops?|shaped?|patterns?)\b"
    r"|-\w| of (?:the )?(?-i:[A-Z]))"
    r"|\b(?:sections?|appendix|annex)\s*(?:[A-Z]?[.-]?\d+(?:\.\d+)*|(?-i:[A-Z]|[IVX]+))"
    r"(?=\s*(?:[?,;]|$)|\s+(?:is|are|was|were|do|does|did|has|have|and|about|show|say|describe|list"
    r"|explain|state|require|specify|cover|recommend)\b)",
    re.IGNORECASE,
)
# Checked against the borders of words: 文中 is no part of 中文中, nor 本文 of 日本文化.
_REFERS_ZH = re.compile(
    r"(?:根据|依据|按照|据|依)(?:上文|本文|该文|文中|文章|文档|原文|上述|以上|材料|文本|段落|短文|该段|此文"
    r"|资料|内容|描述|题目|所给|提供的|给出的|给定的|下文|图片|作者)(?!力学|科学)"
    r"|上文|下文|本文|文中|该文档|该文章|该文|本文档|这篇|这段|该段|本段|本章|本节|原文|所述|前述|上述"
    r"|(?:^|(?<=[，。、：；\s在据从]))(?:文档|文章|资料|材料|段落|文本|手册|报告|图片|图|表|表格)(?:中|里|内)"
    r"|上图|下图|上表|下表|如图(?:所示)?|该图|此图|图示|该表|此表|如下|如上|以下哪|以下[的]?内容"
    r"|(?<![\d岁元万亿千百十个名人天年月次米克度级倍成分秒页吨升 %％])以上"
    r"|(?<!的)作者(?:认为|指出|提到|强调|说|建议|如何|为什么|对|的)"
)
# Begins with a word, and may end within one: 图一中.
_NUMBERED_ZH = re.compile(
    r"附?(?:图表|[图表])\s*(?:[A-Z]?\d+(?:[.-]\d+)*(?![\d年月])"
    r"|[一二三四五六七八九十]{1,3}(?=[中里内列所显说给是的有展]|\W|$))"
    r"|第\s*\d+(?:\.\d+)+\s*[节章]|附录\s*(?:\d+|[A-Z]|[一二三四五六七八九十])(?!\w)"
    r"|(?:^|(?<=[，。、：；\s]))(?:从|由|在|根据)?(?:[这该此那])?(?:[张幅个份本]|一[张幅个])?"
    r"(?:图片|图像|图表|示意图|流程图|照片|插图|截图|手册|说明书|表格|表|图)[中里上]?(?:主要)?(?:显示|说明"
    r"|展示|描述|列出|介绍|表示|反映|呈现|描绘|解释|可以看出|能看出)"
    r"|(?<!未)给定的|所(?:描述|提到|列出|列|给出|给|示)的"
)
_SPLITS_FREELY = frozenset({"根据", "依据", "按照", "据", "依"})

_PERSON = r"he|she|him|his|her|hers|himself|herself"
_THING = r"it|its|they|them|their|theirs|itself|themselves"
_PRONOUN = re.compile(rf"\b(?:{_PERSON}|{_THING})\b", re.IGNORECASE)
_JUDGED = (
    r"(?:that|possible|necessary|important|recommended|better|best|advisable|safe|called|useful"
    r"|easy|hard|difficult|impossible|required|allowed|legal|essential|common|advised|for|so|more"
    r"|less|clear|true)"
)
_EXPLETIVE = re.compile(
    r"\b(?:is|was|does|did|can|could|will|would|should|may|might|makes?|made|take|took|taken) it"
    rf" (?:not )?(?:{_JUDGED}\b|(?:be|become) {_JUDGED}\b|to\b"
    r"|(?:take|cost|mean|matter)\b(?!\s*\?))"
    r"|\bit (?:is|was|takes?|took)\b",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"\b(?:this|these|those)\b(?! (?:year|century|days)\b)"
    r"(?! (?:who|that|which|of|in|with|from|under|over|aged|at|born)\b)"
    r"(?: (?P<noun>[a-z]{3,}))?",
    re.IGNORECASE,
)
_FORMER = re.compile(
    r"\bthe (?:former|latter)(?=\s*[?,.]|\s+(?:is|are|was|were|do|does|did|has)\b)"
)
_QUESTION_WORD = r"(?:what|which|whose|how many|how much)"
_NAMED = re.compile(r"(?<=[\w,’'\"] )[A-Z0-9][\w'’-]*|^(?:In|For|With|On|At|By|When|If) .*[A-Z]\w+")
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|should|will|would|must|may|might|shall)"
)
_NO_NOUN = rf"(?!{_AUXILIARY}\b|which\b|what\b|its?\b|this\b)"
_NOUN = re.compile(
    r"\b(?:the|a|an|your|each|every|all|of|any|in|for|with|between|from|to|on)"
    rf"\s+{_NO_NOUN}[a-z]{{3,}}",
    re.IGNORECASE,
)
# What is asked for explains a pronoun of another clause, and a possessive that it is the subject
# of: "Which pumps stop when they overheat?", "Which country lost its colonies?". It explains
# neither "What effect does it have?" nor "Which company makes them?".
_ASKED = re.compile(rf"\b{_QUESTION_WORD}\s+{_NO_NOUN}[a-z]{{3,}}(?P<rest>.*)$", re.IGNORECASE)
_ASKED_IS_OBJECT = re.compile(rf"^\s*(?:[a-z]+\s+)?{_AUXILIARY}\s*$", re.IGNORECASE)
_NEXT_CLAUSE = re.compile(
    r"\b(?:when|if|because|before|after|while|that|so|unless|until|once|and|or|but|since|although"
    r"|though|as|where|whether|who|than)\b|,",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"his|her|its|their|\w+sel(?:f|ves)", re.IGNORECASE)
# "Why do submarines need ... their", "How does coagulation lose its": a bare noun as the subject.
_BARE_SUBJECT = re.compile(
    r"\b(?:do|does|did|is|are|was|were|can|could|should|must|will|would|may|might|when|if|why"
    r"|where|how(?!\s+(?:long|often|heavy|fast|high|deep|large|much|many|wide|thick|thin|tall|short"
    r"|small|strong|hard|soft|soon|late|early|quick|slow|cold|warm|good|well|safe|dense|bright"
    r"|loud|close|near|likely|common|accurate|expensive|efficient|effective|reliable|important"
    r"|difficult|easy|popular|powerful|useful|stable|sensitive|dangerous|toxic|[a-z]+ly)\b))"
    rf"\s+(?!{_AUXILIARY}\b)(?P<noun>[a-z]{{4,}})\s+(?!\w*\?)\w+",
    re.IGNORECASE,
)
_NO_NOUNS = frozenset(
    words(
        "there they them this that these those such some many much most more anyone someone people "
        "been being have does will"
    )
)

_ZH_DEMONSTRATIVES = frozenset(
    words(
        "该 此 这 这个 这些 这种 这样 这里 这项 这次 这位 这家 这类 这款 这台 这一 这部 这座 这场 "
        "这本 此种 此类 那 那个 那些 那种 那里 那次 那位"
    )
)
_ZH_PRONOUNS = frozenset(words("它 它们 他 他们 她 她们 其 前者 后者 两者 二者 自己"))
_ZH_NOUN_TAGS = ("n", "eng", "l", "j", "i", "nz", "nr", "ns", "nt", "vn", "x_", "b", "s", "g", "un")
_ZH_NAME_TAGS = ("nr", "ns", "nt", "nz", "eng")


def refers_to_text(question: str) -> str:
    """The words that point at a text which the question's reader does not have, or ""."""
    plain = _QUOTED.sub(_QUOTE, question)
    if found := _REFERS.search(plain) or _NUMBERED.search(plain):
        return found[0]
    simple = to_simplified(plain)
    borders = _borders(simple)
    for found in _REFERS_ZH.finditer(simple):
        if found.start() in borders and found.end() in borders:
            return found[0]
        # 据 and 图中 are cut in other ways, but no word begins before them.
        if found.start() in borders and found[0][-1] in "中里内":
            return found[0]
    for found in _NUMBERED_ZH.finditer(simple):
        if found.start() in borders:
            return found[0]
    return ""


def dangling(question: str) -> str:
    """The first pronoun that nothing in the question explains, or ""."""
    plain = _QUOTED.sub(_QUOTE, question)
    return _dangling_english(_EXPLETIVE.sub(" ", plain)) or _dangling_chinese(to_simplified(plain))


def _dangling_english(plain: str) -> str:
    if found := _FORMER.search(plain):
        before = plain[: found.start()]
        return "" if _NAMED.search(before) or re.search(r"\b(?:and|or)\b", before) else found[0]
    for found in _POINTING.finditer(plain):
        before, noun = plain[: found.start()], found["noun"]
        repeated = noun and noun.lower().rstrip("s") in before.lower()
        if not repeated and not _NAMED.search(before):
            return found[0]
    found = _PRONOUN.search(plain)
    if found is None:
        return ""
    before, after = plain[: found.start()], plain[found.end() :]
    if _names_something(before) or _asked_explains(before, found[0]):
        return ""
    # "In its first year, how many pumps did Hydrotec sell?"
    introduces = "," not in before and "," in after and re.search(r"\s[A-Z]\w+", after)
    return "" if introduces else found[0]


def _names_something(before: str) -> bool:
    if _NAMED.search(before) or _NOUN.search(before):
        return True
    bare = _BARE_SUBJECT.search(before + " x x")
    return bare is not None and bare["noun"].lower() not in _NO_NOUNS


def _asked_explains(before: str, pronoun: str) -> bool:
    asked = _ASKED.search(before)
    if asked is None or _ASKED_IS_OBJECT.match(asked["rest"]):
        return False
    return bool(_POSSESSIVE.fullmatch(pronoun) or _NEXT_CLAUSE.search(asked["rest"]))


def _dangling_chinese(plain: str) -> str:
    if not re.search(f"[{HAN_CLASS}]", plain):
        return ""
    tagged = word_classes(plain)
    for index, (word, _) in enumerate(tagged):
        before = tagged[:index]
        if word in _ZH_DEMONSTRATIVES:
            noun, tag = tagged[index + 1] if index + 1 < len(tagged) else ("", "")
            if word == "该" and not tag.startswith(_ZH_NOUN_TAGS):
                continue  # 该如何: what should be done
            repeated = len(noun) > 1 and any(noun in other for other, _ in before)
            if not repeated and not any(_is_name(*item) for item in before):
                return word + noun
        elif word in _ZH_PRONOUNS and not any(_is_noun(*item) for item in before):
            return word
    return ""


def _is_name(word: str, tag: str) -> bool:
    return tag in _ZH_NAME_TAGS and len(word) > 1


def _is_noun(word: str, tag: str) -> bool:
    return tag.startswith(_ZH_NOUN_TAGS) and len(word) > 1


def _borders(text: str) -> frozenset[int]:
    """Where words begin and end."""
    position, found = 0, {0}
    for word, _ in word_classes(text):
        position += len(word)
        found.add(position)
    return frozenset(found)
