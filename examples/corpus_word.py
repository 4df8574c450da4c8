"""The Word documents: a Chinese manual on disinfection, and a bilingual glossary."""

from __future__ import annotations

import io

from corpus_figures import dpd_scale, filter_section, hocl_chart, png_bytes
from corpus_office import chinese_document, fill_table, word_bytes

PRINCIPLE = [
    "氯气和次氯酸钠加入水中以后，都生成次氯酸（HOCl）。次氯酸的一部分电离成次氯酸根（OCl-）。两者"
    "合称游离氯，但是杀菌能力相差很大：次氯酸不带电荷，容易穿过细菌的细胞壁，因此对大肠埃希氏菌的"
    "杀灭效果约为次氯酸根的80至100倍。",
    "两者的比例由pH值决定。25 ℃时，pH值为7.54，两者各占一半；pH值为7.0时，次氯酸约占78%；pH值升到"
    "8.0，次氯酸只剩26%。所以世界卫生组织建议，加氯接触时pH值应低于8，接触至少30分钟后，游离氯不"
    "低于0.5 mg/L。",
]

BREAKPOINT = (
    "水中含有氨时，氯先与氨化合，生成一氯胺等化合氯。继续加氯，化合氯被氧化分解，余氯反而下降，降"
    "到最低的一点叫做折点。超过折点以后再加的氯，才全部成为游离氯。按质量计算，理论上氧化1 mg氨氮"
    "约需7.6 mg氯，实际运行中常取8至10倍。因此原水的氨氮突然升高时，必须及时提高加氯量。"
)

CONTACT = [
    "消毒的强度用CT值表示，即余氯浓度C（mg/L）与接触时间T（分钟）的乘积。T不是水在池中的平均停留"
    "时间，而是最先流过的10%的水所用的时间，记作T10。没有导流墙的水池，T10只有停留时间的十分之一；"
    "导流墙完善的水池可以达到十分之七，所以清水池中要设导流墙。",
    "按照美国环保署的规定，水温10 ℃时，用游离氯灭活99.99%的病毒，CT值需要6 mg·min/L；灭活99.9%的"
    "贾第鞭毛虫，pH值为7、余氯为1 mg/L时，CT值需要112 mg·min/L。水温每降低10 ℃，所需的CT值约增加"
    "一倍，因为低温下反应变慢。因此同一座水厂冬季的余氯要比夏季高，或者延长接触时间。",
]

STORAGE = [
    "液氯钢瓶应存放在阴凉、通风的库房里，避免日晒，满瓶与空瓶分开放置。氯气的密度约为空气的2.5倍，"
    "泄漏时会聚集在低处，所以加氯间的排风口设在靠近地面的位置，漏氯报警仪的探头也装在低处。",
    "次氯酸钠溶液会自行分解，温度越高、光线越强、浓度越大，分解越快，同时生成氯酸盐。因此一次不宜"
    "购入过多，储存时间以不超过一周为好，投加以前要重新测定有效氯。次氯酸钠溶液不得与酸或三氯化铁"
    "混放，否则会放出氯气。",
]

STEPS = [
    "测定滤后水的pH值、水温、浑浊度和氨氮。浑浊度高于0.5 NTU时，先检查滤池。",
    "根据需氯量试验确定投加量。投加量等于需氯量加上要求的余氯。",
    "启动加氯机或计量泵，投加点设在清水池进口，保证与水充分混合。",
    "接触30分钟以后，在清水池出口取样，用DPD法测定游离氯。",
    "出厂水游离氯低于0.3 mg/L时提高投加量，高于1.0 mg/L时降低投加量，并做好记录。",
]

FILTER_TEXT = (
    "消毒以前，水必须先经过滤池。双层滤料滤池的上层是无烟煤，下层是石英砂。无烟煤的密度约为1.5 "
    "g/cm³，石英砂为2.65 g/cm³，由于无烟煤较轻，反冲洗以后它仍然留在上层。粗大的絮体截留在无烟煤"
    "层，细小的截留在石英砂层，整个滤层都得到利用，所以过滤周期比单层砂滤池长。快滤池的滤速一般为"
    "5至15 m/h，慢滤池只有0.1至0.4 m/h。"
)

COLOUR_TEXT = (
    "DPD与游离氯反应，生成粉红色的化合物，氯越多，颜色越深。加入试剂以后应在一分钟内读数，"
    "因为时间一长，水样中的一氯胺也会慢慢显色，使结果偏高。"
)

COMPARISON = [
    ["方式", "优点", "缺点", "主要副产物"],
    ["游离氯", "成本低，管网中能保持余量", "对隐孢子虫基本无效", "三卤甲烷、卤乙酸"],
    ["一氯胺", "在管网中持续时间长", "杀菌慢", "亚硝基二甲胺"],
    ["二氧化氯", "受pH值影响小", "须现场制备", "亚氯酸盐、氯酸盐"],
    ["臭氧", "杀菌快，能除嗅味", "在水中不能持久", "溴酸盐"],
    ["紫外线", "对隐孢子虫有效，不产生副产物", "无持续消毒能力", "无"],
]

RESPONSE = [
    ["现象", "可能的原因", "处理"],
    ["出厂水余氯突然下降", "原水氨氮升高，或计量泵堵塞", "检查计量泵，提高加氯量"],
    ["管网末梢余氯低于0.05 mg/L", "水龄过长，管壁有沉积物", "冲洗管道，必要时中途补氯"],
    ["用户反映有氯味", "投加过量，或折点加氯不足产生三氯化氮等", "核对投加曲线，测定化合氯"],
]

GLOSSARY = [
    ["English", "中文", "Unit 单位", "Limit in GB 5749-2022 限值"],
    ["turbidity", "浑浊度", "NTU", "1"],
    ["free chlorine (residual)", "游离氯（余量）", "mg/L", "0.3 至 2（出厂水）"],
    ["total hardness", "总硬度", "mg/L (CaCO3)", "450"],
    ["total dissolved solids", "溶解性总固体", "mg/L", "1000"],
    ["fluoride", "氟化物", "mg/L", "1.0"],
    ["bromate", "溴酸盐", "mg/L", "0.01"],
]

PAIRS = [
    (
        "Jar test",
        "烧杯试验",
        "A jar test finds the best dose of coagulant. Six beakers of raw water receive rising "
        "doses, are stirred fast and then slowly, and are left to settle. The lowest dose that "
        "gives clear water is chosen, because a higher dose would cost more without removing "
        "more.",
        "烧杯试验用来确定混凝剂的最佳投加量。六个烧杯装入原水，依次加入由少到多的混凝剂，先快速搅"
        "拌，再慢速搅拌，然后静置沉淀。选用能使水变清的最低投加量，因为再多加也不能除去更多的杂质，"
        "只会增加成本。",
    ),
    (
        "Backwash",
        "反冲洗",
        "A rapid filter is cleaned by sending water upwards through the bed. The bed expands by "
        "20 to 30 %, and the grains rub against one another and shed their deposits. A slow sand "
        "filter is never backwashed: its top one to two centimetres of sand are scraped off "
        "instead.",
        "快滤池的清洗方法是让水由下向上流过滤层。滤层膨胀20%至30%，滤料互相摩擦，把沉积物洗掉。"
        "慢滤池从不反冲洗，而是刮去表面一至二厘米的砂。",
    ),
    (
        "Ultraviolet disinfection",
        "紫外线消毒",
        "Ultraviolet light of about 254 nm damages the DNA of microorganisms, so that they can "
        "no longer multiply. It stops Cryptosporidium, which chlorine does not. It leaves no "
        "residual, and therefore some chlorine is still added before the water enters the mains.",
        "波长约254 nm的紫外线破坏微生物的DNA，使它们不能繁殖。紫外线能灭活隐孢子虫，而氯做不到。"
        "紫外线不留余量，因此水进入管网以前仍要加少量的氯。",
    ),
    (
        "Sludge",
        "污泥",
        "The flocs that settle form sludge with 0.5 to 2 % of dry solids. It is thickened, "
        "pressed and taken to a landfill or a brick works. The water that is won back returns to "
        "the head of the plant.",
        "沉淀下来的絮体形成污泥，含固率为0.5%至2%。污泥经过浓缩和压滤，运去填埋或制砖，回收的水送"
        "回水厂进口。",
    ),
]


def disinfection_manual() -> bytes:
    """DOCX in simplified Chinese: headings, pictures, tables, one with a picture in a cell."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm

    document = chinese_document("饮用水消毒操作手册")

    def figure(png: bytes, width_cm: float, caption: str) -> None:
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.keep_with_next = True
        paragraph.add_run().add_picture(io.BytesIO(png), width=Cm(width_cm))
        captioned(caption)

    def captioned(caption: str) -> None:
        paragraph = document.add_paragraph(caption, style="Caption")
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.keep_with_next = caption.startswith("表")

    def grid(rows: list[list[str]], columns: int) -> None:
        table = document.add_table(len(rows), columns, style="Table Grid")
        fill_table(table, rows)
        document.add_paragraph()

    document.add_heading("饮用水消毒操作手册", 0)
    document.add_paragraph(
        "本手册适用于以地表水为水源的水厂，说明加氯消毒的原理、操作步骤和异常情况的处理。"
        "余量和限值按照《生活饮用水卫生标准》（GB 5749-2022）执行。"
    )
    document.add_heading("1 消毒以前的过滤", 1)
    document.add_paragraph(FILTER_TEXT)
    figure(png_bytes(filter_section(), 48), 8.8, "图1　双层滤料快滤池")
    document.add_heading("2 氯消毒的原理", 1)
    document.add_heading("2.1 次氯酸与pH值", 2)
    for paragraph in PRINCIPLE:
        document.add_paragraph(paragraph)
    labels = {
        "title": "25 ℃时游离氯中次氯酸的比例",
        "x": "pH值",
        "y": "次氯酸占游离氯的百分比",
        "curve": "次氯酸",
        "half": "pH 7.54：次氯酸与次氯酸根各半",
    }
    figure(png_bytes(hocl_chart(labels), 64), 9.6, "图2　次氯酸的比例随pH值变化")
    document.add_heading("2.2 折点加氯", 2)
    document.add_paragraph(BREAKPOINT)
    document.add_heading("2.3 接触时间与CT值", 2)
    for paragraph in CONTACT:
        document.add_paragraph(paragraph)
    document.add_heading("3 操作步骤", 1)
    for step in STEPS:
        document.add_paragraph(step, style="List Number")
    document.add_heading("4 余氯的检测", 1)
    document.add_paragraph(COLOUR_TEXT)
    captioned("表1　取样点和要求")
    table = document.add_table(4, 3, style="Table Grid")
    fill_table(
        table,
        [
            ["取样点", "游离氯要求", "说明"],
            ["清水池出口（出厂水）", "不低于0.3 mg/L，不高于2 mg/L", "通常每小时检测一次"],
            ["管网末梢", "不低于0.05 mg/L", "每月至少检测两次"],
            ["比色卡", "", "DPD显色：从左到右，氯逐渐增多"],
        ],
    )
    table.cell(3, 1).paragraphs[0].add_run().add_picture(
        io.BytesIO(png_bytes(dpd_scale(), 32)), width=Cm(5)
    )
    document.add_paragraph()
    document.add_heading("5 消毒方式的比较", 1)
    captioned("表2　五种消毒方式")
    grid(COMPARISON, 4)
    document.add_heading("6 异常情况的处理", 1)
    captioned("表3　常见异常与处理")
    grid(RESPONSE, 3)
    document.add_heading("7 药剂的储存", 1)
    for paragraph in STORAGE:
        document.add_paragraph(paragraph)
    return word_bytes(document)


def bilingual_glossary() -> bytes:
    """DOCX in English and Chinese, paragraph by paragraph, with a table of terms."""
    document = chinese_document("Water treatment terms 水处理术语")
    document.add_heading("Water treatment terms 水处理术语", 0)
    document.add_paragraph(
        "This sheet explains four working terms in both languages and lists the names of common "
        "water quality parameters."
    )
    document.add_paragraph("本资料用两种语言解释四个常用术语，并列出常见水质指标的名称。")
    for english_term, chinese_term, english, chinese in PAIRS:
        document.add_heading(f"{english_term} {chinese_term}", 1)
        document.add_paragraph(english)
        document.add_paragraph(chinese)
    document.add_heading("Parameters 指标", 1)
    table = document.add_table(len(GLOSSARY), 4, style="Table Grid")
    fill_table(table, GLOSSARY)
    return word_bytes(document)
