"""The kinds of tasks; what they are called is in `casework.tasks.words`."""

from __future__ import annotations

VISIT, CALL, DOCUMENTS, REPAIR, RECHECK, INSPECTION = "visit", "call", "documents", "repair", "recheck", "inspection"
WARNING = "warning"
HELPS = (CALL, REPAIR, INSPECTION, WARNING)
"""What helps a shop, and is still to be done once its case is confirmed."""
