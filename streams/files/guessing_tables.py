"""A first mapping of a table of merchants, colleagues or prices, by the names of its columns."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from domain.cards import mask
from domain.events import EVENT_KINDS, Kind
from domain.field_names import columns_zh
from streams.files.guessing import quoted
from streams.files.sampling import Sample, sample_of, time_format

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "merchant_id": ("商户编号", "商户代码", "特约商户编号", "merchant no", "merchant number", "mid"),
    "person_id": ("员工编号", "员工号", "employee id", "staff id", "user id"),
    "name": ("商户全称", "注册名称", "营业执照名称", "legal name", "merchant name", "员工姓名", "full name"),
    "short_name": ("店名", "门店名称", "商户简称", "dba", "dba name", "trade name", "store name"),
    "status": ("状态", "营业状态", "merchant status"),
    "mccs": ("mcc", "mcc码", "商户类别码", "行业代码", "merchant category code"),
    "rep_id": ("业务员工号", "客户经理工号", "业务员", "拓展人", "sales rep", "account manager"),
    "agent_id": ("代理商编号", "服务商编号", "agent", "iso"),
    "opened_at": ("开户日期", "入网日期", "开通日期", "签约日期", "opened", "onboarded", "boarding date", "created"),
    "city": ("所在城市", "市", "town"),
    "address": ("经营地址", "商户地址", "street", "street address"),
    "country": ("国家代码", "country code"),
    "lat": ("latitude",), "lon": ("longitude", "lng"),
    "email": ("电子邮件", "e-mail", "mail"),
    "role": ("岗位", "职务", "position"),
    "supervisor_id": ("上级工号", "主管工号", "manager id"),
    "card_kind": ("卡种", "借贷标识", "card type"), "scheme": ("卡品牌", "card brand"),
    "rate_ppm": ("手续费率", "签约费率", "rate", "mdr"), "cap": ("封顶金额", "封顶值"), "minimum": ("最低收费",),
    "fixed": ("每笔费用", "per item fee"),
    "effective_from": ("生效日期", "effective date"),
}  # fmt: skip
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "status": {
        "active": ("正常", "启用", "开通", "营业", "open", "enabled", "live"),
        "suspended": ("暂停", "冻结", "停用", "on hold", "disabled"),
        "closed": ("注销", "关闭", "停业", "撤机", "terminated"),
    },
    "card_kind": {
        "debit": ("借记卡", "借记", "借"), "credit": ("贷记卡", "贷记", "信用卡", "贷"), "prepaid": ("预付卡", "预付"),
    },
}  # fmt: skip


def guessed_table(kind: str, stream: BinaryIO, name: str) -> str:
    """A first mapping of a table of a kind's versions, as TOML.

    Raises:
        FileRefused: it cannot be read, or has no header that can be told.
    """
    with ExitStack() as stack:
        found = sample_of(stream, name, stack)
    used = dict(_columns(kind, found))
    lines = [
        f"# A first mapping of {mask(name)}. Read it, above all what is not sure. docs/mapping.md has the format.",
        f"type = {quoted(kind)}", 'time_zone = "Asia/Shanghai"  # not sure: the zone of times without an offset',
        *found.layout, "", "[fields]",
    ]  # fmt: skip
    key = EVENT_KINDS[kind].key
    if key not in used:
        lines.append(f'# {key} = "..."  # not sure: no column seems to have it; name one')
    lines += [_line(kind, field, column, found) for field, column in used.items()]
    if left := [each for each in found.header if each and each not in used.values()]:
        lines += ["", f"# Columns that are not read: {', '.join(map(mask, left))}"]
    return "\n".join(lines) + "\n"


def _columns(kind: str, found: Sample) -> Iterator[tuple[str, str]]:
    """Each field that has a column of one of its names."""
    free = {_plain(each): each for each in reversed([*found.cells])}
    for field, zh in columns_zh(kind).items():
        for name in (field, zh, *_OTHER_NAMES.get(field, ())):
            if column := free.pop(_plain(name), ""):
                yield field, column
                break


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).lower()


def _line(kind: str, field: str, column: str, found: Sample) -> str:
    texts = [str(each).strip() for each in found.cells[column]]
    if field in _WORDS:
        meanings = {word: value for value, words in _WORDS[field].items() for word in (value, *words)}
        known = {each: meanings[each.lower()] for each in dict.fromkeys(texts) if each.lower() in meanings}
        unknown = [each for each in dict.fromkeys(texts) if each not in known]
        table = ", ".join(f"{quoted(word)} = {quoted(value)}" for word, value in known.items())
        doubt = f"  # not sure: what are {', '.join(map(mask, unknown[:10]))}?" if unknown else ""
        return f'{field} = {{ column = {quoted(column)}, values = {{ {table} }}, otherwise = "same" }}{doubt}'
    is_time = any(each.name == field and each.kind is Kind.TIME for each in EVENT_KINDS[kind].fields)
    if is_time and (form := time_format(found.cells[column])) not in ("", "auto"):
        return f"{field} = {{ column = {quoted(column)}, format = {quoted(form)} }}"
    return f"{field} = {quoted(column)}"
