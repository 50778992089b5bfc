"""Curves from raw severity to severity, by detector, and the detectors that have none.

Written by `python -m bench.severity --write`.
"""

CURVES: dict[str, tuple[tuple[float, float], ...]] = {}

UNCALIBRATED: dict[str, str] = {}
"""Why a detector has no curve; its severity stays raw."""
