"""`tillwatch stress`: sends sales at a fixed rate, and measures how long the alerts about some of them take."""

from tillwatch.stress.run import command

__all__ = ["command"]
