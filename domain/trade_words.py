"""What trade a shop's name speaks of: words of Chinese and English names, by MCC.

A Chinese enterprise name is made of place, own name, trade and form of organisation, in this order (article 6 of
企业名称登记管理规定, 2021-03-01), so the last trade word counts: a 酒店咖啡 sells coffee. The words are our own
choice: the everyday words on signs for the categories of GB/T 4754—2017 and of ISO 18245. A branch in brackets is
where a shop stands, not what it sells, and so are malls and squares.
"""

from __future__ import annotations

import re

from domain.mcc import fee_class

WORDS = {
    "5812": (
        (
            "餐馆 餐厅 饭店 饭庄 饭馆 酒楼 火锅 烧烤 烤肉 烤鱼 川菜 湘菜 粤菜 菜馆 私房菜 大排档 "
            "小吃 面馆 饺子馆 串串 麻辣烫 料理 自助餐 餐饮 食府 农家乐"
        ),
        (
            "restaurant|restaurants|bistro|hotpot|hot pot|barbecue|bbq|grill|steakhouse|diner|"
            "pizzeria|eatery|sushi"
        ),
    ),
    "5814": ("快餐 汉堡 炸鸡 奶茶 茶饮 咖啡", "fast food|snack bar|burger|burgers|coffee|cafe|pizza"),
    "5813": ("酒吧 夜总会 KTV 歌厅", "bar|pub|nightclub|lounge"),
    "5462": ("面包 蛋糕 烘焙 西饼 糕点", "bakery|patisserie"),
    "7011": ("酒店 宾馆 旅馆 旅社 客栈 民宿 招待所", "hotel|motel|inn|hostel|guesthouse|guest house"),
    "5944": ("珠宝 金店 银楼 钟表 首饰 黄金", "jeweller|jewellers|jeweler|jewelers|jewellery|jewelry|watches"),
    "5651": ("服装 服饰 女装 男装 童装", "clothing|apparel|boutique"),
    "5661": ("鞋店 鞋城 皮鞋", "shoes|footwear"),
    "5732": ("数码 手机 电子产品", "electronics|mobile phones"),
    "5045": ("电脑", "computers|computer wholesale"),
    "5712": ("家具", "furniture"),
    "5912": ("药房 药店", "pharmacy|drugstore|chemist"),
    "5921": ("烟酒 酒行 名酒", "liquor|wines|off-licence"),
    "5942": ("书店", "bookshop|bookstore"),
    "5977": ("化妆品", "cosmetics"),
    "5533": ("汽配 汽车配件", "car parts|auto parts"),
    "7538": ("汽修 汽车维修 汽车修理 汽车医院", "auto repair|car repair"),
    "5511": ("汽车销售 4S店", "car dealer"),
    "0742": ("宠物医院 动物医院", "veterinary|animal hospital|pet hospital"),
    "5995": ("宠物店", "pet shop"),
    "7230": ("美发 理发 发廊 美容院 美甲", "hair salon|hairdresser|barber|beauty salon"),
    "7298": ("养生 水疗 足浴 足疗 按摩 推拿 桑拿", "spa|massage"),
    "7221": ("摄影 照相馆", "photography|photo studio"),
    "7832": ("影城 影院", "cinema"),
    "7997": ("健身 瑜伽 游泳馆", "gym|fitness"),
    "7995": ("彩票", "lottery|casino|betting"),
    "4722": ("旅行社", "travel agency"),
    "7512": ("租车", "car rental|car hire"),
    "5411": (
        "超市 便利店 生鲜 粮油 菜市场 水果 果蔬 蔬菜",
        "supermarket|hypermarket|grocery|groceries|convenience store|minimart",
    ),
    "5541": ("加油 加气站 石化 石油", "petrol station|gas station|filling station|service station"),
    "5722": ("家电 电器", "appliances"),
    "5200": ("建材 家居 五金 装饰材料", "building supplies|hardware|home improvement"),
    "5300": ("仓储 仓储超市", "warehouse club|wholesale club"),
    "4111": ("公交 地铁 轻轨 轮渡", "bus company|buses|metro|ferry"),
    "4112": ("铁路 火车站", "railway|railways"),
    "4121": ("出租车 出租汽车", "taxi|taxis"),
    "4131": ("客运", "coaches"),
    "4511": ("航空 机场", "airline|airlines|airport"),
    "4784": ("高速公路", "toll road"),
    "4900": ("水电 自来水 供水 供电 电力 燃气 热力", "utilities|waterworks|power company"),
    "8011": ("诊所 门诊", "clinic|surgery"),
    "8021": ("口腔 牙科", "dental|dentist"),
    "8062": ("医院 卫生院 卫生服务中心", "hospital"),
    "8211": ("学校 小学 中学 高中", "school"),
    "8220": ("大学 学院", "university|college"),
    "8351": ("幼儿园 托儿所", "kindergarten|nursery"),
    "8398": ("慈善 基金会 福利院 养老院", "charity|foundation"),
    "": (
        (
            "酒店用品 餐饮设备 餐厅设备 厨房设备 餐具 医疗器械 手机医院 电脑医院 大学城 驾驶学校 "
            "驾校 培训学校 艺术学校 舞蹈学校 美术学校 音乐学校"
        ),
        "restaurant supplies|hotel supplies|driving school|language school",
    ),
}  # fmt: skip
"""By MCC, words of Chinese names, apart by spaces, and of English ones, apart by bars; under "" what contains a
word and speaks of none of these trades."""
NAME_NATS = 3.0
"""Evidence of a name that speaks of a dearer trade, in nats: odds of 20, our own estimate. No source states how many
shops' names mislead."""
_MCC_OF = {word.lower(): mcc for mcc, (zh, en) in WORDS.items() for word in (*zh.split(), *en.split("|"))}
_BRANCH = re.compile(r"[（(\[【][^）)\]】]*[）)\]】]")


def _pattern() -> re.Pattern[str]:
    """Any of the words, the longest first; English ones as whole words."""
    by_length = sorted(_MCC_OF, key=lambda word: (-len(word), word))
    whole = (rf"(?<![a-z]){re.escape(word)}(?![a-z])" if word.isascii() else re.escape(word) for word in by_length)
    return re.compile("|".join(whole))


_ANY = _pattern()


def likely_trade(name: str) -> str | None:
    """The MCC of the trade that a shop's name speaks of; None where it speaks of none, or of trades of several classes.

    A hospital's canteen and a supermarket's bakery have words of two fee classes in their names: either may be right.

    >>> likely_trade("成都老王火锅（万达广场店）"), likely_trade("Yuwei Restaurant, Hangzhou")
    ('5812', '5812')
    >>> likely_trade("人民医院食堂餐厅"), likely_trade("百货商场")
    (None, None)
    """
    found = [_MCC_OF[each] for each in _ANY.findall(_BRANCH.sub(" ", name).lower())]
    trades = [each for each in found if each]
    if not trades or len({fee_class(each) for each in trades}) > 1:
        return None
    return trades[-1]
