"""Short names of MCCs, for lines and tables that have no room for those of ISO 18245."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text
from domain.mcc import mcc_name

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 24
"""Characters that a short name has at most."""


def mcc_short_name(mcc: str) -> Text:
    """What `mcc` is called in at most `LONGEST` characters, in English and Chinese; never fails.

    >>> mcc_short_name("5944")
    Text(en='jewellery, watches', zh='珠宝、钟表')
    >>> mcc_short_name("5498")
    Text(en='Retail stores (MCC 5498)', zh='零售(MCC 5498)')
    """
    full = mcc_name(mcc)
    return Text(SHORT_EN.get(mcc) or _cut(full.en), SHORT_ZH.get(mcc) or _cut(full.zh))


def _cut(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    kept = name[: LONGEST - 1]
    return f"{kept.rpartition(' ')[0].rstrip(' ,;(') or kept}…"


SHORT_ZH: Mapping[str, str] = {
    "1520": "建筑承包商",
    "4111": "市内与郊区客运",
    "4789": "其他运输",
    "4900": "水电燃气",
    "5200": "家居卖场",
    "5411": "超市",
    "5499": "便利店",
    "5511": "汽车销售",
    "5533": "汽车配件",
    "5651": "服装店",
    "5722": "家电",
    "5732": "电子产品",
    "5812": "餐厅",
    "5813": "酒吧、夜总会",
    "5944": "珠宝、钟表",
    "5999": "其他专营零售",
    "7011": "酒店、旅馆",
    "7298": "美容水疗",
    "8398": "慈善与社会服务",
}
"""Where the full name is long."""

SHORT_EN: Mapping[str, str] = {
    "0742": "veterinarians", "0763": "farm cooperatives", "0780": "landscaping", "1520": "building contractors",
    "1711": "heating, plumbing", "1731": "electricians", "1799": "special contractors", "2741": "publishing, printing",
    "3998": "railway passengers", "4111": "city transport, ferries", "4112": "passenger railways", "4119": "ambulances",
    "4121": "taxis", "4131": "bus lines", "4214": "freight, movers", "4215": "couriers", "4225": "public warehouses",
    "4411": "cruise lines", "4511": "airlines", "4582": "airports", "4722": "travel agencies",
    "4784": "tolls, bridges", "4789": "other transport", "4812": "phones, equipment", "4814": "telecom services",
    "4816": "online information", "4829": "money transfer", "4899": "cable, pay TV", "4900": "utilities",
    "5013": "car parts, wholesale", "5021": "furniture, wholesale", "5039": "building, wholesale",
    "5044": "office equipment", "5045": "computers, wholesale", "5046": "commercial equipment",
    "5047": "medical supplies", "5051": "metals, wholesale", "5065": "electrical, wholesale",
    "5072": "hardware, wholesale", "5074": "plumbing, wholesale", "5094": "jewellery, wholesale",
    "5099": "durables, wholesale", "5111": "stationery, wholesale", "5122": "medicines, wholesale",
    "5131": "cloth, wholesale", "5137": "uniforms, wholesale", "5139": "shoes, wholesale", "5172": "oil, wholesale",
    "5192": "books, wholesale", "5193": "flowers, wholesale", "5198": "paint, wholesale", "5199": "goods, wholesale",
    "5200": "home supply stores", "5211": "timber, building", "5231": "glass, paint", "5251": "hardware shops",
    "5261": "garden centres", "5300": "wholesale clubs", "5309": "duty-free shops", "5310": "discount shops",
    "5311": "department stores", "5331": "variety shops", "5399": "general goods", "5411": "supermarkets",
    "5422": "meat, fish", "5441": "sweets, nuts", "5451": "dairy shops", "5462": "bakeries",
    "5499": "convenience shops", "5511": "car dealers", "5521": "used cars", "5532": "tyres", "5533": "car parts",
    "5541": "petrol stations", "5542": "automated pumps", "5571": "motorcycles", "5611": "men's clothing",
    "5621": "women's clothing", "5641": "children's clothing", "5651": "clothing", "5655": "sports clothing",
    "5661": "shoes", "5691": "men's, women's clothing", "5697": "tailors", "5699": "accessories",
    "5712": "furniture", "5713": "flooring", "5719": "home furnishing", "5722": "appliances", "5732": "electronics",
    "5733": "musical instruments", "5734": "software", "5811": "caterers", "5812": "restaurants",
    "5813": "bars, nightclubs", "5814": "fast food", "5816": "digital games", "5912": "pharmacies",
    "5921": "wine, spirits",
    "5932": "antiques", "5933": "pawn shops", "5940": "bicycles", "5941": "sporting goods", "5942": "bookshops",
    "5943": "stationery", "5944": "jewellery, watches", "5945": "toys, games", "5946": "cameras", "5947": "gifts",
    "5948": "luggage, leather", "5950": "glass, crystal", "5962": "travel telemarketing", "5964": "catalogue sales",
    "5966": "outbound telemarketing", "5967": "inbound telemarketing", "5968": "subscription sales",
    "5969": "other direct marketing", "5970": "art supplies", "5971": "art dealers",
    "5977": "cosmetics", "5992": "florists", "5993": "tobacco", "5994": "newsstands", "5995": "pet shops",
    "5998": "tents, awnings", "5999": "other retail", "6010": "cash at the counter", "6011": "cash machines",
    "6012": "financial services", "6051": "currency exchange", "6211": "securities", "6300": "insurance",
    "6513": "estate agents", "7011": "hotels", "7033": "campsites", "7210": "laundries", "7216": "dry cleaners",
    "7221": "photo studios", "7230": "hairdressers", "7251": "shoe repair", "7261": "funeral services",
    "7273": "dating, escorts", "7276": "tax preparation", "7277": "counselling", "7296": "clothing rental",
    "7297": "massage", "7298": "spas", "7299": "other personal services", "7311": "advertising",
    "7338": "copying, blueprints", "7349": "cleaning", "7361": "employment agencies", "7372": "programming",
    "7379": "computer repair", "7392": "consulting", "7394": "equipment rental", "7395": "photo printing",
    "7399": "business services", "7512": "car rental", "7523": "car parks", "7531": "body repair",
    "7535": "car painting", "7538": "car repair", "7542": "car washes", "7622": "electrical repair",
    "7631": "watch repair", "7641": "furniture repair", "7699": "other repairs", "7829": "film production",
    "7832": "cinemas", "7911": "dance halls, schools", "7922": "event tickets", "7929": "bands, shows",
    "7932": "billiards", "7933": "bowling", "7941": "sports clubs, events", "7991": "tourist attractions",
    "7992": "golf courses", "7993": "video game supplies", "7994": "game arcades", "7995": "gambling, lotteries",
    "7996": "amusement parks", "7997": "membership clubs", "7998": "aquariums", "7999": "other recreation",
    "8011": "doctors", "8021": "dentists", "8031": "osteopaths", "8041": "chiropractors", "8042": "optometrists",
    "8043": "opticians", "8049": "podiatrists", "8050": "nursing homes", "8062": "hospitals",
    "8071": "medical laboratories", "8099": "other health services", "8111": "lawyers", "8211": "schools",
    "8220": "universities", "8241": "correspondence schools", "8244": "business schools",
    "8249": "vocational schools", "8299": "other education", "8351": "child care", "8398": "charities",
    "8641": "civic associations", "8651": "political bodies", "8661": "religious bodies", "8675": "car clubs",
    "8699": "other associations", "8911": "architects, engineers", "8931": "accountants",
    "8999": "other professionals", "9211": "court costs", "9222": "fines", "9223": "bail", "9311": "taxes",
    "9399": "other government", "9402": "postal services",
}  # fmt: skip
"""Of the MCCs that a Chinese acquirer meets."""
