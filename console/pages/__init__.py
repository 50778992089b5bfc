"""A module for each page, with a `router` of its routes; `PAGES` names them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

PAGES = (
    "audit", "case", "case_acts", "causes", "controls", "live", "login", "merchants", "metrics", "notice_templates",
    "notices", "papers", "phone", "phone_photos", "phone_shops", "portfolio", "queue", "queue_table", "reports", "reps",
    "search", "second_looks", "settings", "shops", "tasks", "tokens", "user_table", "users", "visits", "work",
)  # fmt: skip


def routers() -> list[APIRouter]:
    """The routes of every page."""
    return [import_module(f"console.pages.{name}").router for name in PAGES]
