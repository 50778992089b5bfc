"""The errors of Tillwatch's own."""

from __future__ import annotations


class TillwatchError(Exception):
    """The base of every error that Tillwatch defines.

    A command that one ends prints its message in a line and exits with 1. Any other exception is a bug, or a failure
    of the machine: it keeps its traceback.
    """


class RecordError(TillwatchError, ValueError):
    """A record, or a batch of them, cannot be taken: whoever reads it makes a dead letter of it.

    One that ends a command was not handled where it should have been: it is a bug, and keeps its traceback.
    """
