from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.casework.conftest import database, log, postgres, postgres_template, store, template
from tests.notices.field import Field

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog

__all__ = ["database", "log", "postgres", "postgres_template", "store", "template"]


@pytest.fixture
def field(store: Store, log: SqliteLog) -> Field:
    return Field(store, log)
