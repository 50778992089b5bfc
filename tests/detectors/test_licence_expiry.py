"""Business licences that expire: told before, at and after it, until master data has the renewed one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.licence_expiry import RULE, LicenceExpiry
from domain.timestamps import iso
from tests.detectors.made import DAY, HOUR, MIDNIGHT, Till, alerts_of, closed, master, only

if TYPE_CHECKING:
    from domain.alerts import Alert
    from tests.detectors.made import Event

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
EXPIRES = MIDNIGHT + 100 * DAY + 12 * HOUR


def shop(days: int, *more: tuple[int, Event], **terms: Any) -> list[Event]:
    """A shop with a sale each day, closed each day, of which other records come at the beginning of some days."""
    till, made = Till(), [master("5812", **terms)]
    for day in range(days):
        made += [record for at, record in more if at == day]
        made += till.day(day, [{"feed": "f"}])
        made.append(closed(day))
    return made


def expiring(events: list[Event]) -> list[Alert]:
    return alerts_of(events, LicenceExpiry())


def test_a_licence_is_told_of_from_sixty_days_before_it_expires() -> None:
    assert expiring(shop(40, licence_expires_at=EXPIRES)) == []
    alert = only(expiring(shop(41, licence_expires_at=EXPIRES)))
    assert alert.duty is not None
    assert (alert.duty.rule, alert.duty.due, alert.severity) == (RULE, iso(EXPIRES), 0.15)
    assert "By the master data the business licence expires on 11 April: ask" in alert.reason.en


def test_it_is_severer_when_soon_and_when_expired_and_one_story() -> None:
    assert only(expiring(shop(86, licence_expires_at=EXPIRES))).severity == 0.3
    alert = only(expiring(shop(101, licence_expires_at=EXPIRES)))
    assert (alert.severity, alert.hits) == (0.45, 61)
    assert "expired on 11 April: ask" in alert.reason.en
    assert only(expiring(shop(180, licence_expires_at=EXPIRES))).hits == 91


def test_master_data_with_the_renewed_licence_end_it() -> None:
    renewed = master("5812", effective_ms=MIDNIGHT + 70 * DAY, licence_expires_at=EXPIRES + 3652 * DAY)
    alert = only(expiring(shop(150, (70, renewed), licence_expires_at=EXPIRES)))
    assert (alert.hits, alert.closed) == (30, True)
    ahead = master("5812", effective_ms=MIDNIGHT + 39 * DAY, licence_expires_at=EXPIRES + 3652 * DAY)
    assert expiring(shop(150, (39, ahead), licence_expires_at=EXPIRES)) == []


def test_master_data_that_come_late_are_read_by_when_they_hold() -> None:
    older = master("5812", effective_ms=MIDNIGHT - 200 * DAY, licence_expires_at=EXPIRES)
    assert expiring(shop(60, (10, older), licence_expires_at=EXPIRES + 3652 * DAY)) == []


def test_a_merchant_whose_licence_is_not_known_is_silent() -> None:
    assert expiring(shop(60)) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ahead_d", 0), ("soon_d", -1), ("after_d", 400), ("ahead", 2), ("soon", -1), ("expired", 2), ("quiet_gap_s", 0)],
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        LicenceExpiry(**{setting: value})  # type: ignore[arg-type]
