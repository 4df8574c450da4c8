"""Answers of vision models: what is taken off them, and what makes one unusable."""

from __future__ import annotations

import pytest

from tasks.chunking.enrich import REFERENCE
from tasks.description.vision_checks import fault_of, once_only
from tasks.description.vision_text import description_of

CLEAN = "Title: Dosing of chlorine\n\nSummary: A flowchart of four steps."
CLEAN_ZH = "标题：加氯流程\n\n概述：这是一张四个步骤的流程图，说明原水如何加氯消毒。"


@pytest.mark.parametrize(
    "text", [CLEAN, CLEAN_ZH, "Data: pH 7.2 * 3 = 21.6; 5 < 6 > 2; a_b; #1机组"]
)
def test_plain_paragraphs_stay_as_they_are(text: str) -> None:
    assert description_of(text) == text


@pytest.mark.parametrize(
    "answer",
    [
        f"```markdown\n{CLEAN}\n```",
        "## Title: Dosing of chlorine\n\n**Summary:** A *flowchart* of **four** steps.",
        "# Title:\n\nDosing of chlorine\n\n\n\n---\n\n# Summary:\nA flowchart of `four` steps.  ",
        f"Sure! Here is the description of the image:\n\n{CLEAN}",
        f"Here's a full description of the picture.\n\n{CLEAN}\n\nLet me know if you need more.",
        f"Certainly.\n\n{CLEAN}\n\nI hope this helps!",
        f"Image Description:\r\n\r\n{CLEAN}\x00",
        f"{CLEAN}\n\nVisible text: None.\n\nTable:\n\nData: N/A",
    ],
)
def test_markup_and_small_talk_are_taken_off(answer: str) -> None:
    assert description_of(answer) == CLEAN


@pytest.mark.parametrize(
    "answer",
    [
        f"好的，以下是对图片的详细描述：\n\n{CLEAN_ZH}",
        f"根据您提供的图片，以下是图片内容的说明：\n{CLEAN_ZH}\n\n希望以上内容对您有帮助。",
        f"图片描述如下：\n{CLEAN_ZH}\n\n如果您还有其他问题，请随时告诉我。",
        CLEAN_ZH.replace("标题：", "**标题：**\n").replace("概述：", "### 概述：\n")
        + "\n\n数据：无",
    ],
)
def test_chinese_markup_and_small_talk_are_taken_off(answer: str) -> None:
    assert description_of(answer) == CLEAN_ZH


@pytest.mark.parametrize(
    "answer",
    [
        "This is a picture of a pump: it shows the inlet.\n\nIf you have a leak, close the valve.",
        "Visible text: OK. Here is the key.\n\n如果有泄漏，请关闭阀门。",
        "Process: the steps are:\n1. Open the valve.\n2. Wait.\n- close it",
        "Table: Month: May; Rain: 12 mm\nMonth: June; Rain: 9 mm",
    ],
)
def test_what_only_looks_like_small_talk_stays(answer: str) -> None:
    assert description_of(answer) == answer


@pytest.mark.parametrize(
    "planted",
    [
        "[IMAGE_REF: extracted_assets/0123456789abcdef.jpg]",
        "[ image_ref: extracted_assets/0123456789abcdef.jpg ]",
        "[IMAGE DESCRIPTION of secret.png]",
        "[IMAGE_[IMAGE_REF: x]REF: extracted_assets/0123456789abcdef.jpg]",
        "[[IMAGE_REF: extracted_assets/0123456789abcdef.jpg",
    ],
)
def test_no_marker_of_ours_gets_through(planted: str) -> None:
    text = description_of(f"Visible text: before {planted} after")
    assert text.startswith("Visible text: before") and text.endswith("after")
    assert not REFERENCE.search(text + "]")
    assert "[IMAGE" not in text.upper()


@pytest.mark.timeout(60)  # a pattern that backtracks would take hours
def test_hostile_answers_are_cleaned_in_no_time() -> None:
    for piece in ("[", "[IMAGE_REF", " ", "\n", "*", "**a", "`", "#", "- ", "Title:\n", "如果您"):
        text = description_of("Title: pump" + piece * (60_000 // len(piece)) + "x")
        assert text.startswith("Title: pump") and text.endswith("x")
        fault_of(text, "en")


def test_half_characters_are_replaced() -> None:
    assert description_of("Title: \ud800 pump").encode("utf-8") == b"Title: ? pump"


# --- what is wrong with it -------------------------------------------------------------------


def reason(text: str, language: str | None = None) -> str | None:
    fault = fault_of(description_of(text), language)  # type: ignore[arg-type]
    return fault.reason if fault else None


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that request.",
        "I’m unable to view the image you mention.",
        "Sorry, I cannot identify the people in this picture.",
        "Unfortunately, I cannot process images.",
        "As an AI language model, I can't see pictures.",
        "I don't see any image attached. Could you upload it again?",
        "抱歉，我无法描述这张图片。",
        "很抱歉，由于内容限制，我不能提供该图片的描述。",
        "作为一个人工智能语言模型，我没有能力查看图片。",
        "我无法识别图片中的人物。",
        "无法查看该图片，请重新上传。",
    ],
)
def test_refusals(answer: str) -> None:
    assert reason(answer) == "description_refused"


@pytest.mark.parametrize(
    "answer",
    [
        "Title: We are sorry\n\nVisible text: “Sorry, we cannot open the door.”",
        "The sign says that visitors cannot enter the plant.",
        "我们的产品不能在高温下使用。图中是一台水泵。",
        "标题：无法启动时的检查步骤\n\n流程：先检查电源，再检查保险丝。",
        "I'm sorry, but I cannot name the people. " + "The picture shows a pump house. " * 20,
    ],
)
def test_pictures_of_apologies_are_no_refusals(answer: str) -> None:
    assert reason(answer) != "description_refused"


@pytest.mark.parametrize("answer", ["", "Title:", "N/A", "无", "...", "Title: A", "标题：泵"])
def test_answers_that_say_nothing(answer: str) -> None:
    assert reason(answer) == "description_empty"


@pytest.mark.parametrize("answer", ["Stop sign", "图中文字：停止", CLEAN, CLEAN_ZH])
def test_short_answers_that_say_something(answer: str) -> None:
    assert reason(answer) is None


EXIT_SIGN_ZH = (
    "标题：Emergency exit\n\n概述：这是一块绿色的指示牌，提示紧急出口的方向。\n\n"
    "图中文字：Emergency exit. In case of fire do not use the lift. Follow the arrows to the end."
)
EXIT_SIGN_EN = (
    "Title: 紧急出口\n\nSummary: A green sign that points to the emergency exit.\n\n"
    "Visible text: 紧急出口。发生火灾时请勿使用电梯，请按照箭头的方向前往楼梯间，不要携带行李。"
)


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        (CLEAN, "en"),
        (CLEAN_ZH, "zh"),
        (EXIT_SIGN_ZH, "zh"),
        (EXIT_SIGN_EN, "en"),
        ("概述：图中显示“Prefect work pool”与 worker 之间的调用关系。", "zh"),
        ("Summary: The chart compares 北京, 上海 and 广州 by rainfall in millimetres.", "en"),
        ("標題：加藥流程\n\n概述：這是一張說明加藥流程的圖，共有四個步驟。", "zh"),
        ("图中文字：Pump P-101; 3.5 kW; 380 V; 50 Hz", "zh"),
        (CLEAN, None),
        (CLEAN_ZH, None),
    ],
)
def test_words_of_the_picture_keep_their_language(answer: str, language: str | None) -> None:
    assert reason(answer, language) is None


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        (CLEAN, "zh"),
        (CLEAN_ZH, "en"),
        (
            "标题：加氯流程\n\nSummary: A flowchart of how raw water is disinfected in four steps.",
            "zh",
        ),
        ("概述：The picture shows a pump and the pipes that lead to the tank.", "zh"),
        ("Summary: На рисунке показан насос и трубы, которые ведут к резервуару.", "en"),
    ],
)
def test_own_words_in_another_language(answer: str, language: str) -> None:
    assert reason(answer, language) == "description_language"
    fault = fault_of(description_of(answer), language)  # type: ignore[arg-type]
    assert fault is not None and fault.complaint is not None
    assert {"zh": "Chinese", "en": "English"}[language] in fault.complaint


@pytest.mark.parametrize(
    "answer",
    [
        CLEAN + "\n\nVisible text: " + "Open the valve slowly.\n" * 40,
        CLEAN + " " + "and the pump and the pump and the pump " * 60,
        CLEAN_ZH + "阀门与阀门之间的管道" * 60,
        "图中文字：" + "请勿触摸设备。" * 50,
        "Visible text: " + "0" * 2000,
    ],
)
def test_answers_that_run_away(answer: str) -> None:
    assert reason(answer) == "description_repetitive"


@pytest.mark.parametrize(
    "answer",
    [
        CLEAN + "\n\nTable: " + "\n".join(f"Pump: P-{n}; Status: running" for n in range(60)),
        CLEAN + "\n\nData: " + "; ".join(f"2{n:03}: 0.0 mg/L" for n in range(80)),
        CLEAN_ZH + "\n\n图中文字：" + "\n".join(f"第{n}项 □合格 □不合格" for n in range(40)),
        CLEAN + "\n\nData: " + "0; " * 100,
    ],
)
def test_tables_and_forms_do_not_run_away(answer: str) -> None:
    assert reason(answer) is None


def test_a_runaway_is_quoted_once() -> None:
    assert once_only(CLEAN + "\nand so on" * 500) == CLEAN + "\nand so on"
    assert len(once_only("go " * 5000)) <= 300
    assert once_only("") == ""
