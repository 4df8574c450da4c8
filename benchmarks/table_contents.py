"""Ten kinds of table, in English and in Chinese: their texts, figures and merged cells."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TruthCell:
    row: int
    col: int
    text: str
    row_span: int = 1
    col_span: int = 1


def _plain(header: list[str], body: list[list[str]]) -> list[TruthCell]:
    return [
        TruthCell(r, c, text) for r, row in enumerate([header, *body]) for c, text in enumerate(row)
    ]


def _specification(rng: random.Random, zh: bool) -> dict[str, Any]:
    rows = [
        (
            "Operating voltage",
            "工作电压",
            "220",
            "V",
            "Single phase, 50 Hz or 60 Hz",
            "单相，五十或六十赫兹",
        ),
        (
            "Rated power",
            "额定功率",
            "1800",
            "W",
            "At an ambient temperature of 25 degrees",
            "环境温度二十五度时测得",
        ),
        ("Net weight", "净重", "12.6", "kg", "Without accessories", "不含附件"),
        (
            "Noise level",
            "噪声",
            "58",
            "dB",
            "Measured one metre in front of the unit at full load",
            "满载时在设备正前方一米处测得",
        ),
        ("Water tank", "水箱容积", "1.5", "L", "", ""),
        ("Protection class", "防护等级", "IP54", "", "Dust and splash water", "防尘防溅水"),
        (
            "Cable length",
            "电缆长度",
            "3.0",
            "m",
            "A longer cable is available on request",
            "可按需提供更长的电缆",
        ),
        ("Storage temperature", "储存温度", "-20 to 60" if not zh else "-20 至 60", "°C", "", ""),
        (
            "Warranty",
            "保修期",
            "24",
            "months" if not zh else "月",
            "From the date of purchase",
            "自购买之日起",
        ),
    ]
    picked = rows[: rng.randint(6, 9)]
    header = ["参数", "数值", "单位", "说明"] if zh else ["Parameter", "Value", "Unit", "Remarks"]
    body = [[r[1] if zh else r[0], r[2], r[3], r[5] if zh else r[4]] for r in picked]
    return {"cells": _plain(header, body), "numeric": (1,), "weights": (3, 2, 1.2, 4)}


def _price_list(rng: random.Random, zh: bool) -> dict[str, Any]:
    goods = [
        ("Ballpoint pen, blue", "蓝色圆珠笔"),
        ("Copy paper A4, 500 sheets", "复印纸 A4 五百张"),
        ("Stapler", "订书机"),
        ("Whiteboard marker", "白板笔"),
        ("Desk lamp", "台灯"),
        ("Ring binder, 4 cm", "活页夹"),
        ("Laser toner", "激光碳粉"),
        ("Envelope C5", "信封"),
    ]
    header = (
        ["序号", "名称", "数量", "单价", "金额"]
        if zh
        else ["No.", "Item", "Qty", "Unit price", "Amount"]
    )
    cells = _plain(header, [])
    total = 0.0
    count = rng.randint(5, 8)
    for row, (en, cn) in enumerate(goods[:count], start=1):
        quantity, price = rng.randint(1, 60), rng.randint(100, 9900) / 100
        total += quantity * price
        texts = [
            str(row),
            cn if zh else en,
            str(quantity),
            f"{price:.2f}",
            f"{quantity * price:,.2f}",
        ]
        cells += [TruthCell(row, c, text) for c, text in enumerate(texts)]
    cells.append(TruthCell(count + 1, 0, "合计" if zh else "Total", col_span=4))
    cells.append(TruthCell(count + 1, 4, f"{total:,.2f}"))
    return {"cells": cells, "numeric": (2, 3, 4), "weights": (1, 4, 1.2, 1.8, 2)}


def _timetable(rng: random.Random, zh: bool) -> dict[str, Any]:
    days = (
        ["星期一", "星期二", "星期三", "星期四", "星期五"]
        if zh
        else ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    )
    lessons = (
        ["数学", "语文", "英语", "物理", "化学", "体育", "音乐"]
        if zh
        else ["Maths", "English", "History", "Physics", "Biology", "Sports", "Music"]
    )
    cells = _plain(["时间" if zh else "Time", *days], [])
    slots = ["08:00", "09:00", "10:00", "11:00", "12:00", "13:00", "14:00"]
    double = rng.randrange(5)
    for row, slot in enumerate(slots, start=1):
        cells.append(TruthCell(row, 0, slot))
        if slot == "12:00":
            cells.append(TruthCell(row, 1, "午休" if zh else "Lunch break", col_span=5))
            continue
        for day in range(5):
            if day == double and slot == "11:00":
                continue
            span = 2 if day == double and slot == "10:00" else 1
            text = ("实验" if zh else "Laboratory") if span == 2 else rng.choice(lessons)
            cells.append(TruthCell(row, day + 1, text, row_span=span))
    return {"cells": cells, "weights": (1.2, 2, 2, 2, 2, 2)}


def _two_level_header(rng: random.Random, zh: bool) -> dict[str, Any]:
    items = [
        ("Electronics", "电子产品"),
        ("Household goods", "家居用品"),
        ("Clothing", "服装"),
        ("Food and drink", "食品饮料"),
        ("Books", "图书"),
        ("Toys", "玩具"),
    ]
    sub = ["收入", "利润"] if zh else ["Revenue", "Profit"]
    cells = [
        TruthCell(0, 0, "部门" if zh else "Division", row_span=2),
        TruthCell(0, 1, "2024 年" if zh else "2024", col_span=2),
        TruthCell(0, 3, "2025 年" if zh else "2025", col_span=2),
    ]
    cells += [TruthCell(1, 1 + c, sub[c % 2]) for c in range(4)]
    for row, (en, cn) in enumerate(items[: rng.randint(4, 6)], start=2):
        cells.append(TruthCell(row, 0, cn if zh else en))
        cells += [TruthCell(row, c, f"{rng.randint(80, 9800):,}") for c in range(1, 5)]
    return {"cells": cells, "header_rows": 2, "numeric": (1, 2, 3, 4), "weights": (3, 2, 2, 2, 2)}


def _comparison(rng: random.Random, zh: bool) -> dict[str, Any]:
    features = [
        ("Offline mode", "离线模式"),
        ("Shared folders", "共享文件夹"),
        ("Version history", "历史版本"),
        ("Two-factor login", "双重验证"),
        ("Priority support", "优先支持"),
        ("Storage", "存储空间"),
        ("Custom domain", "自定义域名"),
    ]
    plans = ["免费版", "专业版", "企业版"] if zh else ["Free", "Professional", "Enterprise"]
    words = ["支持", "不支持", "可选"] if zh else ["Yes", "No", "Optional"]
    body = []
    for en, cn in features[: rng.randint(5, 7)]:
        values = [rng.choice(words) for _ in range(3)]
        if en == "Storage":
            values = ["5 GB", "200 GB", "不限" if zh else "Unlimited"]
        body.append([cn if zh else en, *values])
    return {"cells": _plain(["功能" if zh else "Feature", *plans], body), "weights": (3, 2, 2, 2)}


def _grouped_rows(rng: random.Random, zh: bool) -> dict[str, Any]:
    groups = [
        (("Fruit", "水果"), [("Apple", "苹果"), ("Pear", "梨"), ("Orange", "橙子")]),
        (("Vegetables", "蔬菜"), [("Carrot", "胡萝卜"), ("Spinach", "菠菜")]),
        (("Dairy", "奶制品"), [("Milk", "牛奶"), ("Yoghurt", "酸奶"), ("Cheese", "奶酪")]),
        (("Cereals", "谷物"), [("Rice", "大米"), ("Oats", "燕麦")]),
    ]
    header = (
        ["类别", "品名", "能量（千卡）", "蛋白质（克）"]
        if zh
        else ["Group", "Food", "Energy (kcal)", "Protein (g)"]
    )
    cells = _plain(header, [])
    row = 1
    for (en, cn), foods in groups[: rng.randint(3, 4)]:
        cells.append(TruthCell(row, 0, cn if zh else en, row_span=len(foods)))
        for food_en, food_cn in foods:
            cells.append(TruthCell(row, 1, food_cn if zh else food_en))
            cells.append(TruthCell(row, 2, str(rng.randint(20, 400))))
            cells.append(TruthCell(row, 3, f"{rng.randint(2, 250) / 10:.1f}"))
            row += 1
    return {"cells": cells, "numeric": (2, 3), "weights": (2, 2, 2, 2)}


def _troubleshooting(rng: random.Random, zh: bool) -> dict[str, Any]:
    cases = [
        (
            "The unit does not start",
            "The mains plug is not inserted or the fuse has blown",
            "Insert the plug; have the fuse checked by an electrician",
            "设备无法启动",
            "电源插头未插好，或者保险丝已经熔断",
            "插好插头，并请电工检查保险丝是否完好",
        ),
        (
            "Water leaks from the tank",
            "The seal of the tank is worn",
            "Replace the seal and clean its seat",
            "水箱漏水",
            "水箱的密封圈已经磨损",
            "更换密封圈并清洁密封槽",
        ),
        (
            "Loud noise during operation",
            "Foreign objects have entered the fan or a bearing is damaged",
            "Switch off, remove the objects, and call customer service if the noise remains",
            "运行时噪声过大",
            "风扇内有异物，或者轴承已经损坏",
            "关闭电源后清除异物，若噪声仍然存在请联系客户服务部门",
        ),
        (
            "The display shows E4",
            "The temperature sensor is faulty",
            "Contact customer service",
            "显示屏显示 E4",
            "温度传感器发生故障",
            "联系客户服务部门",
        ),
        (
            "Weak suction",
            "The filter is clogged",
            "Wash the filter and let it dry for 24 hours before use",
            "吸力不足",
            "过滤网堵塞",
            "清洗过滤网，晾干二十四小时后再使用",
        ),
    ]
    header = ["故障现象", "可能原因", "处理方法"] if zh else ["Symptom", "Possible cause", "Remedy"]
    offset = 3 if zh else 0
    body = [list(case[offset : offset + 3]) for case in cases[: rng.randint(4, 5)]]
    return {"cells": _plain(header, body), "weights": (2.2, 3, 3)}


def _sections(rng: random.Random, zh: bool) -> dict[str, Any]:
    sections = [
        (
            ("Northern region", "北部地区"),
            [("Harbin", "哈尔滨"), ("Shenyang", "沈阳"), ("Beijing", "北京")],
        ),
        (
            ("Southern region", "南部地区"),
            [("Guangzhou", "广州"), ("Shenzhen", "深圳"), ("Nanning", "南宁")],
        ),
        (("Western region", "西部地区"), [("Chengdu", "成都"), ("Xi'an", "西安")]),
    ]
    header = (
        ["城市", "一季度", "二季度", "三季度", "四季度"] if zh else ["City", "Q1", "Q2", "Q3", "Q4"]
    )
    cells = _plain(header, [])
    row = 1
    for (en, cn), cities in sections[: rng.randint(2, 3)]:
        cells.append(TruthCell(row, 0, cn if zh else en, col_span=5))
        row += 1
        for city_en, city_cn in cities:
            cells.append(TruthCell(row, 0, city_cn if zh else city_en))
            cells += [TruthCell(row, c, f"{rng.randint(100, 9999) / 10:.1f}") for c in range(1, 5)]
            row += 1
    return {"cells": cells, "numeric": (1, 2, 3, 4), "weights": (3, 1.6, 1.6, 1.6, 1.6)}


def _contacts(rng: random.Random, zh: bool) -> dict[str, Any]:
    people = [
        ("Anna Bergmann", "王晓明", "Purchasing", "采购部"),
        ("David O'Neill", "李芳", "Sales", "销售部"),
        ("Mei Tanaka", "陈志强", "Research and development", "研发部"),
        ("Carlos Ruiz", "赵敏", "Logistics", "物流部"),
        ("Ingrid Solberg", "孙丽华", "Human resources", "人力资源部"),
        ("Peter Novak", "周建国", "Quality assurance", "质量管理部"),
        ("Julia Rossi", "吴桐", "Finance", "财务部"),
    ]
    header = ["姓名", "部门", "电话", "邮箱"] if zh else ["Name", "Department", "Phone", "E-mail"]
    body = []
    for number, person in enumerate(people[: rng.randint(5, 7)]):
        phone = f"010-{rng.randint(1000, 9999)}-{rng.randint(1000, 9999)}"
        body.append([person[zh], person[2 + zh], phone, f"contact{number + 1}@example.com"])
    return {"cells": _plain(header, body), "weights": (2, 2.6, 2.2, 3.2)}


def _results(rng: random.Random, zh: bool) -> dict[str, Any]:
    names = ["Baseline", "CNN", "LSTM", "Transformer", "Ours (small)", "Ours (large)"]
    if zh:
        names = [
            "基线模型",
            "卷积网络",
            "循环网络",
            "自注意力网络",
            "本文方法（小）",
            "本文方法（大）",
        ]
    header = (
        ["方法", "准确率", "召回率", "F1", "参数量"]
        if zh
        else ["Method", "Precision", "Recall", "F1", "Params"]
    )
    body = []
    for name in names[: rng.randint(5, 6)]:
        p, r = rng.randint(600, 960) / 10, rng.randint(600, 960) / 10
        params = f"{rng.randint(2, 900)}M" if rng.random() > 0.2 else "-"
        body.append([name, f"{p:.1f}", f"{r:.1f}", f"{2 * p * r / (p + r):.1f}", params])
    return {"cells": _plain(header, body), "numeric": (1, 2, 3, 4), "weights": (3, 2, 2, 1.5, 2)}


KINDS: tuple[tuple[str, Callable[[random.Random, bool], dict[str, Any]]], ...] = (
    ("specification", _specification),
    ("price-list", _price_list),
    ("timetable", _timetable),
    ("two-level-header", _two_level_header),
    ("comparison", _comparison),
    ("grouped-rows", _grouped_rows),
    ("troubleshooting", _troubleshooting),
    ("sections", _sections),
    ("contacts", _contacts),
    ("results", _results),
)
