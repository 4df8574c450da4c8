"""Our own bilingual words: what manuals and tables name most, and the verbs of fact questions."""

from __future__ import annotations

_TERMS = """
rated voltage=额定电压; rated power=额定功率; rated current=额定电流; voltage=电压; power=功率
current=电流; frequency=频率; capacity=容量; weight=重量; net weight=净重; gross weight=毛重
dimensions=尺寸; size=尺寸; length=长度; width=宽度; height=高度; depth=深度; diameter=直径
thickness=厚度; area=面积; volume=体积; temperature=温度; operating temperature=工作温度
storage temperature=储存温度; humidity=湿度; pressure=压力; working pressure=工作压力
maximum pressure=最大压力; flow rate=流量; speed=速度; noise level=噪音水平; noise=噪音
power consumption=功耗; power supply=电源; battery=电池; battery life=电池续航时间
battery capacity=电池容量; warranty=保修期; warranty period=保修期; price=价格; model=型号
serial number=序列号; manufacturer=制造商; brand=品牌; color=颜色; colour=颜色; material=材料
type=类型; quantity=数量; number=数量; name=名称; title=标题; date=日期; year=年份; time=时间
duration=持续时间; size=大小; usage=用法; task=任务; keyword=关键字; purpose=目的; effect=效果
meaning=含义; content=内容; format=格式; example=示例; reason=原因; condition=条件; role=角色
limit=限值; limits=限值; indicator=指标; concentration=浓度; dosage=投加量; turbidity=浊度
residual chlorine=余氯; drinking water=饮用水; water quality=水质; disinfectant=消毒剂
chlorine=氯; contact time=接触时间; flow=流量; head=扬程; test method=检测方法; volume=容积
permission=权限; key=按键; popularity=流行度; path=路径; operation=操作; action=操作
system=系统; device=设备; equipment=设备; article=条目; symbol=符号; category=类别; class=类别
version=版本; language=语言; population=人口; capital=首都; country=国家
city=城市; address=地址; phone=电话; email=电子邮件; author=作者; publisher=出版社
director=导演; department=部门; position=职位; age=年龄; gender=性别; status=状态; result=结果
score=得分; rank=排名; team=球队; player=球员; country of origin=原产国; product=产品
service life=使用寿命; lifespan=寿命; efficiency=效率; accuracy=精度; precision=精确率
recall=召回率; resolution=分辨率; memory=内存; storage=存储容量; processor=处理器
display=显示屏; screen size=屏幕尺寸; interface=接口; bandwidth=带宽; range=范围
maximum=最大值; minimum=最小值; average=平均值; total=总计; unit=单位; cost=成本; revenue=收入
profit=利润; sales=销售额; growth=增长率; share=份额; input=输入; output=输出
input voltage=输入电压; output voltage=输出电压; output power=输出功率; material cost=材料成本
filter=过滤器; filter cartridge=滤芯; pump=水泵; water tank=水箱; valve=阀门; sensor=传感器
motor=电机; engine=发动机; cable=电缆; button=按钮; switch=开关; fan=风扇; tank=水箱
software=软件; hardware=硬件; package=软件包; file=文件; directory=目录; command=命令
configuration file=配置文件; operating system=操作系统; kernel=内核; user=用户; password=密码
server=服务器; network=网络; database=数据库; function=功能; description=说明; value=值
default value=默认值; default=默认值; parameter=参数; option=选项; mode=模式; setting=设置
maintenance interval=保养周期; replacement interval=更换周期; interval=周期; lifetime=寿命
protection class=防护等级; certification=认证; standard=标准; task=任务; phase=阶段
deadline=截止日期; budget=预算; owner=负责人; location=位置; region=地区; level=级别
method=方法; purpose=用途; dataset=数据集; parameters=参数; error rate=错误率; members=成员
employees=员工; students=学生; inhabitants=居民; rooms=房间; seats=座位; episodes=集
floors=楼层; languages=语言; modes=模式; ports=端口; channels=通道; steps=步骤
"""
EN_TO_ZH: dict[str, str] = {}
ZH_TO_EN: dict[str, str] = {}
for _pair in _TERMS.replace("\n", ";").split(";"):
    if "=" in _pair:
        _en, _zh = _pair.strip().split("=")
        EN_TO_ZH[_en] = _zh
        ZH_TO_EN.setdefault(_zh, _en)

# English participle or verb -> Chinese verb that "X 是什么时候……的？" takes.
WHEN_ZH = {
    "founded": "成立",
    "established": "成立",
    "formed": "组建",
    "incorporated": "成立",
    "created": "创建",
    "born": "出生",
    "built": "建造",
    "constructed": "建造",
    "completed": "完工",
    "opened": "启用",
    "released": "发布",
    "published": "出版",
    "launched": "推出",
    "introduced": "推出",
    "discontinued": "停产",
    "demolished": "拆除",
    "destroyed": "被毁",
    "dissolved": "解散",
    "disbanded": "解散",
    "closed": "关闭",
    "abolished": "废除",
    "held": "举行",
    "signed": "签署",
    "discovered": "被发现",
    "renovated": "翻修",
    "invented": "发明",
    "installed": "安装",
    "elected": "当选",
    "die": "去世",
    "begin": "开始",
    "start": "开始",
    "end": "结束",
    "open": "开放",
    "close": "关闭",
    "retire": "退休",
    "graduate": "毕业",
    "premiere": "首映",
    "marry": "结婚",
}
WHERE_ZH = {
    "born": "{s}出生在哪里？",
    "located": "{s}位于哪里？",
    "situated": "{s}位于哪里？",
    "held": "{s}在哪里举行？",
    "built": "{s}建在哪里？",
    "based": "{s}的总部设在哪里？",
    "headquartered": "{s}的总部设在哪里？",
    "buried": "{s}安葬在哪里？",
    "founded": "{s}在哪里成立？",
    "established": "{s}在哪里成立？",
    "filmed": "{s}在哪里拍摄？",
    "recorded": "{s}在哪里录制？",
    "raised": "{s}在哪里长大？",
}
# Base verb (with particle) -> Chinese question, and back.
CONTAINS_ZH = {
    "include": "{s}包括什么？",
    "contain": "{s}包含什么？",
    "provide": "{s}提供什么？",
    "offer": "{s}提供什么？",
    "support": "{s}支持什么？",
    "require": "{s}需要什么？",
    "use": "{s}使用什么？",
    "need": "{s}需要什么？",
    "consist of": "{s}由什么组成？",
    "composed of": "{s}由什么组成？",
    "made of": "{s}由什么制成？",
    "used for": "{s}用于什么？",
    "divided into": "{s}分为哪些部分？",
    "depend on": "{s}取决于什么？",
    "refer to": "{s}指的是什么？",
    "based on": "{s}基于什么？",
    "known as": "{s}被称为什么？",
    "named after": "{s}以什么命名？",
    "win": "{s}赢得了什么？",
    "produce": "{s}生产什么？",
    "cause": "{s}会导致什么？",
    "lead to": "{s}会导致什么？",
    "store": "{s}存储什么？",
    "represent": "{s}代表什么？",
    "study": "{s}学习了什么？",
}
CONTAINS_EN = {
    "包括": "What does {s} include?",
    "包含": "What does {s} contain?",
    "支持": "What does {s} support?",
    "提供": "What does {s} provide?",
    "采用": "What does {s} use?",
    "使用": "What does {s} use?",
    "需要": "What does {s} require?",
    "用于": "What is {s} used for?",
    "用来": "What is {s} used for?",
    "适用于": "What is {s} suitable for?",
    "表示": "What does {s} mean?",
    "意味着": "What does {s} mean?",
    "取决于": "What does {s} depend on?",
    "依赖于": "What does {s} depend on?",
    "属于": "What does {s} belong to?",
    "分为": "What is {s} divided into?",
    "被称为": "What is {s} called?",
    "称为": "What is {s} called?",
    "叫做": "What is {s} called?",
    "允许": "What does {s} allow?",
    "代表": "What does {s} represent?",
    "拥有": "What does {s} have?",
    "具有": "What does {s} have?",
    "存储": "What does {s} store?",
    "保存": "What does {s} store?",
    "显示": "What does {s} show?",
    "负责": "What is {s} responsible for?",
    "由…组成": "What is {s} made up of?",
}
WHEN_EN = {
    "成立": "When was {s} founded?",
    "创立": "When was {s} founded?",
    "创办": "When was {s} founded?",
    "创建": "When was {s} created?",
    "建立": "When was {s} established?",
    "建成": "When was {s} completed?",
    "发布": "When was {s} released?",
    "推出": "When was {s} launched?",
    "上市": "When was {s} launched?",
    "出版": "When was {s} published?",
    "出生": "When was {s} born?",
    "去世": "When did {s} die?",
    "逝世": "When did {s} die?",
    "开始": "When did {s} begin?",
    "结束": "When did {s} end?",
    "举行": "When was {s} held?",
    "修建": "When was {s} built?",
    "投产": "When did {s} start production?",
    "停产": "When was {s} discontinued?",
}
