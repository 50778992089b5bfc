"""The page of templates: every kind of notice in both languages, for leads and admins."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pytest

from console.pages.notice_templates import KIND_NAMES
from notices.rendering import KINDS, LANGUAGES, render
from notices.samples import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.console.conftest import Visitor


@pytest.mark.parametrize("role", ["lead", "aml", "admin"])
def test_every_template_stands_there_in_both_languages(visit: Callable[[str], Visitor], role: str) -> None:
    page = html.unescape(visit(role).get("/notices/templates").text)
    for kind in KINDS:
        for lang in LANGUAGES:
            message = render(sample(kind), lang)
            assert message.title in page
            assert message.text in page
    assert list(KIND_NAMES) == list(KINDS)


def test_the_text_message_stands_beside_with_its_characters(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("lead")
    visitor.headers["accept-language"] = "zh-CN"
    page = html.unescape(visitor.get("/notices/templates").text)
    assert "【某支付】老张便利店（尾号0002）商户任务请6月30日18:00前处理：https://console.example/t/kY3x9" in page
    assert "短信（68/70字）" in page
    assert page.count("短信（") == len(KINDS)


@pytest.mark.parametrize("role", ["rep", "viewer", "analyst", "rule_editor"])
def test_others_do_not_see_it(visit: Callable[[str], Visitor], role: str) -> None:
    visitor = visit(role)
    assert visitor.get("/notices/templates").status_code == 403
    assert "/notices/templates" not in visitor.get("/merchants").text
