"""The routing of notices that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from notices.routing.reading import read_routing

if TYPE_CHECKING:
    from notices.routing.routes import Routing
    from tillwatch.settings import Settings


def routing_of(settings: Settings) -> Routing:
    """Who hears of what; raises RoutingError or OSError where the file cannot be."""
    return read_routing(Path(settings.notices_routing)) if settings.notices_routing else read_routing()
