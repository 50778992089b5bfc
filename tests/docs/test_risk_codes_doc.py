from __future__ import annotations

import re
from pathlib import Path

import pytest

from detectors.registry import DETECTORS
from domain.risk_codes import RISK_CODES

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "risk-codes.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\d\d) \| (.+?) \| (.+?) \| (yes|) ?\| (yes|) ?\|$", DOC, re.MULTILINE)
    assert [tuple(each) for each in rows] == [
        (each.code, each.name.en, each.name.zh, "yes" * each.is_aml, "yes" * each.by_rep_or_agent)
        for each in RISK_CODES.values()
    ]


def test_the_page_names_every_source() -> None:
    plain = " ".join(DOC.split())
    assert all(each.source in plain for each in RISK_CODES.values())


def test_codes_ascend_and_two_are_never_called_the_same() -> None:
    assert [*RISK_CODES] == sorted(RISK_CODES)
    for language in ("en", "zh"):
        assert len({getattr(each.name, language) for each in RISK_CODES.values()}) == len(RISK_CODES)


def test_money_laundering_and_gambling_are_kept_from_the_field_and_collusion_from_rep_and_agent() -> None:
    assert {each.code for each in RISK_CODES.values() if each.is_aml} == {"29", "42", "46"}
    assert {each.code for each in RISK_CODES.values() if each.by_rep_or_agent} == {"13"}


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda each: each.name)
def test_a_detectors_risk_code_is_one_of_them_and_its_page_calls_it_so(detector: type) -> None:
    code = detector.risk_code  # type: ignore[attr-defined]
    page = (ROOT / "docs" / "detectors" / f"{detector.name}.md").read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert f"PCAC risk type {code} ({RISK_CODES[code].name.zh})" in page if code else "No PCAC risk type" in page
