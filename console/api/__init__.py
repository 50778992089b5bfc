"""The API for programs, under `/api/v1`: a module for each kind of thing, with a `router`; `RESOURCES` names them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

PREFIX = "/api/v1"
RESOURCES = (
    "alerts", "cases", "bulks", "flags", "escalations", "reminders", "decisions", "actions", "verdicts",
    "suppressions", "merchants", "overrides", "causes", "audit", "events", "inspections",
)  # fmt: skip


def routers() -> list[APIRouter]:
    """The routes of every kind of thing."""
    return [import_module(f"console.api.{name}").router for name in RESOURCES]
