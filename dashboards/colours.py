"""What series are called and which colour they have, the same in every panel."""

from __future__ import annotations

from typing import NamedTuple

from detectors.registry import DETECTORS
from domain.alerts import BEARERS, Text
from domain.habits import HABITS
from domain.mcc import RANGES
from domain.severity import LEVELS
from engine.control_kinds.registry import KINDS
from engine.tallies import OTHER, UNKNOWN

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "#56A64B", "#F2CC0C", "#FF9830", "#E02F44", "#5794F2", "#8E8E8E"


class Look(NamedTuple):
    """How a series is shown.

    Attributes:
        name: what it is called.
        colour: as a web page writes it; "" for that of its thresholds.
    """

    name: Text
    colour: str = ""


_GROUPS = {
    "mcc": ("#F2495C", "#FF9068", "#E8657C", "#FFB3A7"),
    "fee": ("#A66BE0", "#D3A8F0", "#8778E8"),
    "volume": ("#5794F2", "#8AB8FF", "#3FA7D6", "#C0D8FF", "#6ED0E0"),
}
_OTHERS = ("#73BF69", "#E0B400", "#C8F2C2", "#FFCB7D", "#B5A48B")


def _detectors() -> dict[str, Look]:
    """Detectors that count together in the risk score have shades of one colour."""
    used: dict[str, int] = {}
    looks = {}
    for each in DETECTORS:
        group = each.risk_group if each.risk_group in _GROUPS else ""
        shades = _GROUPS.get(group, _OTHERS)
        looks[each.name] = Look(each.title, shades[used.get(group, 0) % len(shades)])
        used[group] = used.get(group, 0) + 1
    return looks


OF_DETECTOR = _detectors()
OF_SEVERITY = {
    each.word.en: Look(each.word, colour) for each, colour in zip(LEVELS, (BLUE, YELLOW, ORANGE, RED), strict=True)
}
OF_GRADE = {
    grade: Look(Text(f"grade {grade}", f"{grade}级"), colour)
    for grade, colour in zip("ABCDE", (GREEN, "#96D98D", YELLOW, ORANGE, RED), strict=True)
}
OF_BEARER = {
    name: Look(words, colour)
    for (name, words), colour in zip(BEARERS.items(), (BLUE, ORANGE, RED, YELLOW), strict=True)
}
OF_VERDICT = {
    "confirmed": Look(Text("confirmed", "属实"), RED),
    "false_alarm": Look(Text("false alarm", "误报"), BLUE),
    "lawful_change": Look(Text("lawful change", "合规变更"), GREEN),
    "data_error": Look(Text("error in the data", "数据有误"), YELLOW),
    "duplicate": Look(Text("duplicate", "重复"), GREY),
}
_REST = {UNKNOWN: Look(Text("unknown", "未知")), OTHER: Look(Text("all others", "其他"))}
OF_PLACE = _REST
OF_MCC_GROUP = {name.en: Look(name) for _, _, name in RANGES} | _REST
OF_HABIT = {each.name: Look(each.title) for each in HABITS}
OF_CONTROL = {name: Look(Text(name, each.name_zh)) for name, each in KINDS.items()}
OF_OUTCOME = {
    "transaction": Look(Text("transactions", "交易"), BLUE),
    "duplicate": Look(Text("duplicates", "重复记录"), GREY),
    "other": Look(Text("other events", "其他事件"), GREEN),
    "dead_letter": Look(Text("dead letters", "未计入记录"), RED),
}
OF_STEP = {
    "features": Look(Text("decoding and features", "解码与特征"), BLUE),
    "judging": Look(Text("detectors, episodes, scores", "检测与评分"), ORANGE),
    "publish": Look(Text("publishing", "发布"), GREEN),
}
