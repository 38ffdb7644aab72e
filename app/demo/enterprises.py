"""Invented enterprises: plausible names, valid credit codes, nobody's telephone number.

Pure: the `index`-th enterprise of a city is always the same one.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.demo.city import DemoCity, DemoKind, DemoTenant, demo_id, seeded
from app.enterprises.models import EnterpriseKind

COLUMNS: Final = (
    "city_id", "id", "credit_code", "name", "kind", "industry_code", "county_id", "address", "contact_name",
    "contact_phone", "attributes", "created_at",
)  # fmt: skip
"""The columns of `DemoEnterprise.row`."""

CREDIT_CODE_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: no I, O, S, V, Z."""

_CREDIT_CODE_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_PREFIX: Final = "DEM"
"""Opens every invented organisation part. Real ones are digits or begin with `MA` or `MB`: these belong to nobody."""
_SERIALS: Final = 31**5
_STEP: Final = 11_111_117
"""Prime to 31: multiplying by it visits every serial once, in an order that does not look counted."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade: GB/T 4754-2017 code with its section letter, the word in a name, the words in a sentence.

    `cities` are the cities that are known for it; empty means everywhere. `shop` is the form of an individual
    business, empty when none runs it.
    """

    code: str
    word: str
    about: str
    shop: str = ""
    weight: int = 4
    cooperative: bool = False
    cities: tuple[str, ...] = ()


TRADES: Final = (
    Trade("A0111", "粮油种植", "粮油种植", weight=3, cooperative=True),
    Trade("A0141", "蔬菜种植", "蔬菜种植", weight=4, cooperative=True),
    Trade("A0142", "食用菌", "食用菌种植", weight=4, cooperative=True, cities=("guangyuan",)),
    Trade("A0164", "茶业", "茶叶种植", "茶庄", 4, cooperative=True, cities=("guangyuan",)),
    Trade("A0151", "果业", "水果种植", "鲜果店", 5, cooperative=True),
    Trade("A0313", "养殖", "生猪养殖", weight=4, cooperative=True),
    Trade("A0321", "禽业", "家禽养殖", weight=2, cooperative=True),
    Trade("C1310", "粮油加工", "粮食加工", "粮油店"),
    Trade("C1353", "肉制品", "肉制品加工", "鲜肉铺"),
    Trade("C1371", "果蔬食品", "蔬菜加工", "干货店"),
    Trade("C1411", "烘焙食品", "糕点制造", "糕点坊"),
    Trade("C1530", "制茶", "精制茶加工", weight=3, cities=("guangyuan",)),
    Trade("C1751", "纺织", "家用纺织品制造", weight=2),
    Trade("C2011", "木业", "木材加工", "木器店", 3),
    Trade("C2110", "家具", "木质家具制造", "家具店"),
    Trade("C2319", "包装印刷", "包装装潢印刷", "图文打印店", 3),
    Trade("C2926", "塑业", "塑料包装制品", weight=3),
    Trade("C3021", "建筑构件", "水泥制品制造", weight=3),
    Trade("C3089", "耐火材料", "耐火材料制造", weight=8, cities=("anshan",)),
    Trade("C3091", "菱镁制品", "菱镁制品加工", weight=6, cities=("anshan",)),
    Trade("C3130", "钢材", "钢压延加工", weight=7, cities=("anshan",)),
    Trade("C3252", "铝材", "铝压延加工", weight=6, cities=("guangyuan",)),
    Trade("C3311", "金属结构", "金属结构制造", weight=4),
    Trade("C3484", "机械", "机械零部件加工", "机械修配店", 6),
    Trade("C3982", "电子", "电子电路制造", weight=3),
    Trade("C2432", "玉雕工艺", "玉石雕刻", "玉器行", 5, cities=("anshan",)),
    Trade("D4416", "新能源", "太阳能发电", weight=2),
    Trade("E4813", "市政工程", "市政道路工程", weight=5),
    Trade("E4910", "机电安装", "电气安装", "水电安装部"),
    Trade("E5011", "装饰工程", "建筑装饰和装修", "装饰部", 5),
    Trade("F5122", "食品商贸", "糕点糖果批发", "副食店", 7),
    Trade("F5165", "建材", "建材批发", "建材经营部", 7),
    Trade("F5211", "百货", "百货零售", "百货店", 7),
    Trade("F5212", "超市", "超级市场零售", "便利店", 8),
    Trade("F5251", "药房", "西药零售", "药店", 3),
    Trade("F5232", "服饰", "服装零售", "服装店", 7),
    Trade("G5431", "物流", "普通货物道路运输", "货运部", 6),
    Trade("G5990", "仓储", "仓储服务", weight=3),
    Trade("H6110", "酒店", "旅游饭店", "宾馆", 3),
    Trade("H6130", "民宿", "民宿服务", "民宿", 4),
    Trade("H6210", "餐饮", "正餐服务", "餐馆", 12),
    Trade("H6291", "小吃", "小吃服务", "小吃店", 10),
    Trade("I6513", "软件", "应用软件开发", weight=3),
    Trade("I6531", "信息技术", "信息系统集成", "电脑维修店", 3),
    Trade("K7020", "物业服务", "物业管理", weight=3),
    Trade("L7241", "财务咨询", "会计和税务服务", weight=3),
    Trade("L7263", "人力资源", "劳务派遣", weight=2),
    Trade("L7291", "旅行社", "旅行社服务", weight=2),
    Trade("M7452", "检测技术", "检测服务", weight=2),
    Trade("M7484", "工程设计", "工程设计", weight=2),
    Trade("N7820", "环卫服务", "环境卫生管理", weight=2),
    Trade("O8040", "美业", "理发及美容", "理发店", 7),
    Trade("O8111", "汽车服务", "汽车修理与维护", "汽修店", 6),
    Trade("P8391", "职业培训", "职业技能培训", weight=2),
    Trade("Q8514", "养老服务", "老年人养护服务", weight=2),
)

# Names are coined from three syllables each; no enterprise is meant by any of them.
_FIRST: Final = "云禾岚溪松鹿星青朗沐知拾澄远栖谷露晴霁木屿岑泊苔"
_SECOND: Final = "墨穗舟野麓汀棠沄桐笙荻屏砚蔓杉渚栎珩筠岩辰芷沅柚"
_THIRD: Final = "源坊达兴和盛泰诚丰益茂隆"
_CONTACTS: Final = ("企业联络员", "办公室主任", "综合部负责人", "财务负责人", "法务联络人", "行政专员")
_OWNERS: Final = ("经营者", "店铺负责人")
_ROADS: Final = (
    "建设路",
    "人民路",
    "滨河路",
    "文化街",
    "新兴街",
    "学府路",
    "迎宾大道",
    "工业大道",
    "园区一路",
    "园区二路",
)
_CERTIFICATES: Final = ("ISO9001", "ISO14001", "HIGH_TECH", "SPECIALISED", "GREEN_FACTORY")
_EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""When every invented enterprise was entered: fixed, so that a second run makes the same rows."""


@dataclass(frozen=True, slots=True)
class DemoEnterprise:
    """An invented enterprise, with what the ticket texts say of it. `founded` is a year."""

    index: int
    id: uuid.UUID
    county: DemoTenant
    trade: str
    staff: int
    founded: int
    kind: EnterpriseKind
    credit_code: str
    name: str
    row: tuple[Any, ...]


def enterprises(city: DemoCity, start: int, stop: int) -> Iterator[DemoEnterprise]:
    """The city's invented enterprises from number `start` up to but not including `stop`."""
    trades = [trade for trade in TRADES if not trade.cities or city.path in trade.cities]
    weights = [trade.weight for trade in trades]
    for index in range(start, stop):
        yield _enterprise(city, index, trades, weights)


def credit_code(division_code: str, form: str, index: int) -> str:
    """A valid credit code (GB 32100-2015) registered with market regulation (`9`) in the division.

    `form` is 1 for an enterprise, 2 for an individual business, 3 for a farmers' cooperative. Distinct for every
    `index` below 28 million of the same division, whatever the form.
    """
    serial = (index * _STEP + 7_654_321) % _SERIALS
    organisation = _ORGANISATION_PREFIX
    for power in (4, 3, 2, 1, 0):
        organisation += CREDIT_CODE_ALPHABET[serial // 31**power % 31]
    body = f"9{form}{division_code}{organisation}{_organisation_check(organisation)}"
    total = sum(
        CREDIT_CODE_ALPHABET.index(character) * weight
        for character, weight in zip(body, _CREDIT_CODE_WEIGHTS, strict=True)
    )
    return body + CREDIT_CODE_ALPHABET[-total % 31]


def _organisation_check(organisation: str) -> str:
    """The ninth character of an organisation code (GB 11714-1997)."""
    total = sum(int(c, 36) * weight for c, weight in zip(organisation, _ORGANISATION_WEIGHTS, strict=True))
    return "0X987654321"[total % 11]


def _enterprise(city: DemoCity, index: int, trades: list[Trade], weights: list[int]) -> DemoEnterprise:
    chance = seeded(city.path, DemoKind.ENTERPRISE, index)
    trade = chance.choices(trades, weights)[0]
    county = chance.choice(city.counties)
    kind = _kind(chance, trade)
    word = chance.choice(_FIRST) + chance.choice(_SECOND) + chance.choice(_THIRD)
    cooperative = trade.cooperative and kind is EnterpriseKind.MSME and chance.random() < 0.6
    form = "3" if cooperative else "2" if kind is EnterpriseKind.INDIVIDUAL else "1"
    code = credit_code(county.division_code or city.division_code, form, index)
    individual = kind is EnterpriseKind.INDIVIDUAL
    staff = {
        EnterpriseKind.ABOVE_SCALE: chance.randint(60, 900),
        EnterpriseKind.MSME: chance.randint(5, 120),
        EnterpriseKind.INDIVIDUAL: chance.randint(1, 8),
    }[kind]
    founded = datetime(chance.randint(2004, 2024), chance.randint(1, 12), chance.randint(1, 28), tzinfo=UTC)
    name = _name(chance, city, county, word, trade, individual=individual, cooperative=cooperative)
    enterprise_id = demo_id(city.path, DemoKind.ENTERPRISE, index)
    row = (
        city.id,
        enterprise_id,
        code,
        name,
        kind.value,
        trade.code,
        county.id,
        f"{city.name}{county.name.removeprefix(city.short_name)}{chance.choice(_ROADS)}{chance.randint(1, 399)}号",
        chance.choice(_OWNERS if individual else _CONTACTS),
        f"000{chance.randrange(10**8):08d}",
        _attributes(chance, kind, staff, founded),
        _EPOCH + timedelta(seconds=index % 86_400),
    )
    return DemoEnterprise(index, enterprise_id, county, trade.about, staff, founded.year, kind, code, name, row)


def _kind(chance: random.Random, trade: Trade) -> EnterpriseKind:
    draw = chance.random()
    if trade.shop:
        return (
            EnterpriseKind.INDIVIDUAL
            if draw < 0.68
            else EnterpriseKind.MSME
            if draw < 0.97
            else EnterpriseKind.ABOVE_SCALE
        )
    return EnterpriseKind.MSME if draw < 0.82 else EnterpriseKind.ABOVE_SCALE


def _name(
    chance: random.Random,
    city: DemoCity,
    county: DemoTenant,
    word: str,
    trade: Trade,
    *,
    individual: bool,
    cooperative: bool,
) -> str:
    place = county.name.removeprefix(city.name).removeprefix(city.short_name)
    if individual:
        return f"{place}{word}{trade.shop}"
    if cooperative:
        return f"{place}{word}{trade.word}专业合作社"
    where = city.short_name if chance.random() < 0.6 else place
    return f"{where}{word}{trade.word}{'股份' if chance.random() < 0.05 else ''}有限公司"


def _attributes(chance: random.Random, kind: EnterpriseKind, staff: int, founded: datetime) -> dict[str, Any]:
    """Facts that policies are matched against. Money in ten thousand yuan, ratios in percent as text."""
    per_head = chance.randint(8, 70)
    capital = 0 if kind is EnterpriseKind.INDIVIDUAL else chance.choice((50, 100, 200, 500, 1000, 5000))
    facts: dict[str, Any] = {
        "demo": True,
        "establishedOn": founded.date().isoformat(),
        "employees": staff,
        "revenueWan": staff * per_head,
        "registeredCapitalWan": capital,
    }
    if kind is not EnterpriseKind.INDIVIDUAL:
        facts["researchRatio"] = f"{chance.randint(0, 90) / 10:.1f}"
        facts["certifications"] = [name for name in _CERTIFICATES if chance.random() < 0.12]
        facts["exports"] = chance.random() < 0.08
    return facts
