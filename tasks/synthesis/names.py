"""Names in a text that can be told with certainty: a missed name is better than a false one.

Latin script: words with a capital that no sentence gave them, acronyms, codes with digits.
Chinese: titles in 《》, transliterated names with a ·, persons with their title (王芳教授), persons
who do what only persons do (由张伟发明), institutions that the segmenter knows. The segmenter's
persons and places alone are not used: it takes 石英砂 for a person and 深度 for a place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from clara_model.text.normalise import to_simplified
from tasks.synthesis.word_classes import word_classes
from tasks.synthesis.wordlist import words
from tasks.text import HAN_CLASS, normalise

_LETTER = r"A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_WORD = re.compile(
    rf"(?<![{_LETTER}\d_@/.])(?:[{_LETTER}]\.){{2,}}|(?<![{_LETTER}\d_@/])[{_LETTER}\d]+"
    rf"(?:[.&+#_/'’-]+[{_LETTER}\d]+)*[+#]*"
)
_URL = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+", re.ASCII)
# Where a capital belongs to the sentence and not to the word.
_OPENS_SENTENCE = re.compile(r"(?:^|[.!?:;。！？：；\n•*>|]|[-–—] )[\s\"'“‘(\[«*_#\-\d.)]*$")
# Dr. Brandt, C. S. Lewis: the stop ends no sentence.
_ABBREVIATED = re.compile(r"(?<!\w)(?:Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|Gen|Col|Sen|[A-Z])\.\s*$")
_MATH = re.compile(r"[{}\\^=]")
_NO_NAMES = frozenset(
    words("""
    a an the of and or in on at to by for from with as is are was were be not no yes it its he she
    they we you i this that these those there here when where what who why how which if but so
    both either neither none all each every some any more most less least first second third one
    two three four five six seven eight nine ten many much also because since while after before
    during however therefore thus only other another such than then vs via per etc na ok mr mrs ms
    dr prof st ii iii iv vi vii viii ix am pm ad bc ce bce
    """)
)
# What an answer may write in letters where the passage writes Chinese or a sign.
_UNIT_SIGNS = frozenset(
    words("""
    mm cm km nm mg kg ml mpa kpa hpa hz khz mhz ghz kb mb gb tb kbps mbps gbps kw mw gw kwh mwh mah
    ah kv mv ma db ph ppm ppb rpm psi kcal cal kj mj nm usd rmb cny eur gbp usa uk us eu un id tv pc
    """)
)

_TITLE = re.compile(r"《([^《》]{1,60})》")
_HAN_WORD = f"[{HAN_CLASS}]"
_DOTTED = re.compile(rf"{_HAN_WORD}{{1,8}}(?:[·•・‧]{_HAN_WORD}{{1,8}})+")
_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡"
    "贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱"
    "汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢岳齐"
    "梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋甘"
    "景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖"
    "符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺"
)
_PERSON_TITLE = (
    "先生|女士|小姐|夫人|教授|博士|院士|医生|律师|老师|将军|总统|总理|主席|部长|省长|市长|书记"
    "|董事长|总经理|总裁|经理|导演|工程师|研究员|主任|校长|院长|局长|同志"
)
_TITLED = re.compile(rf"(?P<name>{_HAN_WORD}{{2,4}}?)(?:{_PERSON_TITLE})")
_PERSON_VERBS = frozenset(
    words(
        "说 表示 认为 指出 写道 提出 发明 创立 创办 创建 担任 出任 当选 出生 去世 逝世 毕业 撰写 "
        "执导 主演 率领 主张 回忆 强调"
    )
)
_PERSON_NOUNS = frozenset(
    words(
        "作者 导演 创始人 发明者 发明人 总统 总理 主席 董事长 总经理 教授 博士 院士 工程师 科学家 "
        "作家 演员 歌手 画家 诗人 队长 校长 院长 市长 部长 首席执行官 创立者 研究员"
    )
)


def latin_names(text: str) -> Iterator[str]:
    """Names, acronyms and codes in Latin letters, as they stand."""
    plain = _URL.sub(" ", text)
    only_names = _is_row_of_names(plain)
    for match in _WORD.finditer(plain):
        word = re.sub(r"['’]s$", "", match[0]).strip(".'’-/_")
        if not word or word.lower() in _NO_NAMES or word.lower() in _UNIT_SIGNS:
            continue
        if _MATH.search(plain[max(0, match.start() - 1) : match.end() + 1]):
            continue
        if is_code(word) or _is_acronym(word):
            yield from word.split("/")
        elif word[0].isupper() and len(word) > 1:
            # In Chinese no sentence gives a capital.
            before = plain[max(0, match.start() - 80) : match.start()]
            beside_han = re.search(rf"{_HAN_WORD}\s?$", before) or re.match(
                rf"\s?{_HAN_WORD}", plain[match.end() : match.end() + 2]
            )
            opens = _OPENS_SENTENCE.search(before) and not _ABBREVIATED.search(before[-8:])
            if only_names or beside_han or not opens:
                yield from _parts(word)


def _parts(word: str) -> Iterator[str]:
    """The capitalised parts of a compound: Bilbao and Abando."""
    for part in re.split(r"[-/–]", word):
        if len(part) > 1 and part[0].isupper() and part.lower() not in _NO_NAMES:
            yield part


def _is_row_of_names(text: str) -> bool:
    """A text such as "Jane Smith and Nordvik AB": there every capital belongs to a name."""
    found = [word for word in re.findall(rf"[{_LETTER}]+", text) if word.lower() not in _NO_NAMES]
    return 2 <= len(found) <= 8 and all(word[0].isupper() for word in found)


def is_code(word: str) -> bool:
    """Letters and digits in one word, that no unit explains: GPT-4o, H2O, ESP32."""
    letters = any(character.isalpha() for character in word)
    return letters and any(c.isdigit() for c in word) and not word[0].isdigit()


def _is_acronym(word: str) -> bool:
    capitals = sum(character.isupper() for character in word)
    return capitals >= 2 and word.replace(".", "").isalnum()


def chinese_names(text: str) -> Iterator[str]:
    """Names in Chinese, in simplified characters."""
    plain = to_simplified(text)
    yield from (match[1] for match in _TITLE.finditer(plain))
    yield from (match[0] for match in _DOTTED.finditer(plain))
    for match in _TITLED.finditer(plain):
        yield from _titled_person(match["name"])
    tagged = word_classes(plain)
    for index, (word, tag) in enumerate(tagged):
        if (tag == "nt" and len(word) >= 4) or (
            tag.startswith("nr") and _looks_like_person(word) and _acts(tagged, index)
        ):
            yield word


def person_answer(question: str, answer: str) -> str | None:
    """The answer where it is nothing but a Chinese person's name, and the question asks who."""
    if not re.search("谁|哪位|哪一位|誰", question):
        return None
    name = to_simplified(answer).strip(" 。.")
    tagged = word_classes(name)
    if len(tagged) == 1 and tagged[0][1].startswith("nr") and _looks_like_person(name):
        return name
    return None


def _titled_person(words: str) -> Iterator[str]:
    """The name that ends where the title begins: 张伟 of 由张伟(教授)."""
    tagged = word_classes(words)
    if tagged and tagged[-1][1].startswith("nr") and _looks_like_person(tagged[-1][0]):
        yield tagged[-1][0]


def _looks_like_person(word: str) -> bool:
    return 2 <= len(word) <= 3 and word[0] in _SURNAMES


def _acts(tagged: list[tuple[str, str]], index: int) -> bool:
    """Whether a person's verb follows the word, or a person's role stands before it."""
    following = tagged[index + 1][0] if index + 1 < len(tagged) else ""
    before = tagged[index - 1][0] if index else ""
    return following in _PERSON_VERBS or before in _PERSON_NOUNS


# The words of a corpus come again and again, and each costs a normalisation.
@lru_cache(maxsize=1 << 16)
def comparable(name: str) -> str:
    """A name without what spellings differ in: case, accents, spaces, hyphens and dots."""
    plain = unicodedata.normalize("NFKD", normalise(name))
    return "".join(c for c in plain if c.isalnum() and not unicodedata.combining(c))
