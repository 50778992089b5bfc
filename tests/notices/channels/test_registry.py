"""Tables of channels: what is wrong in them is said, with the channel and without a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from notices.channels.registry import KINDS, check_channels, make_channels
from tests.docs.headings import sections
from tests.notices.channels.far_side import KEY, WEBHOOK_SECRET, Bench

DOCS = Path(__file__).parents[3] / "docs" / "channels"
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({}, "kind must be one of email, wecom, dingtalk, feishu, webhook, sms, printed, got None"),
    ({"kind": "fax"}, "got 'fax'"),
    ({"kind": "wecom"}, "Object missing required field `key_file`"),
    ({"kind": "wecom", "key_file": "k", "colour": "red"}, "Object contains unknown field `colour`"),
    ({"kind": "wecom", "key_file": "k", "per_minute": 0}, "per_minute must be at least 1, got 0"),
    ({"kind": "wecom", "key_file": "k", "per_minute": "many"}, "Expected `int`"),
    ({"kind": "wecom", "key_file": "k", "format": "html"}, "format must be one of text, markdown, got 'html'"),
    ({"kind": "wecom", "key_file": "k", "url": "https://evil.example/"}, "of one of the hosts qyapi.weixin.qq.com"),
    ({"kind": "feishu", "key_file": "k", "url": "http://open.feishu.cn/hook"}, "url must be https"),
    ({"kind": "webhook", "secret_file": "k", "url": "https://a.example/"}, "of one of the hosts (none), got a.example"),
    ({"kind": "webhook", "secret_file": "k", "url": "https://a.example/", "networks": "x"}, "IPv4 or IPv6"),
    ({"kind": "printed", "folder": ""}, "folder must be a folder, got none"),
    ({"kind": "printed", "folder": "lists", "format": "pdf"}, "format must be one of html, csv, got 'pdf'"),
]  # fmt: skip
SMS = {
    "kind": "sms", "secret_file": "k", "url": "https://a.example/", "hosts": "a.example", "signature": "某支付",
    "template_id": "1", "template_many_id": "2",
}  # fmt: skip
TEMPLATES = [
    ("{shop}", "template must have {link}"), ("{link}{severity}", "got 'severity'"), ("{link}{shop.x}", "got 'shop.x'"),
    ("{link", "template must have its fields in braces"),
    ("{link}" + "字" * 70, "template must have room within 70 characters, has 70"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "said"), FAULTS)
def test_a_fault_is_said_with_the_channels_name(table: dict[str, Any], said: str) -> None:
    (fault,) = check_channels({"reps": table})
    assert fault.startswith("channels.reps: ")
    assert said in fault


@pytest.mark.parametrize(("template", "said"), TEMPLATES)
def test_a_template_of_text_messages_that_cannot_be_registered_is_refused(template: str, said: str) -> None:
    (fault,) = check_channels({"text": SMS | {"template": template}})
    assert said in fault


@pytest.mark.parametrize("name", ["", "Reps", "a b", "1", "a" * 33])
def test_a_channels_name_is_plain(name: str) -> None:
    (fault,) = check_channels({name: {"kind": "printed", "folder": "x"}})
    assert "a channel's name must be small letters" in fault


def test_figures_may_come_as_words_from_the_environment() -> None:
    assert check_channels({"a": {"kind": "wecom", "key_file": "k", "per_minute": "12", "loopback": "true"}}) == []


def test_every_fault_has_its_line(bench: Bench) -> None:
    tables = {"a": {"kind": "fax"}, "b": bench.table("wecom", "http://127.0.0.1/", key_file="/nowhere/key")}
    with pytest.raises(ValueError, match=r"channels\.a") as error:
        make_channels(tables)
    assert (
        str(error.value).splitlines()[1]
        == "channels.b: /nowhere/key must be readable, it is not: No such file or directory"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_may_read_is_refused(bench: Bench, mode: int) -> None:
    path = bench.file("open", KEY, mode)
    with pytest.raises(ValueError, match=f"must have mode 0600, got 0{mode:o}") as error:
        bench.channel("wecom", "http://127.0.0.1/", key_file=path)
    assert KEY not in str(error.value)


@pytest.mark.parametrize("words", ["", "\n\n", "two words", "schlüssel"])
def test_a_file_without_a_secret_is_refused(bench: Bench, words: str) -> None:
    with pytest.raises(ValueError, match="must hold a secret of printable ASCII characters"):
        bench.channel("wecom", "http://127.0.0.1/", key_file=bench.file("odd", words))


def test_an_error_in_a_secret_does_not_show_it(bench: Bench) -> None:
    path = bench.file("bare", WEBHOOK_SECRET.removeprefix("whsec_"))
    with pytest.raises(ValueError, match=r"channels\.it: secret_file must hold whsec_") as error:
        make_channels({"it": bench.table("webhook", "http://127.0.0.1/") | {"secret_file": path}})
    assert WEBHOOK_SECRET.removeprefix("whsec_") not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_channels_page_has_its_settings_with_their_defaults(kind: str) -> None:
    page = sections((DOCS / f"{kind}.md").read_text(encoding="utf-8"), 2)
    assert set(page) >= {"Set up", "Settings", "Limits", "What errors mean"}
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | ")[:2])
        for line in page["Settings"].splitlines()
        if line.startswith("| `")
    ]
    fields = msgspec.structs.fields(KINDS[kind].options)
    defaults = {
        each.name: "" if each.required else f"`{msgspec.json.encode(each.default).decode()}`" for each in fields
    }
    assert {name.strip("`"): default for name, default in rows} == defaults
