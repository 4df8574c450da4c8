"""What a text states and its passage does not hold: numbers, dates, names; in both languages."""

from __future__ import annotations

import pytest

from tasks.synthesis.grounding import Ground

ENGLISH = Ground(
    "The Marlin 20 filter was introduced on 22 May 2018 by Tavira Instruments, an Italian firm. "
    "It held 1.5 million litres and cost $15,000, a price 12 percent lower, and 26,827 were sold. "
    "Dr. Helen Brandt of the World Health Organization tested twelve units at -25 °C in the 1990s, "
    "at 3 pm, from 1998-99, with GPT-4o and an ESP32. It weighs 4,200 g; 5 to 6 million were made."
)
CHINESE = Ground(
    "云岭净水厂2003年3月建成，日供水1.5万立方米，投资3.2亿元，占百分之十五。王芳教授在《水质研究》中指出，"
    "阿尔贝托·罗西在二十世纪九十年代提出了三级处理法。世界卫生组织建议余氯为0.5毫克每升，水泵功率15千瓦，滤芯寿命十二个月。"
)


@pytest.mark.parametrize(
    "text",
    [
        "1,500,000 litres",
        "1.5 million litres",
        "15 thousand dollars",
        "12 %",
        "26,827 units",
        "12 units",
        "twelve units",
        "22 May 2018",
        "2018-05-22",
        "May 2018",
        "the nineties of the 1990s",
        "1999",
        "at 3:00",
        "Helen Brandt",
        "Dr. Brandt's test",
        "the WHO",
        "firms of Italy",
        "GPT 4o and ESP-32",
        "4200 g",
        "5 million",
        "In short, it works. However, Tavira sold it.",
        "Yes, it does.",
    ],
)
def test_what_an_english_passage_holds_in_another_spelling(text: str) -> None:
    assert ENGLISH.missing(text) == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("1.6 million litres", "1.6 million"),
        ("22 May 2019", "2019-05-22"),
        ("June 2018", "2018-06"),
        ("the 1980s", "1980"),
        ("13 %", "13"),
        ("Dr. Mary Brandt tested it", "Mary"),
        ("Tested by Greta Holm", "Greta"),
        ("Marlin 30", "30"),
        ("an ESP8266", "ESP8266"),
        ("approved by NASA", "NASA"),
        ("John Stone", "John"),
        ("sold in France", "France"),
    ],
)
def test_what_an_english_passage_does_not_hold_is_named(text: str, named: str) -> None:
    assert named in ENGLISH.missing(text)


@pytest.mark.parametrize(
    "text",
    [
        "15,000立方米",
        "15000 立方米",
        "一万五千立方米",
        "１．５万立方米",
        "3.2亿元",
        "320,000,000元",
        "15%",
        "百分之十五",
        "二〇〇三年三月",
        "2003年3月",
        "20世纪90年代",
        "90年代",
        "12个月",
        "15kW",
        "15千瓦",
        "王芳教授",
        "《水质研究》",
        "阿尔贝托·罗西",
        "世界衛生組織",
        "有三种方法",
        "每一台水泵",
        "這座淨水廠日供水1.5萬立方米",
    ],
)
def test_what_a_chinese_passage_holds_in_another_spelling(text: str) -> None:
    assert CHINESE.missing(text) == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("1.6万立方米", "16000"),
        ("2004年3月", "2004-03"),
        ("2003年4月", "2003-04"),
        ("20世纪80年代", "20世纪80年代"),
        ("百分之十六", "16"),
        ("陈建国教授认为", "陈建国"),
        ("由张伟发明", "张伟"),
        ("《水质日报》", "水质日报"),
        ("艾萨克·牛顿", "艾萨克·牛顿"),
        ("世界贸易组织", "世界贸易组织"),
        ("使用Docker部署", "Docker"),
        ("15万千瓦", "150000"),
        ("2003年12月", "2003-12"),
    ],
)
def test_what_a_chinese_passage_does_not_hold_is_named(text: str, named: str) -> None:
    assert named in CHINESE.missing(text)


def test_an_answer_to_who_is_a_name() -> None:
    assert CHINESE.missing("李明", "谁提出了三级处理法？") == ("李明",)
    assert CHINESE.missing("王芳", "谁写了《水质研究》？") == ()
    # Not asked who, it may be a word that only looks like a name.
    assert CHINESE.missing("李明", "三级处理法叫什么？") == ()


def test_words_that_the_segmenter_takes_for_names_are_none() -> None:
    ground = Ground("滤池里装有沙子，用来过滤水中的杂质，它很深。")
    assert ground.missing("石英砂滤池的深度越积越大，江水在高峰时流入。") == ()


def test_a_heading_may_be_named_where_the_question_names_it() -> None:
    ground = Ground("It weighs 5 kg.", ("Marlin 20",))
    question = "How much does the Marlin 20 weigh?"
    assert ground.missing("The Marlin 20 weighs 5 kg.", question) == ()
    assert ground.missing("The Marlin 20 weighs 5 kg.") == ("20", "Marlin")
    assert ground.missing("The Marlin 30 weighs 5 kg.", question) == ("30",)


def test_numbers_of_a_question_may_come_from_the_headings() -> None:
    ground = Ground("It lasts 12 months.", ("Marlin 20",))
    assert ground.missing_numbers("Marlin 20 的滤芯12个月后要怎样？") == ()
    assert ground.missing_numbers("Marlin 30 的滤芯要怎样？") == ("30",)


def test_marie_is_not_maria_but_american_is_america() -> None:
    ground = Ground("They met Maria Johnson in America and in Spain.")
    assert ground.missing("They met Marie there.") == ("Marie",)
    assert ground.missing("They met Miss Johnston there.") == ("Miss", "Johnston")
    assert ground.missing("The American and Spanish people.") == ()


def test_a_table_in_thousands() -> None:
    ground = Ground("单位：万元\n| 年份 | 收入 |\n| 2019 | 350 |")
    assert ground.missing("2019年收入为350万元。") == ()
    assert ground.missing("2019年收入为360万元。") == ("3600000",)


def test_nothing_is_missing_from_an_empty_text() -> None:
    assert Ground("").missing("") == ()
    assert Ground("").missing("15 kg of Nordvik") != ()


def test_versions_are_compared_whole_and_dates_by_their_parts() -> None:
    ground = Ground("Version 3.9.1 of the driver came on 22.11.2026, at 10.0.0.7.")
    for said in ("version 3.9.1", "22 November 2026", "22.11.2026", "10.0.0.7"):
        assert ground.missing(f"It is {said}.") == ()
    assert ground.missing("It is version 3.9.2.") == ("3.9.2",)
    assert ground.missing("It is 23 November 2026.") == ("2026-11-23",)


@pytest.mark.parametrize(
    "text", ["٣ pumps", "½ of 1.5.", "thouſand 3-5 thouſands", "\x00 '98", "《》"]
)
def test_odd_characters_break_nothing(text: str) -> None:
    assert Ground(text).missing(text) == ()


@pytest.mark.parametrize(
    ("passage", "acronym"),
    [
        ("消毒的强度用CT值表示", "CT"),
        ("消毒的强度用 CT 值表示", "CT"),
        ("余氯的测定可采用DPD法进行", "DPD"),
        ("当浊度高于5NTU时停止进水", "NTU"),
        ("混凝时投加PAC作为药剂", "PAC"),
        ("出水经UV消毒后供给用户", "UV"),
        ("数据经USB接口导出", "USB"),
        ("厂内以AI系统预测用水", "AI"),
        ("该程序支持iOS设备", "iOS"),
        ("计算由CPU/GPU共同完成", "CPU"),
        ("计算由CPU/GPU共同完成", "GPU"),
    ],
)
def test_an_acronym_between_han_characters_is_held(passage: str, acronym: str) -> None:
    ground = Ground(passage)
    assert ground.missing(passage) == ()
    assert ground.missing(f"原文提到的是{acronym}。") == ()
    assert ground.missing(f"原文提到的是 {acronym} 。") == ()
    assert acronym in Ground(passage.replace(acronym, "某物")).missing(passage.replace(" ", ""))[0]
    assert ground.missing("厂内另设XQV系统") == ("XQV",)


@pytest.mark.parametrize(
    ("passage", "text"),
    [
        ("It lasts two and a half times as long.", "2.5 times"),
        ("It lasts 2 and a half times as long.", "2.5倍"),
        ("速度是原来的两倍半", "2.5倍"),
        ("静置两个半小时", "2.5小时"),
        ("约七至八成的用户满意", "70%至80%"),
        ("约两成人口受影响", "20%"),
        ("约七、八成的用户满意", "70%至80%"),
        ("约八成半的用户满意", "85%"),
        ("约十分之七的用户满意", "70%"),
        ("四分之三的用户满意", "75%"),
        ("Half of the users agreed.", "50%"),
        ("一半的用户满意", "50%"),
        ("Wait half an hour.", "30 minutes"),
        ("Allow a half-hour pause.", "30 minutes"),
        ("静置半个小时", "30分钟"),
        ("Keep it at 5 °C.", "It is kept at 5 degrees Celsius."),
        ("水温保持5℃", "It is kept at 5 degrees Celsius."),
        ("水温保持5摄氏度", "It is kept at 5 degrees Celsius."),
    ],
)
def test_shares_halves_and_degrees_in_other_words(passage: str, text: str) -> None:
    assert Ground(passage).missing(text) == ()


@pytest.mark.parametrize(
    ("passage", "text", "named"),
    [
        ("It lasts two and a half times as long.", "3.5 times", "3.5"),
        ("约七至八成的用户满意", "90%", "90"),
        ("约八成的用户满意", "85%", "85"),
        ("由三成分组成", "30%", "30"),
        ("一成不变的做法", "10%", "10"),
        ("静置两个半小时", "30分钟", "30"),
        ("It lasts two and a half times as long.", "50%", "50"),
        ("In the second half of the year it rose.", "50%", "50"),
        ("十分之七的用户满意", "60%", "60"),
        ("Filed on 3/4/2019.", "75%", "75"),
        ("经过半年运行", "50%", "50"),
        ("Half of the users agreed.", "30 minutes", "30"),
        ("Keep it at 5 °C.", "5 degrees Fahrenheit", "Fahrenheit"),
        ("Keep it at 5 °F.", "5 degrees Celsius", "Celsius"),
    ],
)
def test_other_shares_halves_and_degrees_are_missing(passage: str, text: str, named: str) -> None:
    assert named in " ".join(Ground(passage).missing(text))
