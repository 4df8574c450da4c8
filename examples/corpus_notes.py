"""The small files beside the documents: two Markdown notes, a web page and a workbook."""

from __future__ import annotations

import io

from corpus_office import same_bytes_every_time, set_properties

# Two files of this name lie in two folders, with different content.
MANUALS_OVERVIEW = """\
# Which manual to open

| Question | Document |
| --- | --- |
| How much coagulant does the raw water need? | Jar Test Procedure |
| When is a rapid filter washed? | Conventional Treatment of Surface Water, section 3 |
| How is the chlorine residual measured? | 饮用水消毒操作手册 |
| Which limits apply in China? | 生活饮用水卫生标准要点 |

## Who is responsible

The shift operator measures turbidity and free chlorine and changes the doses. The laboratory runs
the jar test every morning, because the river can change overnight. The duty engineer decides
whether water is sent into the mains when a limit is exceeded.

## Units

- NTU: nephelometric turbidity units, measured by scattered light.
- mg/L: milligrams in a litre; in water this is the same as parts per million by mass.
- CT: milligrams a litre times minutes.
- Log: 1 log is a reduction by 90 %, 2 log by 99 %, 3 log by 99.9 %.
"""

REPORTS_OVERVIEW = """\
# Milestones of safe water

- 1804: John Gibb builds a filter in Paisley, Scotland, and sells the water that his bleachery does
  not need.
- 1829: James Simpson completes a slow sand filter for the Chelsea Waterworks Company in London.
- 1854: John Snow traces a cholera outbreak to a pump in Broad Street in London. His map shows that
  the disease came from water and not from bad air.
- 1883: The Yangshupu waterworks in Shanghai begins to supply water, the first modern one in China.
- 1906: Nice treats its drinking water with ozone.
- 1908: Jersey City is the first city in the United States to chlorinate its water permanently.
- 1965: Water from the Dongjiang river reaches Hong Kong; Coalinga in California opens the first
  municipal reverse osmosis plant.
- 1993: Cryptosporidium in the water of Milwaukee makes an estimated 403,000 people ill.
- 2023: The standard GB 5749-2022 comes into force in China on 1 April.

The order is no accident. Filtration came before disinfection because turbid water could be seen,
while bacteria were understood only after the work of Robert Koch in the 1880s.
"""

QUESTIONS_ZH = """\
# 用户常问的问题

## 自来水为什么有氯味？

水厂在水中保留少量的氯，是为了防止细菌在管网中繁殖。
按照GB 5749-2022，管网末梢的游离氯不得低于0.05 mg/L。
把水烧开，或者敞口放置一段时间，氯味就会消失，因为氯容易挥发。

## 水烧开以后为什么有水垢？

水中含有钙和镁的碳酸氢盐。加热时，碳酸氢钙分解，生成不溶于水的碳酸钙，附着在壶壁上，就是水垢。
水的硬度越高，水垢越多。总硬度的限值是450 mg/L，水垢对健康没有危害，用食醋就能除去。

## 刚放出来的水为什么发白？

管道中压力较高，空气溶解在水里；水流出龙头以后压力下降，空气变成细小的气泡，水就显得发白。
静置几分钟，水会从底部开始变清，这种水可以放心饮用。如果是泥沙造成的浑浊，静置以后底部会有沉淀。

## 早晨的水为什么有时发黄？

水在铁管中停留一夜，管壁的铁锈溶入或脱落到水中，所以发黄。打开龙头放水，等水变清以后再用；
放出的水可以冲洗厕所。铁的限值是0.3 mg/L，超过以后水有铁腥味，洗涤的衣物会染上锈色。

## 有土霉味是怎么回事？

夏季水库中的蓝藻大量生长，产生2-甲基异莰醇和土臭素。每升水只要含有约10纳克，人就能闻到。
水厂用粉末活性炭吸附，或者用臭氧氧化来除去它们；游离氯几乎不起作用。

| 现象 | 原因 | 做法 |
| --- | --- | --- |
| 氯味 | 余氯 | 烧开或静置 |
| 水垢 | 碳酸钙 | 用食醋清洗 |
| 发白 | 空气 | 静置几分钟 |
| 发黄 | 铁锈 | 放水到变清 |
"""

HISTORY_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>How chlorine came to drinking water</title></head>
<body>
<h1>How chlorine came to drinking water</h1>
<p>In 1897 bleaching powder was used for a short time to disinfect the mains of Maidstone in
England after an outbreak of typhoid fever. Lincoln followed in 1905, where Alexander Houston
treated the water with sodium hypochlorite during another typhoid epidemic.</p>
<h2>Jersey City</h2>
<p>Permanent chlorination in the United States began on 26 September 1908 at the Boonton reservoir
of Jersey City. The physician John Leal had chosen chloride of lime, and the engineer George Warren
Fuller designed the feeding plant. The city had sued the water company because the water was not
always pure. In 1910 the court accepted chlorination as a remedy, and within ten years it had spread
to hundreds of cities.</p>
<h2>Why it prevailed</h2>
<ul>
<li>It was cheap, because a milligram or two in each litre is enough.</li>
<li>It could be added to plants that existed already.</li>
<li>It leaves a residual, so that the water stays protected in the mains.</li>
</ul>
<h2>Later methods</h2>
<table>
<tr><th>Method</th><th>First use in a water supply</th><th>Place</th></tr>
<tr><td>Ozone</td><td>1906</td><td>Nice, France</td></tr>
<tr><td>Ultraviolet light</td><td>1910</td><td>Marseille, France</td></tr>
<tr><td>Chlorine dioxide</td><td>1944</td><td>Niagara Falls, United States</td></tr>
</table>
<p>In 1974 Johannes Rook in Rotterdam showed that chlorine forms chloroform and other
trihalomethanes with the organic matter in water. Since then plants have removed more organic matter
before they add chlorine.</p>
</body>
</html>
"""

LIMITS = [
    ("Parameter", "指标", "Unit", "China GB 5749-2022", "WHO guideline", "US EPA", "EU 2020/2184"),
    ("Arsenic", "砷", "mg/L", 0.01, 0.01, 0.01, 0.01),
    ("Fluoride", "氟化物", "mg/L", 1.0, 1.5, 4.0, 1.5),
    ("Bromate", "溴酸盐", "mg/L", 0.01, 0.01, 0.01, 0.01),
    ("Cadmium", "镉", "mg/L", 0.005, 0.003, 0.005, 0.005),
    ("Selenium", "硒", "mg/L", 0.01, 0.04, 0.05, 0.02),
    ("Benzene", "苯", "mg/L", 0.01, 0.01, 0.005, 0.001),
    ("Total dissolved solids", "溶解性总固体", "mg/L", 1000, None, 500, None),
]

BAFFLING = [
    ("Baffling", "Factor T10/T", "Description"),
    ("None", 0.1, "mixed tank, high inlet velocity"),
    ("Poor", 0.3, "single inlet and outlet, no inner walls"),
    ("Average", 0.5, "baffled inlet or outlet, some inner walls"),
    ("Superior", 0.7, "perforated inlet wall, serpentine inner walls"),
    ("Perfect", 1.0, "plug flow in a long pipe"),
]


def limits_workbook() -> bytes:
    """XLSX with two sheets: limits of four authorities, and baffling factors."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    workbook = Workbook()
    set_properties(workbook.properties, "Limits and factors", "en")
    workbook.properties.creator = "clara-pipeline examples"
    for number, (name, rows) in enumerate((("Limits", LIMITS), ("Baffling", BAFFLING))):
        sheet = workbook.active if number == 0 else workbook.create_sheet()
        sheet.title = name
        for row in rows:
            sheet.append(row)
        for column in range(1, len(rows[0]) + 1):
            sheet.cell(1, column).font = Font(bold=True)
            longest = max(len(str(row[column - 1] or "")) for row in rows)
            sheet.column_dimensions[get_column_letter(column)].width = longest + 4
        sheet.freeze_panes = "A2"
    buffer = io.BytesIO()
    workbook.save(buffer)
    return same_bytes_every_time(buffer.getvalue())
