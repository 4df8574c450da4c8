"""The Chinese PDFs: a report on the drinking-water standard, and a page on Hong Kong's supply."""

from __future__ import annotations

from corpus_fonts import SANS
from corpus_pdf import build_pdf, chinese_styles, listing, table
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer

BACKGROUND = [
    "《生活饮用水卫生标准》（GB 5749）是中国关于饮用水安全的强制性国家标准，城镇和农村的集中式供"
    "水都要遵守。这一编号的标准最早于1985年发布，2006年作了一次大的修订。现行版本GB 5749-2022于"
    "2022年3月15日发布，自2023年4月1日起实施，代替GB 5749-2006。",
    "新标准把水质指标从106项调整为97项，其中常规指标43项，扩展指标54项。常规指标反映水质的基本状"
    "况，各地都要检测；扩展指标反映某一地区或某一时段的水质特征，由各地按需要选测。",
]

ADDED = [
    "增加4项指标：高氯酸盐、乙草胺、2-甲基异莰醇和土臭素。后两种物质由蓝藻和放线菌产生，没有明显"
    "毒性，但是浓度只要达到每升10纳克左右，人就能闻到土霉味，所以限值都定为0.00001 mg/L。",
    "删除13项指标，例如耐热大肠菌群、三氯乙醛、硫化物、六六六和滴滴涕。六六六和滴滴涕被删除，"
    "是因为这两种农药在中国已禁用多年，水中很少检出。",
    "修改3项指标的名称，例如把“耗氧量”改为“高锰酸盐指数”。",
    "修改8项指标的限值，包括硝酸盐、浑浊度、高锰酸盐指数、游离氯、硼、氯乙烯、三氯乙烯和乐果。"
    "其中氯乙烯由0.005 mg/L收紧到0.001 mg/L，三氯乙烯由0.07 mg/L收紧到0.02 mg/L；"
    "硼则由0.5 mg/L放宽到1.0 mg/L。",
]

COMPARISON = [
    ["指标", "中国 GB 5749-2022", "世界卫生组织准则", "美国环保署", "欧盟指令 2020/2184"],
    ["砷（mg/L）", "0.01", "0.01", "0.010", "0.010"],
    ["氟化物（mg/L）", "1.0", "1.5", "4.0", "1.5"],
    ["硝酸盐（以N计，mg/L）", "10", "约11", "10", "约11"],
    ["溴酸盐（mg/L）", "0.01", "0.01", "0.010", "0.010"],
    ["镉（mg/L）", "0.005", "0.003", "0.005", "0.005"],
    ["铅（mg/L）", "0.01", "0.01", "只设行动水平", "0.005（2036年起）"],
]

COMPARISON_TEXT = [
    "表1比较了几种指标的限值。砷和溴酸盐的限值各方相同，都是0.01 mg/L。氟化物差别最大：中国为1.0 "
    "mg/L，美国为4.0 mg/L。中国的限值较严，原因是部分地区居民从饮茶和燃煤中也摄入较多的氟，长期过"
    "量会引起氟斑牙和氟骨症。",
    "硝酸盐的表示方法不同。中国和美国以氮计，世界卫生组织和欧盟以硝酸根计，限值为50 mg/L，换算成"
    "氮约为11 mg/L，因此两种限值其实接近。硝酸盐过高会使婴儿患高铁血红蛋白血症，这种病俗称蓝婴病。",
]

DISINFECTANTS = [
    ["消毒剂", "与水接触时间", "出厂水限值", "出厂水余量", "末梢水余量"],
    ["游离氯", "≥30 min", "≤2", "≥0.3", "≥0.05"],
    ["总氯（一氯胺）", "≥120 min", "≤3", "≥0.5", "≥0.05"],
    ["臭氧", "≥12 min", "≤0.3", "—", "≥0.02"],
    ["二氧化氯", "≥30 min", "≤0.8", "≥0.1", "≥0.02"],
]

DISINFECTANT_TEXT = [
    "表2列出四种消毒剂的要求，浓度单位均为mg/L。规定余量的下限，是为了防止管网中的微生物再次繁殖；"
    "规定上限，是为了控制消毒副产物和异味。游离氯的上限由2006年版的4 mg/L降到2 mg/L。",
    "一氯胺的接触时间是游离氯的四倍，因为它的氧化能力弱得多；但它分解慢，在长管网中维持得更久。臭"
    "氧杀菌最快，可是在水中很快分解，不能在管网中保持余量，所以采用臭氧的水厂在出厂前一般还要加氯。",
]

TURBIDITY_TEXT = [
    "浑浊度的限值为1 NTU。浑浊度本身不致病，但是悬浮颗粒会包裹细菌和隐孢子虫卵囊，使消毒剂和紫外"
    "线难以接触它们，因此降低浑浊度是保证消毒效果的前提。管理较好的水厂把出厂水的浑浊度控制在"
    "0.1至0.3 NTU。",
    "其他常用的限值还有：pH值不小于6.5且不大于8.5；总硬度（以碳酸钙计）450 mg/L；溶解性总固体"
    "1000 mg/L；菌落总数100 CFU/mL；每100 mL水中不应检出总大肠菌群和大肠埃希氏菌。",
]

HISTORY_TEXT = [
    "中国第一座现代化水厂是上海的杨树浦水厂，1883年建成，至今仍在供水。它最初采用慢砂滤池，"
    "滤速低，占地大；后来改用混凝、沉淀和快滤池，产水能力大大提高。"
    "工艺的变化说明：标准提高以后，单靠某一道工序是不够的，必须依靠多级屏障。",
]

HONG_KONG = [
    "香港三面環海，沒有大河和湖泊，地下水也很少，因此食水一直短缺。1863年，港島的薄扶林水塘建成，"
    "這是香港第一個水塘，公共供水由此開始。其後政府又陸續興建大潭水塘、九龍水塘和城門水塘等，以收"
    "集雨水。",
    "1963年，香港遇上嚴重旱災。由同年6月起，政府實施最嚴格的制水：每四天才供水一次，每次四小時。"
    "為了解決水荒，廣東省興建東深供水工程，把東江水引到香港；1965年3月1日，東江水開始供港。"
    "今天，東江水佔香港淡水用量的七至八成。",
    "土地不足，政府便向大海要水塘。船灣淡水湖於1968年落成，工程人員先築起約兩公里長的主壩，把海灣"
    "與大海隔開，再抽走海水，注入淡水，是世界上第一個在海中興建的水庫。萬宜水庫於1978年落成，容量"
    "約2.8億立方米，比船灣淡水湖的2.3億立方米更大，是全港容量最大的水塘。",
    "香港還有一個特色：自1950年代後期起，政府以海水沖廁，約八成半人口使用。海水無須處理成食水的水"
    "質，每年可節省約三億立方米淡水。不過海水含鹽，會腐蝕金屬，所以輸送海水的管網必須與食水管完全"
    "分開，並採用耐腐蝕的材料。",
]

HONG_KONG_TREATMENT = (
    "濾水廠的處理程序與其他城市相同：先加入明礬，使水中的微粒凝聚成絮狀物，經沉澱和過濾除去，再以"
    "氯氣消毒，並加入氟化物以預防蛀牙。離開濾水廠的食水須保持足夠的餘氯，以防細菌在水管中再次滋生。"
)

RESERVOIRS = [
    ["水塘", "落成年份", "容量（百萬立方米）", "特點"],
    ["薄扶林水塘", "1863", "0.23", "香港第一個水塘"],
    ["城門水塘", "1937", "13", "位於新界"],
    ["船灣淡水湖", "1968", "230", "世界首個在海中興建的水庫"],
    ["萬宜水庫", "1978", "281", "香港容量最大"],
]


def standard_report() -> bytes:
    """Simplified Chinese, two to three pages: the drinking-water standard GB 5749-2022."""
    styles = chinese_styles()

    def text(name: str, *paragraphs: str) -> list[Flowable]:
        return [Paragraph(paragraph, styles[name]) for paragraph in paragraphs]

    story: list[Flowable] = [
        *text("title", "生活饮用水卫生标准要点"),
        *text("subtitle", "GB 5749-2022 解读报告"),
        *text("h1", "一、标准的由来"),
        *text("body", *BACKGROUND),
        *text("h1", "二、主要变化"),
        *text("body", "与2006年版相比，新标准有四方面的变化："),
        listing(ADDED, styles, numbered=True),
        Spacer(1, 2 * mm),
        *text("h1", "三、与国外限值的比较"),
        *text("body", *COMPARISON_TEXT),
        KeepTogether(
            [
                *text("caption", "表1　部分指标限值的比较"),
                table(COMPARISON, [40, 34, 32, 26, 38], styles, rules="grid"),
            ]
        ),
        Spacer(1, 3 * mm),
        *text("h1", "四、消毒剂的要求"),
        *text("body", *DISINFECTANT_TEXT),
        KeepTogether(
            [
                *text("caption", "表2　饮用水中消毒剂的常规指标及要求（mg/L）"),
                table(DISINFECTANTS, [34, 34, 34, 34, 34], styles, rules="three"),
            ]
        ),
        Spacer(1, 3 * mm),
        *text("h1", "五、浑浊度和其他限值"),
        *text("body", *TURBIDITY_TEXT),
        *text("h1", "六、从杨树浦水厂看工艺的变化"),
        *text("body", *HISTORY_TEXT),
    ]
    return build_pdf(
        story,
        title="生活饮用水卫生标准要点",
        author="clara-pipeline examples",
        subject="GB 5749-2022",
        header="水质报告　生活饮用水卫生标准",
        footer=lambda page: f"第 {page} 页",
        font=SANS,
    )


def hong_kong_page() -> bytes:
    """Traditional Chinese, one page: how Hong Kong found its water."""
    styles = chinese_styles()
    paragraphs = [Paragraph(paragraph, styles["body"]) for paragraph in HONG_KONG]
    story: list[Flowable] = [
        Paragraph("香港供水小史", styles["title"]),
        Paragraph("從薄扶林水塘到萬宜水庫", styles["subtitle"]),
        Paragraph("水源", styles["h1"]),
        *paragraphs,
        Paragraph("處理", styles["h1"]),
        Paragraph(HONG_KONG_TREATMENT, styles["body"]),
        Spacer(1, 3 * mm),
        Paragraph("表一　四個水塘的資料", styles["caption"]),
        table(RESERVOIRS, [36, 30, 44, 60], styles, rules="grid"),
    ]
    return build_pdf(
        story,
        title="香港供水小史",
        author="clara-pipeline examples",
        subject="Hong Kong water supply",
        header="供水資料",
        footer=lambda page: f"第 {page} 頁",
        font=SANS,
    )
