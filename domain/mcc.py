"""Merchant category codes: what each is called and what it costs.

Fee classes follow the concession lists of Chinese domestic card pricing (`docs/interchange.md`).
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

import iso18245
import numpy as np

from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class FeeClass(IntEnum):
    """Price class of an MCC, dearest first: a move to a higher number is a move to a cheaper class.

    Codes are those of `domain.events.FEE_CLASSES`.
    """

    STANDARD = 0
    """标准类"""
    CONCESSION = 1
    """优惠类: supermarkets, fuel, transport, utilities"""
    EXEMPT = 2
    """减免类: non-profit medicine, education, welfare, charity"""


CONCESSION_MCCS = (
    "3998", "4111", "4112", "4121", "4131", "4511", "4784", "4900",
    "5200", "5300", "5411", "5541", "5542", "5722",
)  # fmt: skip
"""优惠类: the 2013 民生 (daily necessities) group, which the 2016 pricing took over."""
EXEMPT_MCCS = (
    "8011", "8021", "8031", "8041", "8042", "8049", "8062", "8099",
    "8211", "8220", "8241", "8351", "8398",
)  # fmt: skip
"""减免类. A merchant of these MCCs is exempt only if non-profit, which an MCC alone does not show."""
GOVERNMENT_MCCS = ("8651", "9211", "9222", "9223", "9311", "9399")
"""Government and political bodies.

Audits review them together with the exempt ones; that they are free of charge is not proven. We class
them as exempt, so that a jump into one is seen; an acquirer who prices them otherwise passes a table.
"""

FEE_CLASS_BY_MCC: Mapping[str, FeeClass] = {
    **dict.fromkeys(CONCESSION_MCCS, FeeClass.CONCESSION),
    **dict.fromkeys(EXEMPT_MCCS, FeeClass.EXEMPT),
    **dict.fromkeys(GOVERNMENT_MCCS, FeeClass.EXEMPT),
}
"""MCCs that are not standard, by code."""


def fee_class(mcc: str, table: Mapping[str, FeeClass] = FEE_CLASS_BY_MCC) -> FeeClass:
    """The price class of `mcc` (4 digits); standard where `table` does not name it.

    >>> fee_class("5411").name, fee_class("5812").name
    ('CONCESSION', 'STANDARD')
    """
    return table.get(mcc, FeeClass.STANDARD)


def class_table(
    table: Mapping[str, FeeClass] = FEE_CLASS_BY_MCC, others: FeeClass = FeeClass.STANDARD
) -> NDArray[np.uint8]:
    """The price class of every MCC as uint8[10000], indexed by the MCC's number; `others` of those not in `table`.

    Raises:
        ValueError: a key of `table` is not four digits.
    """
    dense = np.full(10_000, others, np.uint8)
    for mcc, value in table.items():
        if not _is_mcc(mcc):
            raise ValueError(f"an MCC must be four digits, got {mcc!r}")
        dense[int(mcc)] = value
    return dense


@cache
def known_mccs() -> frozenset[str]:
    """Every MCC that ISO 18245, a scheme's list or our own names name."""
    named = {
        each.mcc
        for each in iso18245.get_all_mccs()
        if each.iso_description or each.visa_description or each.mastercard_description
    }
    return frozenset(named | set(NAMES_ZH))


def is_known(mcc: str) -> bool:
    """Whether ISO 18245, a scheme's list or our own names `mcc`.

    >>> is_known("5411"), is_known("0002"), is_known("58D7")
    (True, False, False)
    """
    return mcc in known_mccs()


@cache
def mcc_name(mcc: str) -> Text:
    """What `mcc` is called, in English (ISO 18245, else the schemes' words) and Chinese.

    Never fails: a code nobody lists is named by its ISO 18245 range, and what is no MCC by itself.

    >>> mcc_name("5411")
    Text(en='Groceries and supermarkets', zh='超市、食品杂货店')
    >>> mcc_name("0002")
    Text(en='MCC 0002', zh='MCC 0002')
    """
    ranges = mcc_group(mcc)
    en = _name_en(mcc) or (f"{ranges.en} (MCC {mcc})" if ranges else f"MCC {mcc}")
    zh = NAMES_ZH.get(mcc) or (f"{ranges.zh}(MCC {mcc})" if ranges else f"MCC {mcc}")
    return Text(en=en, zh=zh)


def _is_mcc(mcc: str) -> bool:
    return len(mcc) == 4 and mcc.isascii() and mcc.isdigit()


def _name_en(mcc: str) -> str:
    if not _is_mcc(mcc):
        return ""
    if mcc in NAMES_EN:
        return NAMES_EN[mcc]
    try:
        found = iso18245.get_mcc(mcc)
    except iso18245.MCCNotFound:
        return ""
    return found.iso_description or found.visa_description or found.mastercard_description


def mcc_group(mcc: str) -> Text | None:
    """The range of ISO 18245 that `mcc` is in; None where it is in none, or no MCC.

    >>> mcc_group("5411")
    Text(en='Retail stores', zh='零售')
    """
    if not _is_mcc(mcc):
        return None
    code = int(mcc)
    return next((name for low, high, name in RANGES if low <= code <= high), None)


RANGES = (
    (700, 999, Text("Agricultural services", "农业服务")),
    (1500, 2999, Text("Contracted services", "承包服务")),
    (3000, 3999, Text("Airlines, car rental and hotels", "航空、租车与酒店")),
    (4000, 4799, Text("Transportation", "交通运输")),
    (4800, 4999, Text("Utilities", "公用事业")),
    (5000, 5599, Text("Retail stores", "零售")),
    (5600, 5699, Text("Clothing stores", "服装零售")),
    (5700, 5999, Text("Miscellaneous stores", "其他零售")),
    (6000, 7299, Text("Service providers", "服务提供商")),
    (7300, 7529, Text("Business services", "商业服务")),
    (7530, 7799, Text("Repair services", "修理服务")),
    (7800, 7999, Text("Amusement and entertainment", "休闲娱乐")),
    (8000, 8999, Text("Professional services and membership organizations", "专业服务与会员组织")),
    (9200, 9402, Text("Government services", "政府服务")),
)
"""Ranges of ISO 18245 that have a meaning: lowest and highest code, name."""

NAMES_EN: Mapping[str, str] = {"3998": "Railway passenger transport (China)"}
"""English names of codes that only China gives this meaning."""

NAMES_ZH: Mapping[str, str] = {
    "0742": "兽医服务",
    "0763": "农业合作社",
    "0780": "景观美化与园艺服务",
    "1520": "一般承包商(住宅与商业楼宇)",
    "1711": "供暖、管道与空调承包商",
    "1731": "电气承包商",
    "1799": "其他专项承包商",
    "2741": "出版与印刷服务",
    "3998": "铁路客运",
    "4111": "市内与郊区客运(含轮渡)",
    "4112": "铁路旅客运输",
    "4119": "救护车服务",
    "4121": "出租车与专车",
    "4131": "公路客运",
    "4214": "货物运输、搬家与仓储",
    "4215": "快递服务",
    "4225": "公共仓储",
    "4411": "轮船与游轮公司",
    "4511": "航空公司",
    "4582": "机场与航站服务",
    "4722": "旅行社",
    "4784": "路桥通行费",
    "4789": "其他运输服务",
    "4812": "通讯设备与电话销售",
    "4814": "电信服务",
    "4816": "网络信息服务",
    "4829": "汇款与转账",
    "4899": "有线与付费电视",
    "4900": "水、电、燃气与环卫公用事业",
    "5013": "汽车配件批发",
    "5021": "办公与商业家具批发",
    "5039": "建材批发",
    "5044": "影印与办公设备批发",
    "5045": "计算机及外设批发",
    "5046": "商用设备批发",
    "5047": "医疗、牙科与眼科用品批发",
    "5051": "金属产品批发",
    "5065": "电气零件与设备批发",
    "5072": "五金设备批发",
    "5074": "管道与供暖设备批发",
    "5094": "贵金属、珠宝与钟表批发",
    "5099": "其他工业耐用品批发",
    "5111": "文具与办公用纸批发",
    "5122": "药品批发",
    "5131": "布料与缝纫用品批发",
    "5137": "制服与商务服装批发",
    "5139": "鞋类批发",
    "5172": "石油及制品批发",
    "5192": "书籍、报刊批发",
    "5193": "花木批发",
    "5198": "油漆与涂料批发",
    "5199": "其他非耐用品批发",
    "5200": "大型仓储式家居用品卖场",
    "5211": "木材与建材零售",
    "5231": "玻璃、油漆与墙纸零售",
    "5251": "五金零售",
    "5261": "苗圃与园艺用品零售",
    "5300": "会员制批发俱乐部",
    "5309": "免税商店",
    "5310": "折扣店",
    "5311": "百货商店",
    "5331": "杂货店",
    "5399": "其他综合零售",
    "5411": "超市、食品杂货店",
    "5422": "肉类与海鲜店",
    "5441": "糖果与坚果店",
    "5451": "乳制品店",
    "5462": "面包房、糕点店",
    "5499": "便利店与其他食品店",
    "5511": "汽车销售与维修(新车和二手车)",
    "5521": "二手车销售",
    "5532": "轮胎店",
    "5533": "汽车零配件零售",
    "5541": "加油站",
    "5542": "自助加油机",
    "5571": "摩托车销售",
    "5611": "男士服装与配饰",
    "5621": "女士成衣",
    "5641": "婴幼儿与儿童服装",
    "5651": "家庭服装店",
    "5655": "运动服装店",
    "5661": "鞋店",
    "5691": "男女服装店",
    "5697": "裁缝与改衣",
    "5699": "其他服装与配饰",
    "5712": "家具与家居用品",
    "5713": "地板与地面材料",
    "5719": "其他家居用品",
    "5722": "家用电器商店",
    "5732": "电子产品商店",
    "5733": "乐器商店",
    "5734": "计算机软件商店",
    "5811": "包办酒席与宴会",
    "5812": "餐厅",
    "5813": "酒吧、夜总会等饮酒场所",
    "5814": "快餐店",
    "5816": "游戏类数字商品",
    "5912": "药店",
    "5921": "瓶装酒零售",
    "5932": "古玩店",
    "5933": "典当行",
    "5940": "自行车销售与服务",
    "5941": "体育用品商店",
    "5942": "书店",
    "5943": "文具与办公用品零售",
    "5944": "珠宝、钟表与银器店",
    "5945": "玩具与游戏用品店",
    "5946": "照相器材店",
    "5947": "礼品与纪念品店",
    "5948": "箱包与皮具店",
    "5950": "玻璃与水晶制品店",
    "5962": "旅游电话营销",
    "5964": "目录邮购",
    "5966": "呼出型电话营销",
    "5967": "呼入型电话营销",
    "5968": "订阅式直销",
    "5969": "其他直销",
    "5970": "工艺美术用品店",
    "5971": "艺术品商与画廊",
    "5977": "化妆品店",
    "5992": "花店",
    "5993": "烟草零售",
    "5994": "报刊亭",
    "5995": "宠物用品店",
    "5998": "帐篷与遮阳篷商店",
    "5999": "其他专营零售店",
    "6010": "金融机构柜台取现",
    "6011": "金融机构自助取现",
    "6012": "金融机构商品与服务",
    "6051": "非金融机构外币与汇兑",
    "6211": "证券经纪与交易",
    "6300": "保险销售与承保",
    "6513": "房地产代理与物业租赁",
    "7011": "酒店、旅馆与度假村",
    "7033": "露营地",
    "7210": "洗衣服务",
    "7216": "干洗店",
    "7221": "摄影工作室",
    "7230": "美容美发",
    "7251": "修鞋与擦鞋",
    "7261": "殡葬服务",
    "7273": "婚介与陪护服务",
    "7276": "代理报税",
    "7277": "咨询服务",
    "7296": "服装出租",
    "7297": "按摩服务",
    "7298": "健康与美容水疗",
    "7299": "其他个人服务",
    "7311": "广告服务",
    "7338": "复印与晒图",
    "7349": "清洁与保洁服务",
    "7361": "职业介绍与劳务",
    "7372": "计算机编程与系统设计",
    "7379": "计算机维修与服务",
    "7392": "管理咨询与公关",
    "7394": "设备出租",
    "7395": "照片冲印",
    "7399": "其他商业服务",
    "7512": "汽车租赁",
    "7523": "停车场",
    "7531": "汽车车身维修",
    "7535": "汽车喷漆",
    "7538": "汽车维修(非经销商)",
    "7542": "洗车",
    "7622": "电器维修",
    "7631": "钟表与珠宝维修",
    "7641": "家具修复",
    "7699": "其他维修服务",
    "7829": "影视制作与发行",
    "7832": "电影院",
    "7911": "舞厅与舞蹈学校",
    "7922": "演出票务",
    "7929": "乐队与文艺表演",
    "7932": "台球馆",
    "7933": "保龄球馆",
    "7941": "体育俱乐部与赛事",
    "7991": "旅游景点与展览",
    "7992": "高尔夫球场",
    "7993": "电子游戏用品",
    "7994": "电子游戏厅",
    "7995": "博彩与彩票",
    "7996": "游乐园与马戏",
    "7997": "会员制俱乐部与健身",
    "7998": "水族馆与海洋馆",
    "7999": "其他娱乐服务",
    "8011": "医生诊所",
    "8021": "牙科诊所",
    "8031": "正骨医生",
    "8041": "按摩正脊医生",
    "8042": "眼科医生与验光",
    "8043": "眼镜店",
    "8049": "足病医生",
    "8050": "护理与疗养机构",
    "8062": "医院",
    "8071": "医学与牙科化验所",
    "8099": "其他医疗卫生服务",
    "8111": "法律服务与律师",
    "8211": "中小学校",
    "8220": "大学与高等院校",
    "8241": "函授学校",
    "8244": "商业与文秘学校",
    "8249": "职业与技术学校",
    "8299": "其他教育服务",
    "8351": "托儿与幼教服务",
    "8398": "慈善与社会服务组织",
    "8641": "公民与社会团体",
    "8651": "政治组织",
    "8661": "宗教组织",
    "8675": "汽车协会",
    "8699": "其他会员组织",
    "8911": "建筑、工程与测量服务",
    "8931": "会计与审计",
    "8999": "其他专业服务",
    "9211": "法院费用",
    "9222": "罚款",
    "9223": "保释金",
    "9311": "税款",
    "9399": "其他政府服务",
    "9402": "邮政服务",
}
"""Chinese names of the MCCs that a Chinese acquirer meets."""
