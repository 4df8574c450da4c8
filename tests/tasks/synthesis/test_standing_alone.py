"""Which freely worded questions need a passage beside them."""

from __future__ import annotations

import pytest

from tasks.synthesis.standing_alone import dangling, refers_to_text


@pytest.mark.parametrize(
    "question",
    [
        "What is shown in Table 2?",
        "What does Figure 1 show?",
        "What does Section 4.1 describe?",
        "Which limits apply under Section 4.1?",
        "What does the picture show?",
        "What does the manual explain?",
        "In the described process, what is added first?",
        "What does the given CT value mean for a pump?",
        "表1列出了什么？",
        "图2中的阀门是什么颜色？",
        "附表2给出了哪些限值？",
        "第4.1节规定了什么？",
        "图一中有什么？",
        "图片显示了什么？",
        "这幅图说明了什么？",
        "给定的阈值是多少？",
    ],
)
def test_a_question_that_points_at_a_text_or_a_part_of_it_is_found(question: str) -> None:
    assert refers_to_text(question)


@pytest.mark.parametrize(
    "question",
    [
        "What does the pressure gauge show?",
        "What does Table Mountain look like?",
        "What does Section 230 of the Communications Decency Act protect?",
        "Who may apply for Section 8 housing?",
        "How is a figure 8 knot tied?",
        "What is the given name of the founder of Hydrotec?",
        "表面活性剂有什么作用？",
        "劳动合同法第4条规定了什么？",
        "仪表3显示的压力是多少？",
        "中国地图2020年版有多少页图？",
        "压力表显示了什么？",
        "心电图说明了什么？",
    ],
)
def test_a_name_or_a_thing_of_its_own_is_no_part_of_a_text(question: str) -> None:
    assert not refers_to_text(question)


@pytest.mark.parametrize(
    "question",
    [
        "How long does it last?",
        "How often must it be cleaned?",
        "How often should it be cleaned?",
        "How heavy is it?",
        "How deep is it?",
        "How much does it cost?",
        "How much must it weigh?",
        "Which company makes them?",
        "What effect does it have?",
        "它有多重？",
    ],
)
def test_a_pronoun_that_nothing_explains_is_found(question: str) -> None:
    assert dangling(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which country lost its colonies?",
        "Which pumps stop when they overheat?",
        "How does coagulation lose its effect?",
        "How long does it take to fill the tank?",
        "Why is it important to clean the filter?",
        "Should it be possible to open the valve by hand?",
        "How often must a filter be cleaned before it is replaced?",
        "水泵在它停机之前运行了多久？",
    ],
)
def test_a_pronoun_that_the_question_explains_is_kept(question: str) -> None:
    assert not dangling(question)
