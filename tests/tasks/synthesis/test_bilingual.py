"""A question and its counterpart in the other language ask about the same things."""

from __future__ import annotations

import pytest

from tasks.synthesis.bilingual import differences


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("Marlin 20 的滤芯寿命是多久？", "How long does the cartridge of the Marlin 20 last?"),
        ("这1.5万名员工在哪里工作？", "Where do the 15,000 employees work?"),
        ("2018年5月推出了什么？", "What was introduced in May 2018?"),
        ("20世纪90年代发生了什么？", "What happened in the 1990s?"),
        ("第二次世界大战何时结束？", "When did World War II end?"),
        ("3个月后应更换什么？", "What must be replaced after three months?"),
        ("5公斤的泵需要多少电压？", "Which voltage does the 5 kg pump need?"),
        ("5千克的泵需要多少电压？", "Which voltage does the 5 kg pump need?"),
        ("第三季度收入是多少？", "What was the revenue in Q3?"),
        ("为什么双因素认证更安全？", "Why is two-factor authentication safer?"),
        ("三台泵中哪一台最大？", "Which of the three pumps is the biggest?"),
        ("百分之十五的水来自哪里？", "Where do 15 percent of the water come from?"),
        ("GPT-4o 有多少参数？", "How many parameters has GPT-4o?"),
        ("北京有多少人？", "How many people live in Beijing?"),
        ("320万人使用什么？", "What do 3.2 million people use?"),
    ],
)
def test_the_same_in_other_words(chinese: str, english: str) -> None:
    assert differences(chinese, english) == ()
    assert differences(english, chinese) == ()


@pytest.mark.parametrize(
    ("chinese", "english", "named"),
    [
        (
            "Marlin 30 的滤芯寿命是多久？",
            "How long does the cartridge of the Marlin 20 last?",
            "30",
        ),
        ("2018年5月推出了什么？", "What was introduced in June 2018?", "2018-05"),
        ("20世纪80年代发生了什么？", "What happened in the 1990s?", "1990"),
        ("12个月后应更换什么？", "What must be replaced after 12 weeks?", "week"),
        ("5克的样品放在哪里？", "Where is the 5 kg sample kept?", "kg"),
        ("GPT-4 有多少参数？", "How many parameters has GPT-4o?", "GPT-4o"),
        ("Tavira 推出了什么？", "What did the firm introduce?", "Tavira"),
        ("15万人使用什么？", "What do 15,000 people use?", "150000"),
    ],
)
def test_what_differs_is_named(chinese: str, english: str, named: str) -> None:
    assert named in differences(chinese, english)
