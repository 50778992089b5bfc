"""What kinds and outcomes of visits are called, and the rules by which visits are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

VISIT_KINDS: Mapping[str, Text] = {
    "routine": Text("routine", "日常回访"),
    "alert": Text("after an alert", "告警核查"),
    "follow_up": Text("follow-up", "复访"),
    "opening": Text("opening", "入网走访"),
}
"""By `visit_kind`, what it is called."""
VISIT_OUTCOMES: Mapping[str, Text] = {
    "as_registered": Text("as registered", "与登记一致"),
    "differs": Text("differs from what is registered", "与登记不符"),
    "not_found": Text("not found", "查无此店"),
    "refused": Text("visit refused", "拒绝走访"),
    "moved": Text("moved", "搬迁"),
    "transferred": Text("another owner", "转让"),
    "closed_down": Text("closed down", "歇业"),
    "renovating": Text("being renovated", "装修"),
    "terminal_faulty": Text("terminal out of order", "机器故障"),
    "other_acquirer": Text("went to another acquirer", "被同行切机"),
    "codes_only": Text("takes codes only now", "改用扫码"),
    "low_season": Text("low season", "淡季"),
}
"""By `outcome`, what it is called."""
RULES: Mapping[str, Text] = {
    "new": Text("new merchant, first visit", "新商户首访"),
    "yearly": Text("yearly inspection", "年度巡检"),
    "relocated": Text("after a move", "搬迁核查"),
    "licence": Text("licence expires", "证照到期"),
    "dormant": Text("no sale for 3 months", "3个月无交易"),
    "dormant_year": Text("no sale for 12 months", "12个月无交易"),
    "recheck": Text("re-check of a finding", "整改复查"),
}
"""By rule of `casework.inspections.RULES`, what it is called."""
