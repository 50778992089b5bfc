"""The casework store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework.store import Store
from casework.working_days import WorkingDays

if TYPE_CHECKING:
    from tillwatch.settings import Settings


def open_store(settings: Settings) -> Store:
    """The settings' casework store, of whatever version. Raises OSError where its password cannot be read."""
    days = WorkingDays(settings.country, settings.time_zone)
    return Store(settings.casework_url, settings.casework_password(), days)
