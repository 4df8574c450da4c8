"""Which questions over two hops are kept."""

from __future__ import annotations

import pytest

from tasks.jobs import PairInPassage, PairsToJoin
from tasks.two_hops.checks import rejection_of
from tests.tasks.two_hops.linked_corpus import GOOD, TEXTS


def _joined(first: int, second: int, entity: str, language: str) -> PairsToJoin:
    pairs = [
        PairInPassage(passage=TEXTS[at][1], question=TEXTS[at][2][0][0], answer=TEXTS[at][2][0][1])
        for at in (first, second)
    ]
    return PairsToJoin(
        key="k",
        language=language,
        entity=entity,
        first=pairs[0],
        second=pairs[1],  # type: ignore[arg-type]
    )


ENGLISH = _joined(0, 1, "Frigo compressor", "en")
CHINESE = _joined(2, 3, "极光压缩机", "zh")


@pytest.mark.parametrize(
    ("item", "question"),
    [
        (ENGLISH, GOOD["en"]),
        (ENGLISH, "What is used as a refrigerant by the compressor of Plant 7?"),
        (ENGLISH, "In the plant that was built in 1998, Plant 7, which refrigerant cools?"),
        (CHINESE, GOOD["zh"]),
        (CHINESE, "为九号厂房降温的那台压缩机以什么为制冷剂？"),
        (CHINESE, "冷卻九號廠房的壓縮機使用什麼製冷劑？"),
    ],
)
def test_a_question_that_needs_both_pairs_is_kept(item: PairsToJoin, question: str) -> None:
    assert rejection_of(question, item) is None


@pytest.mark.parametrize(
    ("item", "question", "reason"),
    [
        (ENGLISH, "Which refrigerant does the Frigo compressor of Plant 7 use?", "names-entity"),
        (ENGLISH, "Which refrigerant does the FRIGO unit of Plant 7 use?", "names-entity"),
        (ENGLISH, "Does the compressor that cools Plant 7 use ammonia?", "names-answer"),
        (ENGLISH, "Which refrigerant does the compressor that cools Plant 8 use?", "ungrounded"),
        (ENGLISH, "Which refrigerant does Carrier's compressor of Plant 7 use?", "ungrounded"),
        (ENGLISH, "Which compressor cools Plant 7?", "one-hop"),
        (ENGLISH, "Which refrigerant is used?", "one-hop"),
        (ENGLISH, "冷却七号厂房的压缩机使用什么制冷剂？", "question-language"),
        (
            ENGLISH,
            "According to the passage, which refrigerant does the compressor of Plant 7 use?",
            "question-refers-to-text",
        ),
        (ENGLISH, "Name the refrigerant of the compressor that cools Plant 7.", "question-form"),
        (ENGLISH, "</think> Which refrigerant does Plant 7's compressor use?", "question-markup"),
        (CHINESE, "极光压缩机使用什么制冷剂？", "names-entity"),
        (CHINESE, "九号厂房的極光機組使用什么制冷剂？", "names-entity"),
        (CHINESE, "九号厂房的压缩机使用丙烷吗？", "names-answer"),
        (CHINESE, "冷却十二号厂房的压缩机使用什么制冷剂？", "ungrounded"),
        (CHINESE, "九号厂房由哪台压缩机冷却？", "one-hop"),
        (CHINESE, "Which refrigerant does the compressor of Plant 9 use?", "question-language"),
        (CHINESE, "根据上文，冷却九号厂房的压缩机使用什么制冷剂？", "question-refers-to-text"),
    ],
)
def test_a_question_that_breaks_a_rule_is_refused(
    item: PairsToJoin, question: str, reason: str
) -> None:
    rejection = rejection_of(question, item)
    assert rejection is not None
    assert rejection.reason == reason
    assert rejection.detail.rstrip(".").endswith(question) or reason.startswith("question-")
