"""How money looks to people: by name, with its currency's digits, a dash where nothing is known."""

from __future__ import annotations

import msgspec
import pytest

from domain.alerts import BEARERS, Alert, Duty, Text
from domain.timestamps import iso
from tillwatch.show import UNKNOWN, bearer, money, named_money, sums, table, to_stdout
from tillwatch.tail import line

DAY_MS = 86_400_000
ALERT = Alert(
    alert_id="a", revision=1, detector="mcc_jump", version=1, merchant_id="m", subject="merchant:m", severity=0.5,
    hits=1, first_time=iso(DAY_MS), last_time=iso(4 * DAY_MS), at_stake=2_266, currency="CNY", title=Text("", ""),
    reason=Text("why", "原因"), evidence=(), txn_ids=(), risk_code="", turnover=200_000, loss=2_266,
    bearer="issuer_network", loss_month=22_660,
)  # fmt: skip


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(209_100, "JPY", "209,100 JPY"), (1_234, "KWD", "1.234 KWD"), (12_345, "CLF", "1.2345 CLF"),
     (209_100, "CNY", "¥2,091.00"), (-5, "CNY", "-¥0.05"), (None, "CNY", UNKNOWN), (0, "CNY", "¥0.00")],
)  # fmt: skip
def test_money_has_the_digits_of_its_currency(minor: int | None, currency: str, shown: str) -> None:
    assert money(minor, currency) == shown


def test_money_is_named_with_who_bears_it_and_what_a_month_would_bring() -> None:
    assert named_money(ALERT, "en", "Asia/Shanghai") == (
        "turnover ¥2,000.00, loss ¥22.66, borne by issuer and network, projected a month ¥226.60"
    )
    assert named_money(ALERT, "zh", "Asia/Shanghai") == (
        "涉及金额¥2,000.00，损失¥22.66，承担方：发卡行及卡组织，预计每月¥226.60"
    )


def test_what_is_not_known_is_a_dash_and_no_nought() -> None:
    nothing = msgspec.structs.replace(ALERT, turnover=None, loss=None, bearer=None, loss_month=None, at_stake=0)
    assert named_money(nothing, "en", "Asia/Shanghai") == f"turnover {UNKNOWN}, loss {UNKNOWN}"
    assert named_money(nothing, "zh", "Asia/Shanghai") == f"涉及金额{UNKNOWN}，损失{UNKNOWN}"
    assert "0.00" not in line(nothing, "en", "Asia/Shanghai").plain
    assert (bearer(None, "en"), sums({})) == (UNKNOWN, UNKNOWN)


def test_a_deadline_stands_with_its_rule_by_the_reader_s_clock() -> None:
    due = msgspec.structs.replace(ALERT, duty=Duty("Rule 1", "2026-01-01T00:00:00.000Z"))
    assert named_money(due, "en", "Asia/Shanghai").endswith(", due 2026-01-01 08:00 (Rule 1)")
    assert named_money(due, "zh", "Asia/Shanghai").endswith("，处理时限2026-01-01 08:00（Rule 1）")


def test_every_bearer_has_a_word_in_both_languages() -> None:
    assert [bearer(each, "zh") for each in BEARERS] == ["发卡行及卡组织", "收单机构", "商户", "持卡人"]


def test_a_line_of_tail_has_the_money_by_name() -> None:
    assert named_money(ALERT, "zh", "Asia/Shanghai") in line(ALERT, "zh", "Asia/Shanghai").plain


def test_tables_have_no_blanks_at_their_lines_ends_where_they_are_piped(capsys: pytest.CaptureFixture[str]) -> None:
    made = table("Some figures of a shop", "what", "is")
    made.add_row("short", "1")
    made.add_row("empty", "")
    made.add_row("folded", "word " * 60)
    to_stdout().print(made)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["Some figures of a shop", "what    is", "short   1", "empty"]
    assert [line for line in lines if line != line.rstrip()] == []
    assert len(lines) > 5


def test_a_line_of_tail_says_whether_its_alert_is_closed_and_how_often_it_was_reopened() -> None:
    def shown(lang: str, *, reopened: int, closed: bool = False) -> str:
        alert = msgspec.structs.replace(ALERT, reopened=reopened, closed=closed)
        return line(alert, lang, "Asia/Shanghai").plain

    assert "reopened" not in shown("en", reopened=0)
    assert shown("en", reopened=1).endswith("  why  (reopened)")
    assert shown("en", reopened=3, closed=True).endswith("  why  (closed, reopened 3 times)")
    assert shown("zh", reopened=0, closed=True).endswith("  原因  （已结束）")
    assert shown("zh", reopened=3).endswith("  原因  （重新打开3次）")
