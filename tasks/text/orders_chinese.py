"""Orders to a model in Chinese, in text in plain form.

As in English, what is an order only as an order must stand where one stands: where a clause
begins, or behind 请, 你必须 and the like, and not behind 不要, 可以 or 将.
"""

from __future__ import annotations

import re
from re import Match, Pattern

from clara_model.text.scripts import HAN_CLASS
from tasks.text.orders_context import clause_before, sentence_before

_DROP = (
    "(?:忽略|无视|忽视|不要理会|不用理会|不必理会|别理会|不要管|不用管|忘记|忘掉|忘了|抛开|抛弃|丢弃"
    "|不要遵守|不要遵循|不再遵守|不再遵循|停止遵守|停止遵循|不要听从|违背|绕过|推翻|ignore|disregard)"
)
_EARLIER = (
    "(?:之前|以前|先前|此前|上面|以上|上述|前面|前述|前文|上文|原有|原来|原先|原始|既有|系统|所有|一切"
    "|全部|任何|你|您|开发者|已有|过去|早先|初始)"
)
_ANY = "(?:我|的|给|给出|收到|这些|那些|给定|设定|和|及|与|以及|或|安全|提供|输入|被|到|过|中)"
_TOLD = (
    "(?:指令|指示|命令|提示词|提示语|系统提示|系统消息|人设|角色设定|设定|规则|准则|约束|限制|prompts?"
    "|instructions?)"
)
_AI = "(?:ai|人工智能|语言模型|大模型|聊天机器人|机器人|智能助手|助手|助理|gpt|chatgpt|dan|模型)"
_AI_ITSELF = f"{_AI}(?!的|操作|维护|维修|工程|管理|训练|用户|开发)"
_FREE = "(?:不受(?:任何)?(?:限制|约束)|没有(?:任何)?限制|无限制|越狱)"
_TELL = "(?:输出|透露|泄露|展示|显示|告诉我|重复|打印|公开|说出|写出|复述|给出|发送|提供|翻译|总结)"


def _han(pattern: str) -> Pattern[str]:
    """A pattern whose blanks stand for gaps."""
    return re.compile(pattern.replace(" ", r"[\W_]{0,3}"))


_EVERYWHERE = (
    _han(
        r"你现在(?:是(?!否|不是|在)|就是|变成|成为) (?:一)?[个名位只台]? "
        f".{{0,12}}?(?:{_AI_ITSELF}|{_FREE})"
    ),
    _han(r"你现在(?:是|就是) (?:一)?[个名位只]? (?:黑客|海盗|猫娘|翻译官?|专家|诗人)"),
    _han(
        r"你现在(?:是|就是).{1,20}?[,。.;] 你?(?:请|只能?|必须|需要|要|应当?|将)"
        "(?:只)?(?:用|以)?.{0,8}?(?:回答|回复|输出|扮演)"
    ),
    _han(
        r"从(?:现在|此刻)(?:起|开始) 你(?:就)?(?:是|将|要|必须|只能?|需要|应当?|不再).{0,16}?"
        f"(?:回答|回复|输出|扮演|{_AI}|{_FREE})"
    ),
    _han(f"扮演 .{{0,8}}?(?:ai|人工智能|语言模型|{_FREE}|dan)"),
    _han(
        "作为 (?:一)?[个名位]? (?:ai|人工智能|大?语言模型|大模型|智能助手)(?:ai|助手|助理|模型)? "
        "你(?:必须|应该|应当|应|需要|要|只能|不得|不能|将)"
    ),
    _han(f"如果你是 (?:一)?[个名位]? {_AI_ITSELF}"),
    _han("(?:你|您)的(?:系统|初始|隐藏)(?:提示词|提示(?=是|为|[::?])|prompt)"),
    _han(r"(?:^|\n)[\W_]*(?:新的?)?系统提示词?[::=]"),
    _han(f"(?:致|写给)(?:所有|各位)?(?:阅读.{{0,6}})?(?:{_AI})(?:们|读者)? [::]"),
)
_AS_AN_ORDER = (
    _han(f"{_DROP} (?:{_ANY} ){{0,4}}(?:{_EARLIER} )(?:{_ANY} |{_EARLIER} ){{0,7}}{_TOLD}"),
    _han(
        f"{_DROP} (?:{_EARLIER} |的 ){{1,4}}(?:内容|文字|文本|话|信息|上下文|对话|说明)"
        "(?=[,。.;、 ]{0,2}(?:并|然后|只|仅|直接|现在|改为|转而|输出|回答|回复|告诉|从现在))"
    ),
    _han(f"{_DROP} (?:以上|上述|上文|前面|之前) 的? (?:所有|一切|全部)(?![{HAN_CLASS}])"),
    _han(
        f"{_TELL} (?:出 )?(?:你|您|你们)的? (?:全部|完整|所有|隐藏|内部|初始|原始|的){{0,5}}"
        "(?:系统提示(?!信息|音|框|用户|符)|系统指令|提示词|初始指令|隐藏指令|内部指令|prompt)"
    ),
    _han(
        f"{_TELL} (?:出 )?(?:全部|完整|所有|隐藏|内部|初始|原始|的){{0,5}}"
        "(?:系统提示词|系统prompt|system prompt)"
    ),
)
# 无视上述要求: not in a sentence that says when.
_DEMANDS = _han(
    f"{_DROP} (?:{_ANY} ){{0,2}}(?:{_EARLIER} )(?:{_ANY} |{_EARLIER} ){{0,5}}(?:要求|规定|指引)"
)
_CONDITION = re.compile("如果|若|如|倘若|假如|要是|的情况下|时")
_NOT = re.compile(
    "(?:不要|不应该?|不应当|不得|不可以?|切勿|勿|别|不能|不会|不必|不该|不需要?|无需|请勿|严禁|禁止|不|没"
    "|可|可以|能|能够|会|将|被|已|自动|允许|以便|避免|防止|从而)$"
)
_BEFORE_AN_ORDER = re.compile(
    "(?:请|你|您|们|必须|务必|需要?|应该?|应当|要|现在|立即|立刻|马上|直接|并且?|然后|首先|接下来|都|就|全部"
    "|完全|彻底|从|此|起|开始|先|给我|帮我|麻烦|烦请|让|叫|ai|助手|助理|模型|统统|一定|也|还|再|来|,|、)*"
)
_CLAUSE_BREAK = re.compile(r"[。！？；：，、,.!?;:\"'“”‘’()\[\]【】《》「」\n*#>|/—-]")


def chinese_orders(text: str) -> bool:
    """Whether a text in plain form (`plain_form`) gives orders to a model."""
    if any(pattern.search(text) for pattern in _EVERYWHERE):
        return True
    for pattern in _AS_AN_ORDER:
        if any(_stands_as_order(text, found) for found in pattern.finditer(text)):
            return True
    return any(
        _stands_as_order(text, found) and not _CONDITION.search(sentence_before(text, found))
        for found in _DEMANDS.finditer(text)
    )


def _stands_as_order(text: str, found: Match[str]) -> bool:
    before = clause_before(text, found, _CLAUSE_BREAK).strip()
    if _NOT.search(before):
        return False
    return bool(_BEFORE_AN_ORDER.fullmatch(before) or re.search("请|你|您", before))
