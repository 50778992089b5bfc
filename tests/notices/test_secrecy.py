"""What only `aml` may see changes nothing of what others are told: not a byte."""

from __future__ import annotations

import random
import re
import shutil
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from casework.store import Store
from detectors.registry import DETECTORS
from domain.alerts import Contribution
from notices.bodies import Body
from notices.rendering import render
from notices.routing.reading import SHIPPED
from notices.viewing import view_of
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.world import cause, score
from tests.notices.field import HOUR_MS, MINUTE_MS, NOON_MS, Field
from tests.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AML = ("29", "42", "46")


@pytest.fixture
def two(template: Path, tmp_path: Path) -> Iterator[tuple[Field, Field]]:
    with ExitStack() as stack:
        found = []
        for name in ("plain", "secret"):
            (tmp_path / name).mkdir()
            shutil.copy(template, tmp_path / name / "casework.db")
            store = stack.enter_context(Store(f"sqlite:///{tmp_path}/{name}/casework.db"))
            log = stack.enter_context(SqliteLog(tmp_path / name / "tillwatch.db", durable=False))
            create_topics(log, 2)
            found.append(Field(store, log))
        yield found[0], found[1]


def body_of(row: Any) -> Body:
    return msgspec.json.decode(row.body, type=Body)


def told(field: Field) -> list[tuple[object, ...]]:
    """All that notices say; but the number of a case, which counts all cases and which a desk sees in its queue too."""
    found = []
    for row in field.rows("notices"):
        body = re.sub(r'"case_id":\d+', '"case_id":0', row.body) if row.is_desk else row.body
        shown = SimpleNamespace(**(row._asdict() | {"body": body}))
        words = render(view_of(shown, body_of(shown), lambda _: "https://c.example/"), "zh")
        found.append((*vars(shown).values(), words))
    return [*found, *field.rows("notice_entries"), *field.rows("notice_groups"), *field.rows("notice_held")]


@pytest.mark.parametrize("seed", seeds(5, quick=1, new=1))
def test_two_stores_alike_but_for_findings_of_money_laundering_give_the_same_notices(
    two: tuple[Field, Field], seed: int
) -> None:
    plain_one, secret = two
    draw = random.Random(seed)
    shops = [f"m{k}" for k in range(5)]
    by_grade = SHIPPED.read_text(encoding="utf-8").replace("group_by: [lane]", "group_by: [lane, grade]")
    for field in two:
        field.route(by_grade)
        field.person("rep-1", supervisor_id="sup", wecom_id="one")
        field.person("sup", "supervisor", wecom_id="head")
        for each in shops:
            field.shop(each)
    names = [each.name for each in DETECTORS]
    for k in range(9):
        step_ms = draw.choice([MINUTE_MS, 20 * MINUTE_MS, 5 * HOUR_MS])
        merchant_id, detector = draw.choice(shops), draw.choice(names)
        is_confirmed = merchant_id != "m0" and draw.random() < 0.6  # a confirmed alert would be part of its score
        loss, of_aml = draw.randrange(10_000), draw.choice(["m0", *shops])
        for field in two:
            risk: dict[str, Any] = {}
            if field is secret:
                field.alert(f"x{k}", of_aml, detector, risk_code=draw.choice(AML), loss=99_999, severity=0.9)
                part = (Contribution("mcc_jump", 90.0, f"x{k}"),)
                risk = {"score": 90.0, "grade": "E", "contributions": part}
                both = [f"a{k}", f"x{k}"] if of_aml == merchant_id else [f"a{k}"]
                members = {of_aml: [f"x{k}"], merchant_id: both}
                field.file(cause(f"c{k}", members, kind="rep", key="rep-1"))
            scored = msgspec.structs.replace(score("m0", "A", k + 1), score=0.0)
            field.file(msgspec.structs.replace(scored, **risk) if field is secret else scored)
            field.alert(f"a{k}", merchant_id, detector, loss=loss)
            if is_confirmed:
                field.confirm(f"a{k}")
            field.look(step_ms)
    assert plain_one.now_ms == secret.now_ms > NOON_MS
    for one, other in zip(told(plain_one), told(secret), strict=True):
        assert one == other
    assert plain_one.rows("notices")


def test_a_notice_says_nothing_of_what_led_to_it_whatever_did(field: Field) -> None:
    """Not a word of a detector, a code, a grade or a score is kept for templates to show."""
    for k, each in enumerate(DETECTORS):
        field.shop(f"m{k}")
        field.confirmed(f"a{k}", f"m{k}", each.name, severity=0.87654, risk_code=each.risk_code)
    field.look(HOUR_MS)
    assert {e.merchant_id for body in field.bodies().values() for e in body.entries} == {
        f"m{k}" for k in range(len(DETECTORS))
    }
    for row in field.rows("notices"):
        shown = row.body + repr(view_of(row, body_of(row), lambda _: "https://c.example/"))
        for detector in DETECTORS:
            for word in (detector.name, detector.title.en, detector.title.zh, "0.876", "severity", "grade"):
                assert word not in shown
