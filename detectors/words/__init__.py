"""What analysts read: a detector's title, and its sentence as a function of an alert's facts.

A module for each detector: `TITLE`, `Facts` and `sentence(facts, currency)`. A detector fills `Facts`; nothing here
knows of columns or settings, so that an alert's sentence can be said again, or otherwise, from the alert alone. A field
that is added to `Facts` later has a default: alerts of before lack it.
"""
